"""Live steps: revisions that read rows while they run go through Alembic, each in a spawned process (D2).

Alembic's proxies are process-wide, so one process does one database at a time; threads would mix them up.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from mpm_ops.errors import MigrationError
from mpm_ops.postgres.server import Server, translated
from mpm_ops.schema.plan import Direction


@dataclass(frozen=True, kw_only=True)
class LiveStep:
    """One live revision on one database: all that another process needs to know."""

    places: tuple[Path, Path]
    revision: str
    direction: Direction
    database: str
    #: The connection string. It may hold a password, so it stays out of the repr.
    dsn: str
    owner: str | None
    application: str
    lock_timeout: int
    statement_timeout: int
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
            pool.submit(run_live_step, step).result()
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
                # A terminal sends Ctrl-C to all processes of a command: what is begun is to be finished, and to break
                # it off on the server is the runner's.
                self._pool = ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context, initializer=_ignore_ctrl_c)
            return self._pool

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None


def _ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_live_step(step: LiveStep) -> None:
    """Run `step` here: what the spawned process does."""
    from mpm_ops.schema.trees import Tree  # loaded in the child alone

    folder, own = step.places
    engine = Server(step.dsn).engine(step.database, application=step.application)
    try:
        with translated(), engine.connect() as connection:
            if step.owner is not None:
                connection.exec_driver_sql(f'SET ROLE "{step.owner}"')
            connection.exec_driver_sql(f"SET lock_timeout = {step.lock_timeout:d}")
            connection.exec_driver_sql(f"SET statement_timeout = {step.statement_timeout:d}")
            connection.commit()
            tree = Tree(folder, own=own)
            tree.run_live(connection, step.direction, step.revision, before=step.before, after=step.after)
    finally:
        engine.dispose()
