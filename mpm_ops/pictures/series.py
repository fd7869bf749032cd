"""What a picture shows of a frame: which columns, as which series, over which places."""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from mpm_ops.errors import UsageError
from mpm_ops.records import counted

if TYPE_CHECKING:
    import pandas as pd

#: Bars that are drawn; of more the smallest become one.
MOST = 30
#: Texts that are times, how strptime reads them, and what it needs behind them.
_TIMES = {r"\d{4}-\d{2}": ("%Y-%m", ""), r"\d{4}-\d{2}-\d{2}": ("%Y-%m-%d", ""), r"\d{4}-W\d{2}": ("%G-W%V-%u", "-1")}
#: Of dates that are drawn as such: an axis goes on beyond its dates, and matplotlib's ends before year 1 and 10 000.
_YEARS = range(1000, 9000)

#: The column that says what amounts are in; figures have it.
_CURRENCY = "currency"

Scale = Literal["dates", "numbers", "names"]
#: Numbers by place.
Points = Mapping[Hashable, float]


@dataclass(frozen=True, kw_only=True)
class Series:
    """Numbers over places, by the name of their series."""

    #: The column of the places, and what the numbers are.
    over: str
    measure: str
    #: What the places are: dates or numbers, in their order, or names, in the frame's.
    scale: Scale
    places: Sequence[Hashable]
    #: The places as text, where that is not what they are: 2026-03 is a day, too.
    texts: Mapping[Hashable, str]
    points: Mapping[str, Points]
    #: Whether it takes the names of the series to read the picture.
    is_split: bool

    @property
    def names(self) -> list[str]:
        """The places as text."""
        return [self.texts.get(place) or _name(place) for place in self.places]

    @property
    def most(self) -> int:
        """How many series have a number at one place, at most."""
        return max([1, *(sum(place in points for points in self.points.values()) for place in self.places)])

    def along(self, points: Points) -> list[float]:
        """Return a number for each place; NaN where there is none."""
        return [points.get(place, math.nan) for place in self.places]


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    x: str | None
    measures: Sequence[str]
    by: str | None


def series(frame: pd.DataFrame, x: str | None, y: str | Sequence[str] | None, *, by: str | None) -> Series:
    """Return what `plot` draws of a frame. Raises UsageError."""
    columns, numbers = _columns(frame)
    chosen = _choose(columns, numbers, x, [y] if isinstance(y, str) else list(y or ()), by)
    column = columns[chosen.x] if chosen.x else list(range(1, len(frame) + 1))
    scale, places = _scaled(column)
    split = [name for name in (chosen.by, _currency(columns, chosen)) if name]
    groups = [", ".join(_name(columns[name][row]) for name in split) for row in range(len(frame))]
    points: dict[str, dict[Hashable, float]] = {}
    added = False
    for measure in chosen.measures:
        for group, place, value in zip(groups, places, columns[measure], strict=True):
            of = measure if len(chosen.measures) > 1 else ""
            own = points.setdefault(", ".join(filter(None, (group, of))) or measure, {})
            if value is not None and math.isfinite(value) and not (place is None and scale != "names"):
                added = added or place in own
                own[place] = own.get(place, 0.0) + float(value)
    known = dict.fromkeys(place for place in places if place is not None or scale == "names")
    told = chosen.measures[0] if len(chosen.measures) == 1 else ""
    return Series(
        over=chosen.x or "row",
        measure=f"{told} (sum)".strip() if added else told,
        scale=scale,
        places=list(known) if scale == "names" else sorted(known),
        texts={place: text for place, text in zip(places, column, strict=True) if isinstance(text, str)},
        points=points,
        is_split=bool(split) or len(chosen.measures) > 1,
    )


def _currency(columns: Mapping[str, Sequence[Any]], chosen: _Chosen) -> str | None:
    """Return the column of currencies where there are several: what is in one is never added to what is in another."""
    several = len({*columns.get(_CURRENCY, ())} - {None}) > 1
    return _CURRENCY if several and _CURRENCY not in (chosen.x, chosen.by) else None


def limited(found: Series, most: int) -> Series:
    """Return at most so many series, and of names at most as many as there are bars: the smallest become one."""
    weights = {name: sum(map(abs, points.values())) for name, points in found.points.items()}
    kept, rest = _largest(weights, most)
    if rest:
        together: dict[Hashable, float] = {}
        for name in rest:
            _add(together, found.points[name])
        found = replace(found, points={name: found.points[name] for name in kept} | {_others(rest): together})
    if found.scale != "names":
        return found
    totals: dict[Hashable, float] = dict.fromkeys(found.places, 0.0)
    for points in found.points.values():
        _add(totals, {place: abs(number) for place, number in points.items()})
    places, small = _largest(totals, MOST)
    if not small:
        return found
    return replace(
        found,
        places=[*places, _others(small)],
        points={name: _gathered(points, set(small), _others(small)) for name, points in found.points.items()},
    )


def _columns(frame: pd.DataFrame) -> tuple[dict[str, list[Any]], set[str]]:
    """Return the values of each column, None for NULL, and which columns hold numbers."""
    import pandas as pd

    columns: dict[str, list[Any]] = {}
    numbers = set[str]()
    for i, label in enumerate(frame.columns):
        name, column = str(label), frame.iloc[:, i]
        if name in columns:
            continue
        missing = column.isna().tolist()
        columns[name] = [None if gone else value for value, gone in zip(column.tolist(), missing, strict=True)]
        present = [value for value in columns[name] if value is not None]
        empty = not present and pd.api.types.is_numeric_dtype(column.dtype)
        if empty or (present and all(map(_is_number, present))):
            numbers.add(name)
    return columns, numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, (Real, Decimal)) and not isinstance(value, bool)


def _choose(
    columns: Mapping[str, Sequence[Any]], numbers: set[str], x: str | None, measures: Sequence[str], by: str | None
) -> _Chosen:
    """Fill in the columns that were not named. Raises UsageError."""
    for name in filter(None, (x, by, *measures)):
        if name not in columns:
            raise UsageError(f"there is no column {name[:60]!r}", hint=_near(name, columns))
    if strays := [name for name in measures if name not in numbers]:
        raise UsageError(f"{strays[0][:60]} holds no numbers", hint=_listed("Those that do:", numbers))
    plain = [name for name in columns if name in numbers and not re.fullmatch(r"(.*_)?id", name)]
    several = "company" in columns and len(set(columns["company"])) > 1
    # A column of nothing but NULL is no place, and what an amount is in is none either.
    bare = {_CURRENCY, *(name for name, values in columns.items() if not any(value is not None for value in values))}
    others = [name for name in columns if name not in {by, *measures, *bare} and name not in numbers]
    if x is None:
        # By default the colour is the company's, and the place something else.
        spoken = [name for name in others if not (name == "company" and several and by is None)]
        free = [name for name in plain if name != by]
        spoken += ["company"] if "company" in others else []
        spoken += free[:1] if not measures and len(free) > 1 else []
        spoken += [_CURRENCY] if _CURRENCY in columns else []
        x = spoken[0] if spoken else None
    if by is None and several and "company" not in (x, *measures):
        by = "company"
    measures = measures or [name for name in plain if name not in (x, by)]
    if not measures:
        raise UsageError("there is no number to draw", hint=_listed("The columns are", columns))
    return _Chosen(x=x, measures=measures, by=by)


def _scaled(values: Sequence[Any]) -> tuple[Scale, Sequence[Any]]:
    """Tell what places are, and return them as that."""
    present = [value for value in values if value is not None]
    if present and all(map(_is_number, present)):
        return "numbers", [None if value is None else float(value) for value in values]
    if present and all(isinstance(value, dt.date) and value.year in _YEARS for value in present):
        return "dates", values
    if present and all(isinstance(value, str) for value in present):
        for pattern, (form, behind) in _TIMES.items():
            if all(re.fullmatch(pattern, value) for value in present):
                try:
                    return "dates", [None if value is None else _date(value + behind, form) for value in values]
                except ValueError:  # month 13
                    break
    return "names", [value if isinstance(value, Hashable) else str(value) for value in values]


def _date(text: str, form: str) -> dt.date:
    return dt.datetime.strptime(text, form).date()  # noqa: DTZ007 a day has no zone


def _largest(weights: Mapping[Any, float], most: int) -> tuple[list[Any], list[Any]]:
    """Return the keys of the largest weights, so many with the one for the others, and the others; in their order."""
    if len(weights) <= most:
        return list(weights), []
    kept = set(sorted(weights, key=lambda key: -weights[key])[: most - 1])
    return [key for key in weights if key in kept], [key for key in weights if key not in kept]


def _others(those: Sequence[object]) -> str:
    return counted(len(those), "other")


def _gathered(points: Points, small: set[Hashable], name: str) -> Points:
    gathered: dict[Hashable, float] = {}
    for place, number in points.items():
        _add(gathered, {name if place in small else place: number})
    return gathered


def _add(sums: dict[Hashable, float], points: Points) -> None:
    for place, number in points.items():
        sums[place] = sums.get(place, 0.0) + number


def _name(value: object) -> str:
    """Return a place as text: a day without its midnight, and NULL by its name."""
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).removesuffix("+00:00").removesuffix(" 00:00:00") if isinstance(value, dt.date) else str(value)


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"Did you mean {', '.join(close)}?" if close else _listed("The columns are", known)


def _listed(words: str, names: Iterable[str]) -> str:
    shown = [name for name, _ in zip(names, range(12), strict=False)]
    return f"{words} {', '.join(shown)}" if shown else ""
