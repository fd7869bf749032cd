"""What the central database remembers of drift: references by state, and the last check of each company.

Every function takes an autocommit connection to the central database.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.types.json import Jsonb

from mpm_ops.records import Difference


@dataclass(frozen=True, kw_only=True)
class Check:
    """The last comparison of a company's database."""

    company_id: int
    heads: tuple[str, ...]
    #: The reference that it was compared with, and the marker of its catalog at that time.
    reference: str
    marker: str
    #: Its counters when nobody was connected to it, just before; empty when somebody was.
    rest: str
    differences: Sequence[Difference]
    checked_at: dt.datetime


def reference(connection: psycopg.Connection, key: str) -> dict[tuple[str, str], str] | None:
    """Return a reference: kind and name of each object to its definition; None when there is none yet. Read-only."""
    row = connection.execute("SELECT objects FROM ops.drift_references WHERE key = %s", [key]).fetchone()
    return {(kind, name): definition for kind, name, definition in row[0]} if row else None


def save_reference(connection: psycopg.Connection, key: str, objects: Mapping[tuple[str, str], str]) -> None:
    """Keep a reference; another process may have done so meanwhile."""
    rows = [[kind, name, definition] for (kind, name), definition in objects.items()]
    connection.execute(
        "INSERT INTO ops.drift_references (key, objects) VALUES (%s, %s) ON CONFLICT DO NOTHING", [key, Jsonb(rows)]
    )


def checks(connection: psycopg.Connection, company_ids: Collection[int]) -> dict[int, Check]:
    """Return the last check of each of these companies, by id; one that was never checked is not in it. Read-only."""
    rows = connection.execute(
        """
        SELECT company_id, heads, reference, marker, rest, differences, checked_at
        FROM ops.drift_checks WHERE company_id = ANY(%s)
        """,
        [list(company_ids)],
    )
    return {
        company_id: Check(
            company_id=company_id,
            heads=tuple(heads),
            reference=key,
            marker=marker,
            rest=rest,
            differences=[Difference(**one) for one in differences],
            checked_at=checked_at,
        )
        for company_id, heads, key, marker, rest, differences, checked_at in rows
    }


def save_checks(connection: psycopg.Connection, checks: Sequence[Check]) -> None:
    """Keep the last checks, and only the references that they were made with. A company that is gone is passed over."""
    rows = [{**dataclasses.asdict(check), "checked_at": check.checked_at.isoformat()} for check in checks]
    with connection.transaction():
        connection.execute(
            """
            INSERT INTO ops.drift_checks (company_id, heads, reference, marker, rest, differences, checked_at)
            SELECT n.* FROM jsonb_to_recordset(%s) AS n (
                company_id bigint, heads text[], reference text, marker text, rest text, differences jsonb,
                checked_at timestamptz
            )
            JOIN companies c ON c.id = n.company_id
            ON CONFLICT (company_id) DO UPDATE SET
                heads = excluded.heads, reference = excluded.reference, marker = excluded.marker,
                rest = excluded.rest, differences = excluded.differences, checked_at = excluded.checked_at
            """,
            [Jsonb(rows)],
        )
        connection.execute(
            "DELETE FROM ops.drift_references r WHERE NOT EXISTS "
            "(SELECT FROM ops.drift_checks c WHERE c.reference = r.key)"
        )
