"""Months of rows: how the server is asked for some of them, and what tells the rows of a month from other ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from psycopg import sql

from mpm_ops.lake.shapes import Shape

#: The first day of a month; None stands for rows that lie in none, and for all rows of a table without months.
Month: TypeAlias = dt.date | None

#: Whether a moment is one that Python and Arrow have: infinity is none. In UTC, for which the guard sets the session.
_HELD = sql.SQL("{0} >= '0001-01-01' AND {0} < '10000-01-01'")
_CREATED = _HELD.format(sql.SQL("created_at"))
_MONTH = sql.SQL("CASE WHEN {} THEN date_trunc('month', created_at)::date END").format(_CREATED)
_NO_MONTH = sql.SQL("NULL::date")
#: Rows that the server is asked to sort at a time: what does not fit into its memory goes into files, of which a
#: short-lived login may have 2 GB.
SORTED = 2_000_000
#: Hashes are added up without regard to what overflows.
_WRAP = 2**64


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What tells the rows of a month from other ones, in whatever order they are: how many, and their hashes' sum."""

    rows: int
    hashes: int

    def __add__(self, other: Mark) -> Mark:
        return Mark(rows=self.rows + other.rows, hashes=(self.hashes + other.hashes) % _WRAP)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Rows of one month that arrived together."""

    month: Month
    rows: pa.Table
    mark: Mark
    #: Moments of these rows that files cannot hold, and that are NULL there.
    beyond: int


def marks_question(shapes: Mapping[str, Shape], *, by_stamp: Collection[str]) -> str:
    """Return the question for the marks of all months, of several tables at once: name, month, rows, hashes."""
    each = [
        sql.SQL("(SELECT {} AS name, {}, count(*), sum({}) FROM ({}) AS lake_row GROUP BY 2)").format(
            sql.Literal(name), _month(shape), _hash(by_stamp=name in by_stamp), shape.selected
        )
        for name, shape in shapes.items()
    ]
    return sql.SQL("\nUNION ALL ").join(each).as_string()


def marks(answered: Sequence[tuple[str, dt.date | None, int, int]]) -> dict[str, dict[Month, Mark]]:
    """Return the marks by table and month, of what `marks_question` is answered with."""
    found: dict[str, dict[Month, Mark]] = {}
    for name, month, rows, hashes in answered:
        found.setdefault(name, {})[month] = Mark(rows=rows, hashes=int(hashes) % _WRAP)
    return found


def portions(months: Mapping[Month, int]) -> list[list[Month]]:
    """Return months of so many rows in portions that the server can sort, each a question of its own."""
    found: list[list[Month]] = []
    room = 0
    for month in in_order(months):
        room -= months[month]
        if room < 0 or not found:
            found.append([])
            room = SORTED - months[month]
        found[-1].append(month)
    return found


def rows_question(
    shape: Shape, months: Collection[Month] | None, *, by_stamp: bool, sort: bool = True, held: bool = False
) -> str:
    """Return the question for the rows of some months, None for all, a month after the other.

    Before their own columns come the month and the hash, so that what was written is known as it was read. In order of
    time and id the same rows make the same file, and a reader skips what is out of the time that it looks for; rows of
    one month need not be sorted. With `held`, moments that no file holds are NULL, and how many of a row are comes
    last: that takes its time, and hardly any table has one.
    """
    names = {one.name for one in shape.columns}
    order = ["1", *(name for name in ("created_at", "id") if name in names)]
    columns: sql.Composable = sql.SQL("lake_row.*")
    if held:
        beyond = sql.SQL(" + ").join([sql.Literal(0), *map(_beyond, shape.moments)])
        columns = sql.SQL(", ").join([*(_held(one.name, shape) for one in shape.columns), beyond])
    return (
        sql.SQL("SELECT {}, {}, {} FROM ({}) AS lake_row{}{}")
        .format(
            _month(shape),
            _hash(by_stamp=by_stamp),
            columns,
            shape.selected,
            sql.SQL("") if months is None else sql.SQL(" WHERE {}").format(_among(months)),
            sql.SQL(f" ORDER BY {', '.join(order)}" if sort else ""),
        )
        .as_string()
    )


def in_order(months: Iterable[Month]) -> list[Month]:
    """Return months in the order of time; rows that lie in none come last."""
    return sorted(months, key=lambda month: month or dt.date.max)


def pieces(batch: Sequence[pa.Array], names: Sequence[str]) -> Iterator[Piece]:
    """Split a batch of what `rows_question` is answered with where a month ends."""
    months, hashes, *columns = batch
    table = pa.table(columns[: len(names)], names=names)
    days = months.cast(pa.int32()).fill_null(np.iinfo(np.int32).min).to_numpy()
    values = hashes.to_numpy()
    # Only where the question was to tell.
    beyond = columns[-1].to_numpy() if len(columns) > len(names) else np.zeros(len(days), np.int32)
    edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)] if len(days) else []
    for start, end in pairwise(edges):
        total = int(np.sum(values[start:end], dtype=np.int64))
        yield Piece(
            month=months[start].as_py(),
            rows=table.slice(start, end - start),
            mark=Mark(rows=end - start, hashes=total % _WRAP),
            beyond=int(np.sum(beyond[start:end])),
        )


def _month(shape: Shape) -> sql.Composable:
    return _MONTH if shape.has_months else _NO_MONTH


def _held(name: str, shape: Shape) -> sql.Composable:
    """Return a column as files can hold it."""
    column = sql.Identifier(name)
    if name not in shape.moments:
        return column
    return sql.SQL("CASE WHEN {} THEN {} END AS {}").format(_HELD.format(column), column, column)


def _beyond(name: str) -> sql.Composable:
    return sql.SQL("CASE WHEN NOT ({}) THEN 1 ELSE 0 END").format(_HELD.format(sql.Identifier(name)))


def _hash(*, by_stamp: bool) -> sql.SQL:
    """Return the hash of a row: of all that it holds, or where that tells its version, of its id and time stamp."""
    return sql.SQL(f"hash_record_extended(ROW({'id, updated_at' if by_stamp else 'lake_row.*'}), 0)")


def _among(months: Collection[Month]) -> sql.Composable:
    """Return the condition that a row lies in one of the months; those that follow on each other are one range."""
    ranges: list[tuple[dt.date, dt.date]] = []
    for month in sorted(one for one in months if one is not None):
        if ranges and ranges[-1][1] == month:
            ranges[-1] = (ranges[-1][0], _next(month))
        else:
            ranges.append((month, _next(month)))
    either: list[sql.Composable] = [
        sql.SQL("created_at >= {} AND created_at < {}").format(_day(first), _day(end)) for first, end in ranges
    ]
    if None in months:
        either.append(sql.SQL("({}) IS NOT TRUE").format(_CREATED))
    return sql.SQL(" OR ").join(either)


def _next(month: dt.date) -> dt.date:
    # The year after 9999 has no date in Python: the last month's last day ends it, see `_day`.
    return dt.date.max if month >= _LAST else (month + dt.timedelta(days=31)).replace(day=1)


def _day(day: dt.date) -> sql.Literal:
    return sql.Literal("10000-01-01" if day == dt.date.max else day.isoformat())


_LAST = dt.date(9999, 12, 1)
