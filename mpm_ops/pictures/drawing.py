"""Lines and bars of a frame, and what all our pictures have in common."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from mpm_ops.errors import UsageError
from mpm_ops.pictures.lettering import lettering
from mpm_ops.pictures.series import Series, limited, series

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["line", "bar", "barh"]

#: Told apart by those who do not see all colours, too (M. A. Petroff, Accessible color sequences, 2021).
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
#: Points of a line up to which each is marked.
_MARKED = 40
#: Names of bars that are written, of those that lie and of those that stand; letters that fit into an inch.
_LYING, _NAMED, _LETTERS = 80, 24, 13
#: Numbers along a line that lies, beside each other.
_NUMBERS = 5
#: What standing bars leave free above them for the colours' explanation, in their own height.
_KEY = 0.3
#: Colours that are explained within the picture.
_BESIDE = 4
#: Characters of a line of a title.
_TITLE = 76
#: Inches: of a picture, of the tallest, and of a bar that lies.
_WIDTH, _HEIGHT, _TALLEST, _BAR = 8.0, 4.0, 24.0, 0.28
#: Inches of one of several pictures in one.
_PANEL = (5.5, 3.0)


def plot(
    frame: pd.DataFrame,
    x: str | None = None,
    y: str | Sequence[str] | None = None,
    *,
    by: str | None = None,
    kind: Kind | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the columns `y` of a frame over its column `x`, in one colour for each value of `by`; return the Axes.

    Without names: the numbers (ids are none) over the first other column, by `company` where there are several.
    `kind` is "line" for dates, numbers and texts such as 2026-03, else "barh": bars in the order of the frame. Rows
    alike in `x` and `by` are added up, and the axis says so; of many bars or colours the smallest become one, "others".

    Raises UsageError for a column that is not there, and when there is no number to draw.
    """
    if kind not in (None, "line", "bar", "barh"):
        raise UsageError(f"kind is {kind!r}", hint='Write kind="line", "bar" or "barh".')
    found = limited(series(frame, x, y, by=by), len(COLOURS))
    kind = kind or ("barh" if found.scale == "names" else "line")
    ax = ax or canvas(len(found.places) * max(1, 0.6 * found.most) if kind == "barh" else 0)
    if kind == "line":
        _lines(ax, found)
    else:
        _bars(ax, found, flat=kind == "barh")
    words(ax, title=title, across=found.over, up=found.measure, flat=kind == "barh")
    if found.is_split:
        beside = kind == "barh" or len(found.points) > _BESIDE
        if kind == "bar" and not beside:
            low, high = ax.get_ylim()
            ax.set_ylim(low, high + _KEY * (high - low))
        _legend(ax, [*found.points], beside=beside)
    return ax


def canvas(bars: float = 0) -> Axes:
    """Return empty Axes of a new figure, tall enough for so many lying bars. Raises UsageError without matplotlib."""
    height = min(max(1.6, 1.2 + bars * _BAR), _TALLEST) if bars else _HEIGHT
    return _figure(_WIDTH, height).add_subplot(axes_class=_shown())


def panels(count: int, *, columns: int = 2) -> list[Axes]:
    """Return so many empty Axes of one figure, side by side in rows, each to be drawn into as `ax`.

    Any of them shows the whole figure: let the first be a cell's last value. Raises UsageError without matplotlib.
    """
    rows = -(-count // columns)
    figure = _figure(columns * _PANEL[0], rows * _PANEL[1])
    return [figure.add_subplot(rows, columns, number + 1, axes_class=_shown()) for number in range(count)]


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise UsageError("matplotlib is not installed", hint="pip install 'mpm-ops[notebook]'") from exc
    return Figure(figsize=(width, height), layout="constrained")


@cache
def _shown() -> type[Axes]:
    """Return the class of our Axes, made late because matplotlib is loaded late."""
    from matplotlib.axes import Axes

    class Picture(Axes):
        """Axes that a notebook shows as the picture that they are part of."""

        def _repr_png_(self) -> bytes:
            data, figure = io.BytesIO(), self.get_figure(root=True)
            assert figure is not None  # noqa: S101 nobody takes them out of it
            # Without the version that matplotlib writes into it, the same picture is the same file.
            figure.savefig(data, format="png", dpi=96, metadata={"Software": None})
            return data.getvalue()

    return Picture


def _lines(ax: Axes, found: Series) -> None:
    named = found.scale == "names"
    places: Sequence[Any] = range(len(found.places)) if named else found.places
    marker = "o" if len(places) <= _MARKED else ""
    for (name, points), colour in zip(found.points.items(), COLOURS, strict=False):
        ax.plot(places, found.along(points), color=colour, marker=marker, markersize=4, label=lettering(name))
    if named:
        name_bars(ax, found.names, flat=False)
    elif found.scale == "dates":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(minticks=2, maxticks=13)  # type: ignore[no-untyped-call]  # has no types
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # has no types
    else:
        ax.xaxis.set_major_formatter(number)
    _ground(ax, found, flat=False)


def _bars(ax: Axes, found: Series, *, flat: bool) -> None:
    """Draw the bars of a place beside each other: as many as there are, all of one thickness."""
    there = [[name for name, points in found.points.items() if place in points] for place in found.places]
    thickness = 0.8 / found.most
    for (name, points), colour in zip(found.points.items(), COLOURS, strict=False):
        spots = [i for i, names in enumerate(there) if name in names]
        middles = [i + thickness * (there[i].index(name) - (len(there[i]) - 1) / 2) for i in spots]
        lengths = [points[found.places[i]] for i in spots]
        (ax.barh if flat else ax.bar)(middles, lengths, thickness, color=colour, label=lettering(name))
    name_bars(ax, found.names, flat=flat)
    _ground(ax, found, flat=flat)


def _ground(ax: Axes, found: Series, *, flat: bool) -> None:
    """Write the numbers, and let their axis begin at zero, unless some are below it."""
    (ax.xaxis if flat else ax.yaxis).set_major_formatter(number)
    if flat:
        ax.locator_params("x", nbins=_NUMBERS)
    values = [value for points in found.points.values() for value in points.values()]
    if all(value >= 0 for value in values):
        (ax.set_xlim if flat else ax.set_ylim)(0)
        if not flat:
            # The room above is a part of the span between the lowest and the highest, which may be next to nothing.
            ax.set_ylim(top=max(ax.get_ylim()[1], 1.05 * max(values, default=0)))


def name_bars(ax: Axes, names: Sequence[object], *, flat: bool) -> None:
    """Write the names at bars that are drawn at 0, 1, 2 ..."""
    labels = [lettering(name) for name in names]
    every = max(1, -(-len(labels) // (_LYING if flat else _NAMED)))
    if flat:
        ax.set_yticks(range(0, len(labels), every), labels[::every])
        ax.set_ylim(max(len(labels), 1) - 0.5, -0.5)  # the first one on top
        return
    inches = ax.bbox.width / ax.figure.dpi
    slanted = sum(map(len, labels[::every])) > _LETTERS * inches
    ax.set_xticks(range(0, len(labels), every), labels[::every])
    ax.tick_params("x", rotation=30 if slanted else 0)
    for label in ax.get_xticklabels() if slanted else []:
        label.set_horizontalalignment("right")


def words(ax: Axes, *, title: str, across: str, up: str, flat: bool) -> None:
    """Write the title and the axes' names, of which `up` is the numbers', and rule the paper."""
    across, up = lettering(across), lettering(up)
    wrapped = textwrap.wrap(title, _TITLE, max_lines=3, placeholder=" …")
    ax.set_title("\n".join(lettering(line, width=_TITLE) for line in wrapped), fontsize="medium")
    ax.set(xlabel=up if flat else across, ylabel=across if flat else up)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="x" if flat else "y", color="0.9")
    ax.set_axisbelow(True)


def number(value: float, _: object = None) -> str:
    """Write a number as a reader does: 12,000 and 0.25, and a year without a comma."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:g}"


def _legend(ax: Axes, names: Sequence[str], *, beside: bool) -> None:
    """Explain the colours, in the picture or beside it."""
    from matplotlib.patches import Patch

    # Of artists matplotlib leaves out those whose names begin with an underscore.
    key = [Patch(color=colour, label=lettering(name)) for name, colour in zip(names, COLOURS, strict=False)]
    if beside:
        ax.legend(handles=key, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    else:
        ax.legend(handles=key, frameon=False)
