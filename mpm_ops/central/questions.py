"""The audit log: who asked which company what, as rows of the central database."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.rows import class_row

from mpm_ops.postgres.text import as_text
from mpm_ops.records import Asked, Question

#: Characters of a statement that are kept.
_LENGTH = 20_000


def record(connection: psycopg.Connection, questions: Sequence[Question], *, who: str, by_analyst: bool) -> None:
    """Add questions in one statement; an analyst has a view for it, and the server notes whose login it was.

    Whatever was typed is noted.
    """
    table = "granted.questions" if by_analyst else "ops.questions"
    connection.execute(
        f"""
        INSERT INTO {table} (who, company_id, statement, rows, seconds, outcome, sqlstate)
        SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::float8[], %s::text[], %s::text[])
        """.encode(),  # noqa: S608 one of two names of ours
        [
            who,
            [one.company_id for one in questions],
            [as_text(one.statement[:_LENGTH]) for one in questions],
            [one.rows for one in questions],
            [one.seconds for one in questions],
            [one.outcome for one in questions],
            [one.sqlstate for one in questions],
        ],
    )


def listed(connection: psycopg.Connection, *, company_id: int | None, limit: int) -> list[Asked]:
    """List the last questions, newest first; of one company or of all. Read-only."""
    with connection.cursor(row_factory=class_row(Asked)) as cursor:
        return cursor.execute(
            """
            SELECT q.asked_at, q.login, left(q.who, 200) AS who, q.company_id, coalesce(c.name::text, '') AS company,
                   left(q.statement, %(length)s) AS statement, q.rows, q.seconds, q.outcome,
                   left(q.sqlstate, 5) AS sqlstate
            FROM ops.questions q LEFT JOIN companies c ON c.id = q.company_id
            WHERE q.company_id = %(company)s OR %(company)s::bigint IS NULL ORDER BY q.id DESC LIMIT %(limit)s
            """,
            # Analysts add lines without this client, too.
            {"company": company_id, "limit": limit, "length": _LENGTH},
        ).fetchall()
