"""How a run went on, as a picture within a page: it follows the page's colours, and needs no matplotlib."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence

from mpm_ops.records import FleetReport, Status, Step, course

#: The picture, and what is drawn on within it.
_WIDTH, _HEIGHT = 960, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 10, 34
#: Numbers at an axis, at most.
_TICKS = 6
#: Where no page gives colours: readable on white and on black.
_COLOURS = (
    ".done{fill:#3f90da}.skipped{fill:#92dadd}.busy{fill:#ffa90e}.failed{fill:#bd1f01}"
    "line{stroke:#94a4a2}text{fill:#7d8894;font:12px sans-serif}"
)
#: From the ground up.
_ORDER = (Status.DONE, Status.SKIPPED, Status.BUSY, Status.FAILED)


def over_time(report: FleetReport) -> str:
    """Return how many companies had come out, stacked by outcome, over the seconds since the run began, as SVG.

    Empty when nobody has come out, or the account does not say when.
    """
    steps = course(report)
    if not steps:
        return ""
    until, total = steps[-1].seconds or 1.0, len(report.outcomes)
    parts = [*_grid(until, total), *_areas(steps, until, total)]
    told = ", ".join(f"{count} {status}" for status, count in steps[-1].counts.items())
    label = f"Companies that had come out, over {until:.1f} seconds: {told} of {total} in the end"
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def picture(report: FleetReport) -> str:
    """Return the same as an address, `data:image/svg+xml…`, for a page that is not ours; empty when that is."""
    drawn = over_time(report)
    if not drawn:
        return ""
    alone = drawn.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" ', 1)
    styled = alone.replace(">", f"><style>{_COLOURS}</style>", 1)
    return f"data:image/svg+xml;base64,{base64.b64encode(styled.encode()).decode()}"


def _areas(steps: Sequence[Step], until: float, total: int) -> Iterator[str]:
    ground = [0] * len(steps)
    for status in _ORDER:
        if status not in steps[-1].counts:
            continue
        top = [low + step.counts.get(status, 0) for low, step in zip(ground, steps, strict=True)]
        there = _stairs(steps, top, until, total)
        back = reversed(_stairs(steps, ground, until, total))
        yield f'<path class="{status.value}" d="M{" L".join([*there, *back])} Z"/>'
        ground = top


def _stairs(steps: Sequence[Step], heights: Sequence[int], until: float, total: int) -> list[str]:
    """Return the corners of a line that rises when something happens, and not before."""
    corners = []
    before = heights[0]
    for step, height in zip(steps, heights, strict=True):
        corners += [(_x(step.seconds, until), _y(before, total)), (_x(step.seconds, until), _y(height, total))]
        before = height
    return [f"{x:.1f},{y:.1f}" for x, y in dict.fromkeys(corners)]


def _grid(until: float, total: int) -> Iterator[str]:
    ground = _y(0, total)
    for count in _ticks(total, whole=True):
        y = _y(count, total)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{count:,.0f}</text>'
    for seconds in _ticks(until):
        x = _x(seconds, until)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{ground}" y2="{ground + 4}"/>'
        yield f'<text x="{x:.1f}" y="{ground + 18}" text-anchor="middle">{seconds:,g}</text>'
    yield f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 2}" text-anchor="end">seconds</text>'


def _ticks(most: float, *, whole: bool = False) -> list[float]:
    """Return round numbers from zero on, up to a largest one."""
    raw = most / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    gap = next(power * one for one in (1, 2, 5, 10) if power * one >= raw)
    gap = max(gap, 1.0) if whole else gap
    return [round(gap * number, 9) for number in range(int(most / gap + 1e-9) + 1)]


def _x(seconds: float, until: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * seconds / until


def _y(count: float, total: int) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * count / max(1, total)
