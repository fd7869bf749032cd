"""The state of the fleet, and how a run went."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mpm_ops.pictures.drawing import COLOURS, canvas, name_bars, number, words
from mpm_ops.pictures.series import MOST
from mpm_ops.records import FleetReport, FleetStatus, Spread, Status, counted, course

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GOOD, _WARN, _BAD, _REST, _PALE = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[3], COLOURS[9]
_OUTCOMES = {
    Status.DONE: _GOOD,
    Status.SKIPPED: _PALE,
    Status.BUSY: _WARN,
    Status.FAILED: _BAD,
    Status.UNTOUCHED: _REST,
}


def revision_spread(status: FleetStatus, *, ax: Axes | None = None) -> Axes:
    """Draw how many companies are at which revision, the newest in blue; return the Axes."""
    from matplotlib.ticker import MaxNLocator

    often, rare = status.revisions[:MOST], status.revisions[MOST:]  # the most frequent first
    bars = [(_revision(one), one.companies, _GOOD if one.newest else _WARN) for one in often]
    if rare:
        bars.append((counted(len(rare), "other"), sum(one.companies for one in rare), _WARN))
    if away := sum(state.heads is None for state in status.states):
        bars.append(("out of reach", away, _BAD))
    ax = ax or canvas(len(bars))
    drawn = ax.barh(range(len(bars)), [bar[1] for bar in bars], color=[bar[2] for bar in bars])
    ax.bar_label(drawn, padding=4)
    ax.margins(x=0.1)
    name_bars(ax, [bar[0] for bar in bars], flat=True)
    at = sum(one.companies for one in status.revisions if one.newest)
    title = f"{at} of {counted(len(status.states), 'company')} at the newest revision"
    words(ax, title=title, across="", up="companies", flat=True)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.xaxis.set_major_formatter(number)
    return ax


def fleet_progress(report: FleetReport, *, ax: Axes | None = None) -> Axes:
    """Draw the seconds of work that each company of a run took, the longest first, in the colour of its outcome."""
    from matplotlib.patches import Patch

    outcomes = sorted(report.outcomes, key=lambda one: -one.seconds)
    seconds, colours = [one.seconds for one in outcomes], [_OUTCOMES[one.status] for one in outcomes]
    named = len(outcomes) <= MOST
    ax = ax or canvas(len(outcomes) if named else 0)
    if named:
        drawn = ax.barh(range(len(outcomes)), seconds, color=colours)
        # Who failed at once has a bar that nobody sees.
        ax.bar_label(drawn, ["" if one.status is Status.DONE else one.status.value for one in outcomes], padding=4)
        ax.margins(x=0.1)
        name_bars(ax, [one.company for one in outcomes], flat=True)
    else:
        ax.bar(range(1, len(outcomes) + 1), seconds, width=1.0, color=colours)
    across = "" if named else "companies, the longest first"
    words(ax, title=str(report), across=across, up="seconds of work", flat=named)
    counts = Counter(one.status for one in outcomes)
    key = [Patch(color=_OUTCOMES[status], label=f"{status} ({count})") for status, count in counts.items()]
    if key:
        ax.legend(handles=key, frameon=False)
    return ax


def fleet_over_time(report: FleetReport, *, ax: Axes | None = None) -> Axes:
    """Draw how many companies of a run had come out, stacked by outcome, over the seconds since it began.

    Returns the Axes; they are empty when nobody has come out, or the account does not say when.
    """
    from matplotlib.ticker import MaxNLocator

    ax = ax or canvas()
    steps = course(report)
    seconds = [step.seconds for step in steps]
    statuses = [status for status in _OUTCOMES if steps and status in steps[-1].counts]
    heights = [[step.counts.get(status, 0) for step in steps] for status in statuses]
    colours = [_OUTCOMES[status] for status in statuses]
    labels = [f"{status} ({steps[-1].counts[status]})" for status in statuses]
    if steps:
        ax.stackplot(seconds, *heights, colors=colours, labels=labels, step="post")
        ax.legend(frameon=False, loc="upper left")
        ax.set_xlim(0, seconds[-1] or 1)
    ax.set_ylim(0, max(1, len(report.outcomes)))
    words(ax, title=str(report), across="seconds since the run began", up="companies", flat=False)
    ax.xaxis.set_major_formatter(number)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(number)
    return ax


def _revision(spread: Spread) -> str:
    return f"{', '.join(spread.heads) or 'none'}{' (newest)' if spread.newest else ''}"
