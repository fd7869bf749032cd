"""The ledger: fleet runs with one outcome per company (D7), and the steps of registrations under way (D8).

Every function takes an autocommit connection to the central database.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from mpm_ops.postgres import locks
from mpm_ops.records import Company, Failure, Outcome, Status


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A company of a run before it begins: where it stands and what it is to go through."""

    company: Company
    before: tuple[str, ...] = ()
    #: Hash of its plan; empty when there is none.
    plan: str = ""


@dataclass(frozen=True)
class Part:
    """Which batch of which shared run a run is."""

    run_id: int
    batch: int


#: A company whose database was gone got an empty one.
CREATE_MISSING = "migrate-tenant --create-missing"
#: The actions that put a new database in the place of a company's.
REPLACING = ["migrate-tenant-fresh", CREATE_MISSING]


def lock_key(run_id: int) -> str:
    """Name the lock that a run under way holds in the central database: a run without it is abandoned."""
    return f"run {run_id}"


def application(prefix: str, run_id: int) -> str:
    """Name the sessions of a run on the servers, which installations with other prefixes may share."""
    return f"mpm_ops/{prefix}run {run_id}"


def open_run(
    connection: psycopg.Connection,
    *,
    action: str,
    operator: str,
    policy: dict[str, Any],
    plans: Sequence[dict[str, Any]],
    planned: Sequence[Planned],
    idle: Mapping[int, Outcome],
    state: str = "",
    resumes: int | None = None,
    part: Part | None = None,
) -> int:
    """Write a run and an outcome for each of its companies, before any is touched; return its id.

    Who is in `idle` has an outcome already, the others are `untouched` until they are done. With a `state` the run is
    over with this. The connection holds the run's lock from here on.
    """
    with connection.transaction():
        row = connection.execute(
            """
            INSERT INTO ops.runs (action, operator, policy, plans, resumes, part_of, batch, state, finished_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, coalesce(nullif(%s, ''), 'running'), CASE WHEN %s <> '' THEN now() END)
            RETURNING id
            """,
            [
                *(action, operator, Jsonb(policy), Jsonb(plans), resumes),
                *((part.run_id, part.batch) if part else (None, None)),
                *(state, state),
            ],
        ).fetchone()
        run_id = int(row[0]) if row else 0
        locks.hold(connection, lock_key(run_id))
        columns = "run_id, company_id, company, before, after, plan, status, reason, finished_at"
        now = dt.datetime.now(dt.UTC)
        with connection.cursor().copy(f"COPY ops.outcomes ({columns}) FROM STDIN".encode()) as copy:
            for one in planned:
                done = idle.get(one.company.id)
                status, reason, at = (done.status, done.reason, now) if done else (Status.UNTOUCHED, "", None)
                before = list(one.before)
                row = (run_id, one.company.id, one.company.name, before, before, one.plan, status, reason, at)
                copy.write_row(row)
    return run_id


_RECORD = """
    UPDATE ops.outcomes AS o
    SET status = n.status, before = n.before, after = n.after, reason = n.reason, kind = n.kind, message = n.message,
        sqlstate = n.sqlstate, revision = n.revision, statement = n.statement, hint = n.hint, blocker = n.blocker,
        attempts = n.attempts, seconds = n.seconds,
        finished_at = CASE WHEN n.status <> 'untouched' THEN coalesce(o.finished_at, now()) END
    FROM jsonb_to_recordset(%s) AS n (
        company_id bigint, status text, before text[], after text[], reason text, kind text, message text,
        sqlstate text, revision text, statement text, hint text, blocker text, attempts int, seconds float8
    )
    WHERE o.run_id = %s AND o.company_id = n.company_id
"""


def record(connection: psycopg.Connection, run_id: int, outcomes: Sequence[Outcome]) -> None:
    """Write how companies came out; writing it again changes nothing."""
    if outcomes:
        connection.execute(_RECORD, [Jsonb([_row(outcome) for outcome in outcomes]), run_id])


def _row(outcome: Outcome) -> dict[str, Any]:
    failure = dataclasses.asdict(outcome.failure or Failure(message="", kind=""))
    texts = {name: text.replace("\0", "") for name, text in failure.items()}
    return {
        "company_id": outcome.company_id,
        "status": outcome.status,
        "before": outcome.before,
        "after": outcome.after,
        "reason": outcome.reason,
        "attempts": outcome.attempts,
        "seconds": outcome.seconds,
        **texts,
    }


def close_run(connection: psycopg.Connection, run_id: int, *, state: str, reason: str) -> None:
    """Write that a run is over: finished, halted or interrupted."""
    connection.execute(
        "UPDATE ops.runs SET state = %s, reason = %s, paused = false, finished_at = now() WHERE id = %s",
        [state, reason, run_id],
    )


def policy(connection: psycopg.Connection, run_id: int) -> dict[str, Any]:
    """Return the policy that a run was begun with. Read-only."""
    row = connection.execute("SELECT policy FROM ops.runs WHERE id = %s", [run_id]).fetchone()
    return dict(row[0]) if row else {}


def under_way(connection: psycopg.Connection, run_id: int) -> bool:
    """Whether a run is not over; nobody else can end it until the transaction is over."""
    query = "SELECT FROM ops.runs WHERE id = %s AND state = 'running' FOR NO KEY UPDATE"
    return connection.execute(query, [run_id]).fetchone() is not None


def over(connection: psycopg.Connection, run_id: int) -> str:
    """Say how and why a run is over; empty while it is under way. Read-only."""
    row = connection.execute("SELECT state, reason FROM ops.runs WHERE id = %s", [run_id]).fetchone()
    state, reason = row or ("gone", "")
    return "" if state == "running" else f"run {run_id} is {state}{reason and f': {reason}'}"


def paused(connection: psycopg.Connection, run_id: int) -> bool:
    """Whether somebody asked the run, or the shared one that it is a part of, to begin no more for now. Read-only."""
    row = connection.execute(
        "SELECT r.paused OR coalesce(whole.paused, false) "
        "FROM ops.runs r LEFT JOIN ops.runs whole ON whole.id = r.part_of WHERE r.id = %s",
        [run_id],
    ).fetchone()
    return bool(row and row[0])


def pause(connection: psycopg.Connection, run_id: int, *, paused: bool) -> bool:
    """Ask a run under way to pause, or to go on; False when there is no such run under way."""
    cursor = connection.execute("UPDATE ops.runs SET paused = %s WHERE id = %s AND state = 'running'", [paused, run_id])
    return cursor.rowcount == 1


def durations(connection: psycopg.Connection, action: str, ids: Collection[int]) -> dict[int, float]:
    """Return the seconds that each of these companies took the last time that `action` did something. Read-only."""
    rows = connection.execute(
        """
        SELECT DISTINCT ON (o.company_id) o.company_id, o.seconds
        FROM ops.outcomes o JOIN ops.runs r ON r.id = o.run_id
        WHERE o.company_id = ANY(%s) AND r.action = %s AND o.status = 'done'
        ORDER BY o.company_id, o.run_id DESC
        """,
        [list(ids), action],
    )
    return dict(rows.fetchall())


def failed_last(connection: psycopg.Connection) -> set[int]:
    """Return the ids of the companies whose last outcome is a failure. Read-only."""
    rows = connection.execute(
        """
        SELECT company_id FROM (
            SELECT DISTINCT ON (company_id) company_id, status FROM ops.outcomes
            WHERE status <> 'untouched' ORDER BY company_id, run_id DESC
        ) AS last WHERE status = 'failed'
        """
    )
    return {company_id for (company_id,) in rows}


def batches(connection: psycopg.Connection, company_id: int) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the heads from which runs brought a company to which, the last run first. Read-only.

    What a run did to a database that was replaced since is not looked at.
    """
    rows = connection.execute(
        """
        SELECT o.before, o.after FROM ops.outcomes o JOIN ops.runs r ON r.id = o.run_id
        WHERE o.company_id = %(id)s AND r.action = 'migrate-tenant' AND o.before <> o.after
            AND o.run_id > coalesce((
                SELECT max(o.run_id) FROM ops.outcomes o JOIN ops.runs r ON r.id = o.run_id
                WHERE o.company_id = %(id)s AND r.action = ANY(%(replacing)s) AND o.status = 'done'
            ), 0)
        ORDER BY o.run_id DESC
        """,
        {"id": company_id, "replacing": REPLACING},
    )
    return [(tuple(before), tuple(after)) for before, after in rows]


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
