"""What the servers say while a fleet run is under way: how many connections are free, and who holds which lock."""

from __future__ import annotations

from collections.abc import Collection

import psycopg

from mpm_ops.companies.installation import Installation
from mpm_ops.errors import MpmOpsError
from mpm_ops.postgres import sessions
from mpm_ops.postgres.server import Server
from mpm_ops.records import MAIN, Company

#: Connections that are left to others.
_SPARE = 3


class Watch:
    """A connection to each server of a run, which looks at the run's sessions there."""

    def __init__(self, installation: Installation, servers: Collection[str], application: str) -> None:
        self._installation = installation
        self._application = application
        self._connections: dict[str, psycopg.Connection | None] = dict.fromkeys(servers)
        self._blockers: dict[str, str] = {}

    def limits(self) -> dict[str, int]:
        """Return, by server, how many connections the run may have: those it has, and what the server has free.

        One that cannot be asked gets one: an attempt there tells what is wrong.
        """
        return {name: self._limit(name) for name in self._connections}

    def blocker(self, company: Company) -> str:
        """Return who was last seen holding a lock that the run waits for in the company's database."""
        return self._blockers.get(company.database, "")

    def cancel(self) -> None:
        """Cancel what the run's sessions are doing, on every server."""
        for name in self._connections:
            try:
                sessions.cancel(self._connected(name), self._application)
            except (psycopg.Error, MpmOpsError):
                self._drop(name)

    def close(self) -> None:
        """Close the connections."""
        for name in self._connections:
            self._drop(name)

    def _limit(self, name: str) -> int:
        try:
            connection = self._connected(name)
            self._blockers |= sessions.blockers(connection, self._application)
            mine = sessions.count(connection, self._application)
            return mine + sessions.free(connection) - _SPARE
        except (psycopg.Error, MpmOpsError):
            self._drop(name)
            return 1

    def _connected(self, name: str) -> psycopg.Connection:
        connection = self._connections[name]
        if connection is None:
            server: Server = self._installation.server_named(name)
            connection = server.open(self._installation.settings.central_database if name == MAIN else "postgres")
            self._connections[name] = connection
        return connection

    def _drop(self, name: str) -> None:
        if (connection := self._connections[name]) is not None:
            connection.close()
            self._connections[name] = None
