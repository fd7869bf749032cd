"""Book: rows of many tables under construction, with their ids and their time stamps."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mpm_ops.demo.profiles import Profile

#: Ids begin here, above those of the rows that every new company has.
FIRST_ID = 1000


@dataclass(frozen=True)
class Ref:
    """A row that the database has already, to be looked up when the rows are written."""

    table: str
    #: Looked up by this; without it the first row of the table is meant.
    column: str = "id"
    value: str | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of one table, ready to be copied."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Business:
    """All rows of a made-up business, in an order in which references are met."""

    profile: Profile
    tables: Mapping[str, Table]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(len(table.rows) for table in self.tables.values())


class Book:
    """What the chapters of a business write into."""

    def __init__(self, profile: Profile, until: dt.date) -> None:
        self.profile = profile
        self.random = random.Random(profile.seed)  # noqa: S311 - the same rows every time, and nothing secret
        #: The year of business; nothing happens after its end.
        self.end = dt.datetime.combine(until, dt.time(23, 59, 59), dt.UTC)
        self.start = dt.datetime.combine(until - dt.timedelta(days=364), dt.time(), dt.UTC)
        self._tables: dict[str, dict[int, dict[str, Any]]] = {}

    def add(self, table: str, at: dt.datetime, **values: Any) -> int:
        """Write a row made at `at`; return its id."""
        rows = self._tables.setdefault(table, {})
        row_id = FIRST_ID + len(rows)
        rows[row_id] = {"id": row_id, **values, "created_at": at, "updated_at": at}
        return row_id

    def row(self, table: str, row_id: int) -> dict[str, Any]:
        """Return a row that was written, to read it or to change it."""
        return self._tables[table][row_id]

    def table(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table so far."""
        return list(self._tables.get(name, {}).values())

    def business(self) -> Business:
        """Return what has been written. A table of which a row was added first comes first."""
        tables = {}
        for name, rows in self._tables.items():
            columns = tuple(next(iter(rows.values())))
            tables[name] = Table(
                columns=columns, rows=[tuple(row[column] for column in columns) for row in rows.values()]
            )
        return Business(profile=self.profile, tables=tables)

    def hour(self, day: dt.datetime) -> dt.datetime:
        """Return a moment of that day at which people pay: few at night, most in the evening."""
        hour = self.random.choices(range(24), weights=[1] * 5 + [3] * 4 + [5] * 4 + [4] * 4 + [9] * 4 + [3] * 3)[0]
        return day.replace(hour=hour, minute=self.random.randrange(60), second=self.random.randrange(60))

    def days_before_start(self, days: int) -> dt.datetime:
        """Return a working hour some days before the year begins."""
        return self.start - dt.timedelta(days=days) + dt.timedelta(hours=self.random.randrange(8, 17))
