"""The ledger: fleet runs with one outcome per company (D7), and the steps of registrations under way (D8).

Every function takes an autocommit connection to the central database.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from mpm_ops.records import Company, Failure, Outcome, Status


def open_run(
    connection: psycopg.Connection,
    *,
    action: str,
    operator: str,
    policy: dict[str, Any],
    plans: Sequence[dict[str, Any]],
    companies: Sequence[Company],
) -> int:
    """Write a run and an `untouched` outcome for each of its companies, before any is touched; return its id."""
    with connection.transaction():
        row = connection.execute(
            "INSERT INTO ops.runs (action, operator, policy, plans) VALUES (%s, %s, %s, %s) RETURNING id",
            [action, operator, Jsonb(policy), Jsonb(plans)],
        ).fetchone()
        run_id = int(row[0]) if row else 0
        with connection.cursor().copy("COPY ops.outcomes (run_id, company_id, company) FROM STDIN") as copy:
            for company in companies:
                copy.write_row((run_id, company.id, company.name))
    return run_id


def record(connection: psycopg.Connection, run_id: int, outcome: Outcome) -> None:
    """Write how one company came out."""
    failure = outcome.failure or Failure(message="", kind="")
    connection.execute(
        """
        UPDATE ops.outcomes
        SET status = %(status)s, before = %(before)s, after = %(after)s, reason = %(reason)s, kind = %(kind)s,
            message = %(message)s, sqlstate = %(sqlstate)s, revision = %(revision)s, statement = %(statement)s,
            hint = %(hint)s, blocker = %(blocker)s, attempts = %(attempts)s, seconds = %(seconds)s, finished_at = now()
        WHERE run_id = %(run_id)s AND company_id = %(company_id)s
        """,
        {
            "run_id": run_id,
            "company_id": outcome.company_id,
            "status": outcome.status,
            "before": list(outcome.before),
            "after": list(outcome.after),
            "reason": outcome.reason,
            "kind": failure.kind,
            "message": failure.message.replace("\0", ""),
            "sqlstate": failure.sqlstate,
            "revision": failure.revision,
            "statement": failure.statement,
            "hint": failure.hint,
            "blocker": failure.blocker,
            "attempts": outcome.attempts,
            "seconds": outcome.seconds,
        },
    )


def close_run(connection: psycopg.Connection, run_id: int, *, interrupted: bool) -> None:
    """Write that a run is over."""
    state = "interrupted" if interrupted else "finished"
    connection.execute("UPDATE ops.runs SET state = %s, finished_at = now() WHERE id = %s", [state, run_id])


def last_batch(connection: psycopg.Connection, company_id: int, heads: Collection[str]) -> tuple[str, ...] | None:
    """Return the heads from which a run brought a company to `heads`; None when no run did. Read-only."""
    row = connection.execute(
        """
        SELECT o.before FROM ops.outcomes o JOIN ops.runs r ON r.id = o.run_id
        WHERE o.company_id = %s AND o.status = %s AND r.action = 'migrate-tenant'
          AND o.after = %s AND o.before <> o.after
        ORDER BY o.run_id DESC LIMIT 1
        """,
        [company_id, Status.DONE, sorted(heads)],
    ).fetchone()
    return tuple(row[0]) if row else None


def step_done(connection: psycopg.Connection, company_id: int, step: str) -> None:
    """Record that a step of a registration is through; recording it again changes nothing."""
    connection.execute(
        "INSERT INTO ops.registration_steps (company_id, step) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [company_id, step],
    )


def steps_done(connection: psycopg.Connection, company_id: int) -> list[str]:
    """List the steps of a registration that are through, oldest first. Read-only."""
    rows = connection.execute(
        "SELECT step FROM ops.registration_steps WHERE company_id = %s ORDER BY done_at", [company_id]
    )
    return [step for (step,) in rows]


def forget_steps(connection: psycopg.Connection, company_id: int) -> None:
    """Delete the steps of a registration that is finished or undone."""
    connection.execute("DELETE FROM ops.registration_steps WHERE company_id = %s", [company_id])


def unfinished(connection: psycopg.Connection) -> list[int]:
    """List the companies whose registration is neither finished nor undone. Read-only."""
    rows = connection.execute(
        """
        SELECT id FROM companies WHERE status = 'provisioning'
        UNION SELECT company_id FROM ops.registration_steps ORDER BY 1
        """
    )
    return [company_id for (company_id,) in rows]
