"""Apply a Plan to one database: lock, check the state, one transaction per revision, stamp (D2, D3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from mpm_ops.errors import Busy, MpmOpsError, StateChanged
from mpm_ops.postgres import databases, locks
from mpm_ops.postgres.server import Server, translated
from mpm_ops.schema.plan import Part, Plan, Step

#: The lock that a migration holds inside the company's database.
LOCK = "migrate"


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long a migration may wait; in milliseconds, 0 is for ever."""

    #: For a table lock. Short, because everybody else queues behind a waiting ALTER TABLE.
    lock: int = 2_000
    #: For one statement.
    statement: int = 0


def apply(
    server: Server,
    database: str,
    plan: Plan,
    *,
    owner: str | None,
    timeouts: Timeouts | None = None,
    afterwards: Callable[[psycopg.Connection], None] | None = None,
    force: bool = False,
) -> None:
    """Take `database` through `plan`, as role `owner`.

    A failing revision is rolled back and leaves the database exactly at the revision before it. `afterwards` runs
    with the same connection, still as the owner and under the lock.

    Raises Busy when another runner holds the lock, StateChanged when the database is not in `plan.before`.
    """
    with (
        server.connect(database, application="mpm_ops/migrate") as connection,
        locks.try_lock(connection, LOCK) as got,
    ):
        if not got:
            raise Busy(hint="Wait for the other run to end, then run this again.")
        if owner is not None:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
        state = read_heads(connection)
        if state != plan.before and not force:
            raise StateChanged(
                f"the database is at {', '.join(state) or 'base'}, not at {', '.join(plan.before) or 'base'}",
                hint="Another run has changed it, or its stamp is wrong: run the command again with --verify.",
            )
        for step in plan.steps:
            _apply_step(connection, step, timeouts or Timeouts())
        if afterwards is not None and plan.steps:
            afterwards(connection)


def read_heads(connection: psycopg.Connection) -> tuple[str, ...]:
    """Read `alembic_version`, the truth about a database's state; sorted, empty is base. Read-only."""
    row = connection.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
    if not (row and row[0]):
        return ()
    return tuple(head for (head,) in connection.execute("SELECT version_num FROM public.alembic_version ORDER BY 1"))


def _apply_step(connection: psycopg.Connection, step: Step, timeouts: Timeouts) -> None:
    last = step.parts[-1]
    for part in step.parts:
        try:
            if part.transactional:
                _run_transaction(connection, part, timeouts, stamp=step.after if part is last else None)
            else:
                for statement in part.statements:
                    _execute(connection, statement)
        except MpmOpsError as exc:
            exc.revision = step.revision
            raise


def _run_transaction(
    connection: psycopg.Connection, part: Part, timeouts: Timeouts, *, stamp: tuple[str, ...] | None
) -> None:
    with connection.transaction():
        connection.execute(
            f"SET LOCAL lock_timeout = {timeouts.lock:d}; SET LOCAL statement_timeout = {timeouts.statement:d}".encode()
        )
        for statement in part.statements:
            _execute(connection, statement)
        if stamp is not None:
            connection.execute(databases.stamp(connection.info.dbname, stamp))


def _execute(connection: psycopg.Connection, statement: str) -> None:
    with translated(statement):
        connection.execute(statement.encode())
