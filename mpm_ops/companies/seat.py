"""The seat of one process at a run which several share: a session in the central database, and its locks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from mpm_ops.central import ledger
from mpm_ops.companies.installation import Installation
from mpm_ops.errors import MpmOpsError
from mpm_ops.fleet.policy import Policy
from mpm_ops.postgres import locks
from mpm_ops.postgres.server import translated


def opened(installation: Installation) -> psycopg.Connection:
    """Open a connection to the central database that may be silent for as long as a batch takes."""
    connection = installation.server.open(installation.settings.central_database)
    with translated():
        connection.execute("SET idle_session_timeout = 0")
    return connection


class Seat:
    """A connection that shares the run's lock, and holds the lead's when nobody else does."""

    def __init__(self, installation: Installation, run_id: int, connection: psycopg.Connection | None = None) -> None:
        #: Seconds that the central server may be away.
        self.outage = Policy().outage
        self._installation = installation
        self._key, self._lead_key = ledger.lock_key(run_id), f"run {run_id} lead"
        self._leads = False
        self._connection = connection or opened(installation)

    @contextmanager
    def central(self) -> Iterator[psycopg.Connection]:
        """Lend the connection; opened again, with its locks, when it was lost, as long as the server may be away."""
        until = time.monotonic() + self.outage
        while True:
            try:
                with translated():
                    self._reconnect()
                break
            except MpmOpsError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)
        with translated():
            yield self._connection

    def take(self) -> None:
        """Share the run's lock."""
        with self.central() as central:
            locks.share(central, self._key)

    def lead(self) -> bool:
        """Whether this one leads: it does when nobody else does."""
        with self.central() as central:
            self._leads = self._leads or locks.hold(central, self._lead_key)
        return self._leads

    def accompanied(self) -> bool:
        """Whether others are there as well. Read-only."""
        with self.central() as central:
            return locks.others(central, self._key) > 0

    def close(self) -> None:
        """Leave it."""
        self._connection.close()

    def _reconnect(self) -> None:
        if not self._connection.closed:
            with suppress(psycopg.OperationalError):
                self._connection.execute("SELECT 1")
                return
            self._connection.close()
        self._connection = opened(self._installation)
        locks.share(self._connection, self._key)
        self._leads = self._leads and locks.hold(self._connection, self._lead_key)
