"""The history of usage: what each company's database held and did at every snapshot, as rows of the central database.

Every function takes an autocommit connection to the central database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import psycopg
from psycopg.rows import class_row

from mpm_ops.records import Usage

_COLUMNS = (
    "taken_at, company_id, company, size, rows, connections, transactions, inserted, updated, deleted, counted_since, "
    "questions, error"
)
_NAMES = _COLUMNS.split(", ")


def now(connection: psycopg.Connection) -> dt.datetime:
    """Return the time by the clock that all snapshots go by, whichever machine takes them. Read-only."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 a SELECT without FROM has one row
    found: dt.datetime = row[0]
    return found


def questions_since_last(connection: psycopg.Connection, until: dt.datetime) -> dict[int, int]:
    """Return, by company id, how many questions were asked between the last snapshot and `until`. Read-only."""
    rows = connection.execute(
        """
        SELECT company_id, count(*) FROM ops.questions
        WHERE asked_at > coalesce((SELECT max(taken_at) FROM ops.usage), '-infinity') AND asked_at <= %s
        GROUP BY company_id
        """,
        [until],
    )
    return dict(rows.fetchall())


def save(connection: psycopg.Connection, snapshot: Sequence[Usage], *, keep_days: int) -> None:
    """Write a snapshot, and delete those that are older than so many days."""
    with connection.transaction():
        with connection.cursor().copy(f"COPY ops.usage ({_COLUMNS}) FROM STDIN".encode()) as copy:
            for one in snapshot:
                copy.write_row([getattr(one, name) for name in _NAMES])
        connection.execute("DELETE FROM ops.usage WHERE taken_at < now() - make_interval(days => %s)", [keep_days])


def history(connection: psycopg.Connection, *, company_id: int | None, days: int) -> list[Usage]:
    """List what the snapshots of the last so many days know, oldest first; of one company or of all. Read-only."""
    with connection.cursor(row_factory=class_row(Usage)) as cursor:
        return cursor.execute(
            f"""
            SELECT {_COLUMNS} FROM ops.usage
            WHERE taken_at >= now() - make_interval(days => %(days)s)
              AND (company_id = %(company)s OR %(company)s::bigint IS NULL)
            ORDER BY taken_at, company_id
            """.encode(),  # noqa: S608 names of ours
            {"days": days, "company": company_id},
        ).fetchall()
