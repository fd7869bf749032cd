"""Live steps: revisions that read rows while they run go through Alembic, each in a spawned process (D2).

Alembic's proxies are process-wide, so one process does one database at a time; threads would mix them up.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker

import psycopg
import sqlalchemy as sa

from mpm_ops.errors import MigrationError
from mpm_ops.postgres import locks
from mpm_ops.postgres.server import Server, translated
from mpm_ops.schema.folders import Folders
from mpm_ops.schema.plan import Direction

#: The lock that a migration holds inside the company's database.
LOCK = "migrate"
#: The one that a live step's own session holds there: its runner may be gone, with its lock, before that session is.
LIVE = "live"


@dataclass(frozen=True, kw_only=True)
class LiveStep:
    """One live revision on one database: all that another process needs to know."""

    folders: Folders
    revision: str
    direction: Direction
    database: str
    #: The connection string. It may hold a password, so it stays out of the repr.
    dsn: str
    owner: str | None
    application: str
    lock_timeout: int
    statement_timeout: int
    #: The process of the runner's session on the server, which holds LOCK.
    runner: int
    #: Statements for the revision's own transaction, before and after what it does.
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"LiveStep({self.direction} {self.revision})"


class LivePool:
    """The processes for live steps, spawned at the first one and ended by `close`."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def run(self, step: LiveStep) -> None:
        """Run `step` in one of the processes and wait. Raises what it raises; MigrationError when the process died."""
        pool = self._started()
        try:
            _submitted(pool, step).result()
        except BrokenProcessPool as exc:
            with self._lock:
                if self._pool is pool:
                    self._pool = None
            raise MigrationError(
                "the process that ran the revision died",
                hint="Its transaction was rolled back: run the command again. Was it killed for its memory?",
            ) from exc

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context, initializer=_follow_runner)
            return self._pool

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None


def _submitted(pool: ProcessPoolExecutor, step: LiveStep) -> Future[None]:
    """Submit a step, which may spawn a process: with Ctrl-C blocked, as the process inherits it.

    A terminal sends Ctrl-C to all processes of a command. What is begun is to be finished, and to break it off on the
    server is the runner's.
    """
    resource_tracker.ensure_running()  # which would unblock it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return pool.submit(run_live_step, step)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow_runner() -> None:
    """Let Ctrl-C pass this process by, and end it when the runner is gone: killed, it could not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_runner, daemon=True).start()


def _end_with_runner() -> None:
    if (runner := multiprocessing.parent_process()) is not None:
        runner.join()
        os._exit(1)


def run_live_step(step: LiveStep) -> None:
    """Run `step` here: what the spawned process does."""
    from mpm_ops.schema.trees import Tree  # loaded in the child alone

    engine = Server(step.dsn).engine(step.database, application=step.application)
    try:
        with translated(), engine.connect() as connection:
            connection.exec_driver_sql(f"SET lock_timeout = {step.lock_timeout:d}")
            with _alone(connection, step.runner):
                if step.owner is not None:
                    connection.exec_driver_sql(f'SET ROLE "{step.owner}"')
                connection.exec_driver_sql(f"SET statement_timeout = {step.statement_timeout:d}")
                connection.commit()
                tree = Tree(step.folders.shipped, own=step.folders.own, plugins=step.folders.others)
                tree.run_live(connection, step.direction, step.revision, before=step.before, after=step.after)
    finally:
        engine.dispose()


@contextmanager
def _alone(connection: sa.Connection, runner: int) -> Iterator[None]:
    """Hold LIVE for a block. Raises MigrationError when the runner's session, which lets nobody else in, is gone.

    Whoever migrates takes LOCK and then looks for LIVE; here it is the other way round. So one of the two sees the
    other, whenever the runner dies.
    """
    session = connection.connection.driver_connection
    assert isinstance(session, psycopg.Connection)  # noqa: S101 the engine's driver
    with locks.lock(session, LIVE):
        if not locks.held_by(session, LOCK, runner):
            raise MigrationError("its runner is gone")
        try:
            yield
        finally:
            connection.rollback()
