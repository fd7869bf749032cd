"""What companies' databases hold and do, snapshot by snapshot, and how they grow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one company's database held and did when a snapshot was taken; None where it could not be asked."""

    taken_at: dt.datetime
    company_id: int
    #: Its name at that time.
    company: str
    #: Bytes on disk.
    size: int | None
    #: Rows of all its tables, about.
    rows: int | None
    #: Sessions in it at that moment.
    connections: int | None
    #: Transactions committed, rows inserted, updated and deleted since `counted_since`; a crash of the server begins
    #: them at 0.
    transactions: int | None
    inserted: int | None
    updated: int | None
    deleted: int | None
    #: When somebody last set the four to 0; None is never.
    counted_since: dt.datetime | None
    #: Questions asked through this client since the snapshot before.
    questions: int
    #: Why something could not be asked; empty when all is known.
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How one company's database has grown over some snapshots."""

    company_id: int
    company: str
    #: Of the first and the last snapshot that know its size.
    since: dt.datetime
    taken_at: dt.datetime
    #: Bytes on disk and rows at the end, None when no snapshot knows them, and what was added since the beginning.
    size: int | None
    size_grown: int
    rows: int | None
    rows_grown: int
    #: Transactions committed and questions asked in between.
    transactions: int
    questions: int
    #: Why the last snapshot does not know all; empty when it does.
    error: str


def growth(history: Sequence[Usage]) -> list[Growth]:
    """Return how each company has grown over these snapshots, which are oldest first; the largest first."""
    of_company: dict[int, list[Usage]] = {}
    for one in history:
        of_company.setdefault(one.company_id, []).append(one)
    found = [_growth(its) for its in of_company.values()]
    return sorted(found, key=lambda one: (-(one.size or 0), one.company_id))


def _growth(its: Sequence[Usage]) -> Growth:
    sizes = [one.size for one in its if one.size is not None]
    rows = [one.rows for one in its if one.rows is not None]
    known = [one for one in its if one.size is not None] or its
    return Growth(
        company_id=its[-1].company_id,
        company=its[-1].company,
        since=known[0].taken_at,
        taken_at=known[-1].taken_at,
        size=sizes[-1] if sizes else None,
        size_grown=sizes[-1] - sizes[0] if sizes else 0,
        rows=rows[-1] if rows else None,
        rows_grown=rows[-1] - rows[0] if rows else 0,
        transactions=_added([one for one in its if one.transactions is not None]),
        # The first tells of the time before it.
        questions=sum(one.questions for one in its[1:]),
        error=its[-1].error,
    )


def _added(counted: Sequence[Usage]) -> int:
    """Return by how much a counter went up; one that began at 0 in between has gone up by what it says."""
    total = 0
    for before, after in pairwise(counted):
        old, new = before.transactions or 0, after.transactions or 0
        went_on = new >= old and before.counted_since == after.counted_since
        total += new - old if went_on else new
    return total
