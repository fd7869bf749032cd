"""Apply a Plan to one database: lock, check the state, one transaction per revision, stamp (D2, D3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass

import psycopg
from psycopg import errors, sql

from mpm_ops.errors import Busy, MigrationError, MpmOpsError, QueryError, StateChanged
from mpm_ops.postgres import databases, locks
from mpm_ops.postgres.script import Row, run_script
from mpm_ops.postgres.server import Server
from mpm_ops.schema.concurrent import UNMARK, Progress, run_alone
from mpm_ops.schema.live import LIVE, LivePool, LiveStep
from mpm_ops.schema.live import LOCK as LOCK
from mpm_ops.schema.plan import Part, Plan, Step

#: Steps that are committed together: one, or all of a plan.
Transaction = tuple[Step, ...]
#: So many times longer than a table lock is waited for by what runs outside a transaction: CREATE INDEX CONCURRENTLY
#: waits for every transaction that began before it, and nobody queues behind it meanwhile.
PATIENCE = 30


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a plan is applied. Timeouts are in milliseconds, 0 is for ever."""

    #: For a table lock. Short, because everybody else queues behind a waiting ALTER TABLE.
    lock_timeout: int = 2_000
    statement_timeout: int = 0
    #: All revisions in one transaction: all or none.
    one_transaction: bool = False
    #: Shows in pg_stat_activity.
    application: str = "mpm_ops/migrate"
    #: More statements for each of a step's own transactions, before and after its own: views that are taken away and
    #: made again, grants. Whatever commit a step breaks off after, nothing of theirs is left half done.
    before: Callable[[Step], Sequence[str]] = lambda _: ()
    after: Callable[[Step], Sequence[str]] = lambda _: ()
    #: Statements to run just before each commit: what a rehearsal wants to see.
    probe: Sequence[str] = ()
    #: Where there is a probe, called after each commit with the steps that were committed, the rows and the seconds.
    on_commit: Callable[[Transaction, Sequence[Row], float], None] = lambda _, __, ___: None


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What `apply` did: the state that it found, and the steps that it took."""

    before: tuple[str, ...]
    steps: Sequence[Step]


def apply(
    server: Server,
    database: str,
    plan: Plan,
    *,
    owner: str | None,
    manner: Manner | None = None,
    live: LivePool | None = None,
    since: int = 0,
) -> Applied:
    """Take `database` along `plan` from wherever on it the database is, as role `owner`.

    `since` is how many steps an attempt before this one has taken, as its error tells (`taken`).

    A failing revision is rolled back and leaves the database exactly at the revision before it; the error tells
    which (`revision`) and where the database is now (`reached`). Commits before the last are not waited for, the
    last one is, and it flushes them all: when this returns, all of it is on disk.

    Raises Busy when another runner holds the lock, StateChanged when the plan does not pass where the database is.
    """
    manner = manner or Manner()
    with (
        server.connect(database, application=manner.application) as connection,
        try_alone(connection) as got,
    ):
        if not got:
            raise Busy(hint="Wait for the other run to end, then run this again.")
        setup = [
            "SET synchronous_commit = off",
            # Nobody reads that something "already exists, skipping", and each such line is a flush to the client.
            "SET client_min_messages = warning",
            # For what runs outside a transaction; each transaction sets its own.
            f"SET lock_timeout = {manner.lock_timeout * PATIENCE:d}",
            f"SET statement_timeout = {manner.statement_timeout:d}",
        ]
        if owner is not None:
            setup.append(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)).as_string())
        run_script(connection, setup)
        state = read_heads(connection)
        with _left_at(state):
            taken = plan.taken(state, since=since)
            if taken is None:
                raise StateChanged(
                    f"the database is at {', '.join(state) or 'base'}, not at {', '.join(plan.before) or 'base'}",
                    hint="Another run has changed it, or its stamp is wrong: run the command again with --verify.",
                )
            _Application(server, connection, manner, owner, live, plan, taken).go(state)
    return Applied(before=state, steps=plan.steps[taken:])


@contextmanager
def try_alone(connection: psycopg.Connection) -> Iterator[bool]:
    """Try to be the only one that changes the connection's database for a block; yields whether that is so.

    A runner that was killed leaves no lock, but the session of its live step may still be at work.
    """
    with locks.try_lock(connection, LOCK) as got:
        yield got and locks.free(connection, LIVE)


def at_work(connection: psycopg.Connection) -> set[str]:
    """Return the databases of the server that somebody is migrating. Read-only."""
    return locks.holders(connection, LOCK) | locks.holders(connection, LIVE)


@contextmanager
def _left_at(state: tuple[str, ...]) -> Iterator[None]:
    """Let an error that does not say where the database is now say that it is where it was."""
    try:
        yield
    except MpmOpsError as exc:
        if exc.found is None:
            exc.found = exc.reached = state
        raise


def read_heads(connection: psycopg.Connection) -> tuple[str, ...]:
    """Read `alembic_version`, the truth about a database's state; sorted, empty is base. Read-only."""
    try:
        rows = connection.execute("SELECT version_num FROM public.alembic_version ORDER BY version_num")
        return tuple(head for (head,) in rows)
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        return ()


@dataclass
class _Application:
    """One plan on its way through one database."""

    server: Server
    connection: psycopg.Connection
    manner: Manner
    owner: str | None
    live: LivePool | None
    plan: Plan
    #: How many steps of the plan the database has behind it, as far as that is known.
    taken: int
    #: Of the step under way, where its parts commit one by one.
    progress: Progress | None = None

    def go(self, state: tuple[str, ...]) -> None:
        """Take the steps, from `state` on; an error tells the revision, and the state that was reached.

        With none the database is there already, and the stamp has misled whoever planned this.
        """
        steps = self.plan.steps[self.taken :]
        if not steps:
            stamp = databases.stamp(self.connection.info.dbname, state).as_string()
            # Waited for: a step that another session took here may not be on disk yet.
            run_script(self.connection, [*self._begin(last=True), stamp, "COMMIT"])
        if self.manner.one_transaction and not all(step.transactional for step in steps):
            raise MigrationError(
                "these revisions cannot share one transaction: one of them is live or runs outside a transaction",
                hint="Run it without the option for one transaction.",
            )
        begin = self.taken
        try:
            for message in self._messages(steps):
                began = time.monotonic()
                rows = self._run(message, last=message[-1][-1] is steps[-1])
                self.taken += sum(map(len, message))
                if self.manner.probe:  # each transaction is then a message by itself
                    self.manner.on_commit(message[0], rows, time.monotonic() - began)
        except MpmOpsError as exc:
            exc.found, exc.reached = state, self._recovered(begin)
            exc.taken = self.taken
            exc.revision = exc.revision or next((step.revision for step in self.plan.steps[self.taken :]), "")
            raise

    def _messages(self, steps: Sequence[Step]) -> list[list[Transaction]]:
        """Divide the steps into transactions, and those into messages to the server.

        Transactions that follow each other go together: for small ones a round trip each is a third of the time.
        """
        if self.manner.one_transaction and steps:
            return [[tuple(steps)]]
        messages: list[list[Transaction]] = []
        joinable = False
        for step in steps:
            alone = bool(self.manner.probe) or not step.transactional or len(step.parts) > 1
            if alone or not joinable:
                messages.append([])
            messages[-1].append((step,))
            joinable = not alone
        return messages

    def _run(self, message: Sequence[Transaction], *, last: bool) -> list[Row]:
        (step, *_), *_ = message
        if step.live:
            self._run_live(step)
            return []
        # More parts than one only where a step is a message by itself.
        self.progress = Progress.read(self.connection, step) if len(step.parts) > 1 else None
        rows = self._run_parts(step, self.progress) if self.progress else []
        return rows + self._send(message, last=last)

    def _run_parts(self, step: Step, progress: Progress) -> list[Row]:
        """Run what a step commits before its last part, from where an attempt before this one was refused."""
        rows: list[Row] = []
        for part in step.parts[:-1]:
            if not part.transactional:
                for statement in part.statements:
                    run_alone(self.connection, statement, progress)
            elif not progress.passed(*part.statements):
                changes = [*self._changes(step, part), progress.mark_done(*part.statements)]
                rows += run_script(self.connection, [*self._begin(last=False), *changes, *self.manner.probe, "COMMIT"])
                progress.committed(*part.statements)
        return rows

    def _send(self, message: Sequence[Transaction], *, last: bool) -> list[Row]:
        script: list[str] = []
        ends = []
        for transaction in message:
            script += self._statements(transaction, last=last and transaction is message[-1])
            ends.append(len(script))
        try:
            return run_script(self.connection, script)
        except QueryError as exc:
            if exc.at is not None and exc.passed is not None:
                done, refused = (sum(end <= number for end in ends) for number in (exc.passed, exc.at))
                if done < refused:
                    # The server looks at the syntax of all before it runs any: those before it are still to be run.
                    self._send(message[:refused], last=True)
                self.taken += sum(map(len, message[:refused]))
                exc.revision = _owner_of(exc.statement, message[refused])
            raise

    def _statements(self, transaction: Transaction, *, last: bool) -> list[str]:
        changes = [text for step in transaction for text in self._changes(step, step.parts[-1])]
        changes += [UNMARK for step in transaction if len(step.parts) > 1]
        stamp = databases.stamp(self.connection.info.dbname, transaction[-1].after).as_string(self.connection)
        return [*self._begin(last=last), *changes, stamp, *self.manner.probe, "COMMIT"]

    def _changes(self, step: Step, part: Part) -> list[str]:
        return [*self.manner.before(step), *part.statements, *self.manner.after(step)]

    def _begin(self, *, last: bool) -> list[str]:
        return [
            "BEGIN",
            f"SET LOCAL lock_timeout = {self.manner.lock_timeout:d}",
            f"SET LOCAL statement_timeout = {self.manner.statement_timeout:d}",
            # The one commit that is waited for: its flush takes those before it along.
            *(["SET LOCAL synchronous_commit = on"] if last else []),
        ]

    def _run_live(self, step: Step) -> None:
        with nullcontext(self.live) if self.live else closing(LivePool()) as pool:
            pool.run(
                LiveStep(
                    folders=self.plan.folders,
                    revision=step.revision,
                    direction=step.direction,
                    database=self.connection.info.dbname,
                    dsn=self.server.dsn(self.connection.info.dbname),
                    owner=self.owner,
                    application=self.manner.application,
                    lock_timeout=self.manner.lock_timeout,
                    statement_timeout=self.manner.statement_timeout,
                    runner=self.connection.info.backend_pid,
                    before=tuple(self.manner.before(step)),
                    after=tuple(self.manner.after(step)),
                )
            )

    def _recovered(self, begin: int) -> tuple[str, ...] | None:
        """Roll the failed transaction back, see that the steps before it are on disk, and return the state.

        None when the server has gone with the connection: how far it got is not known then.
        """
        try:
            self.connection.rollback()
            if self.progress is not None:
                run_script(self.connection, [self.progress.mark_refused()])  # it was refused, and did not break off
            if self.taken > begin:
                run_script(self.connection, [*self._begin(last=True), "SELECT pg_current_xact_id()", "COMMIT"])
        except (psycopg.Error, MpmOpsError):
            # The connection is gone; the error under way says why. How far the server got is in the database.
            name = self.connection.info.dbname
            self.connection.close()
            try:
                with self.server.connect(name, application=self.manner.application) as again:
                    state = read_heads(again)
            except MpmOpsError:
                return None
            # A crash takes back what was not on disk: of two places, the first.
            self.taken = self.plan.taken(state) or 0
            return state
        return self.plan.steps[self.taken - 1].after if self.taken else self.plan.before


def _owner_of(statement: str, transaction: Transaction) -> str:
    """Name the revision that `statement` is from; the last one when it is the stamp or a grant."""
    for step in transaction:
        if any(statement in part.statements for part in step.parts):
            return step.revision
    return transaction[-1].revision
