"""Book: what the chapters of a made-up business share, and the pieces that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mpm_ops.demo.profiles import Profile

#: Ids begin here, above those of the rows that every new company has.
FIRST_ID = 1000
#: Payments that are held in memory at a time, roughly; and those of a customer in a month.
_PAYMENTS, _A_MONTH = 40_000, 2.5

Array = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
#: Moments in seconds, UTC.
Moments = npt.NDArray[np.datetime64]
#: UTF-8.
Texts = npt.NDArray[np.bytes_]

DAY = np.timedelta64(86_400, "s")


@dataclass(frozen=True)
class Ref:
    """A row that the database has already, to be looked up when the rows are written."""

    table: str
    #: Looked up by this; without it the first row of the table is meant.
    column: str = "id"
    value: str | None = None


#: The first user, made at registration.
ADMIN = Ref("users")

#: A value for each row, or one for all of them.
Cells = Array | np.datetime64 | Ref | str | float


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Rows of one table, column by column. Money is in whole units of the currency."""

    table: str
    rows: int
    columns: Mapping[str, Cells]
    #: Which part of the business's time is behind, from 0 to 1.
    behind: float


@dataclass(frozen=True)
class Span:
    """A month of the business, or a part of one that has too many payments to be held at a time."""

    start: np.datetime64
    #: The first second after it.
    end: np.datetime64
    ends_month: bool

    @property
    def last(self) -> np.datetime64:
        """Its last second."""
        return self.end - np.timedelta64(1, "s")


class Book:
    """Chance, clock and ids of one made-up business."""

    def __init__(self, profile: Profile, until: np.datetime64) -> None:
        self.profile = profile
        self.rng = np.random.default_rng(profile.seed)
        #: The years of business; nothing happens after their end.
        self.start = (until - np.timedelta64(365 * profile.years - 1, "D")).astype("M8[s]")
        self.end = until.astype("M8[s]") + DAY - np.timedelta64(1, "s")
        self.behind = 0.0
        self._next: dict[str, int] = {}

    def ids(self, table: str, count: int) -> Integers:
        """Return the ids of so many new rows."""
        first = self._next.get(table, FIRST_ID)
        self._next[table] = first + count
        return np.arange(first, first + count)

    def chunk(
        self,
        table: str,
        ids: Integers,
        at: Moments | np.datetime64,
        *,
        updated: Moments | None = None,
        **columns: Cells,
    ) -> Chunk:
        """Return the rows of these ids, made at `at`."""
        stamps = {"created_at": at, "updated_at": at if updated is None else updated}
        return Chunk(table=table, rows=len(ids), columns={"id": ids, **columns, **stamps}, behind=self.behind)

    def before_start(self, days: int) -> np.datetime64:
        """Return a working hour some days before the business begins."""
        at: np.datetime64 = self.start - days * DAY + np.timedelta64(int(self.rng.integers(8, 17)), "h")
        return at

    def spans(self) -> Iterator[Span]:
        """Go through the time of the business, by calendar months and parts of them."""
        first, last = self.start.astype("M8[M]"), self.end.astype("M8[M]")
        over = self.end + np.timedelta64(1, "s")
        edges = np.arange(first + 1, last + 1).astype("M8[s]")
        parts = min(28, 1 + int(self.profile.customers * _A_MONTH / _PAYMENTS))
        for start, end in zip([self.start, *edges], [*edges, over], strict=True):
            days = np.unique(np.linspace(0, (end - start) / DAY, parts + 1).round().astype(int))
            for low, high in pairwise(days):
                self.behind = float((start + low * DAY - self.start) / (over - self.start))
                stop = start + high * DAY
                yield Span(start + low * DAY, stop, ends_month=bool(stop == stop.astype("M8[M]")))
