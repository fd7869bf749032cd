"""Short-lived logins: what a session reads or writes with is confined by the server, not by this code (D6)."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import weakref
from contextlib import suppress

from psycopg import sql

from mpm_ops.errors import MpmOpsError
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server

#: How long the password of a short-lived login works; sweeping drops the login after that.
LIFETIME = dt.timedelta(hours=12)


class ShortLogin:
    """A login made for one session, member of the groups of the companies that it is admitted to.

    It is dropped when it is closed, when it is garbage-collected and at the end of the process; a killed process
    leaves it to the sweep.
    """

    def __init__(self, server: Server, central: str, *, name: str, connections: int = 16) -> None:
        self._deployer = server
        self._central = central
        #: Name of the login on the server.
        self.name = f"{name}_{secrets.token_hex(6)}"
        password = secrets.token_urlsafe(24)
        until = dt.datetime.now(dt.UTC) + LIFETIME
        with server.connect(central) as connection:
            roles.create_login(connection, self.name, password, until=until, connections=connections)
        #: The server as this login sees it.
        self.server = server.with_login(self.name, password)
        self._admitted: set[str] = set()
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, _drop, server, central, self.name)

    def __repr__(self) -> str:
        return f"ShortLogin({self.name})"

    def admit(self, group: str) -> None:
        """Let the login do what `group` may; the second time costs nothing."""
        with self._lock:
            if group not in self._admitted:
                with self._deployer.connect(self._central) as connection:
                    statement = sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(self.name))
                    connection.execute(statement)
                self._admitted.add(group)

    def close(self) -> None:
        """Drop the login and end its sessions."""
        self._finalizer()


def _drop(server: Server, central: str, name: str) -> None:
    # A server that is gone took the sessions with it; the sweep drops the login later.
    with suppress(MpmOpsError), server.connect(central) as connection:
        roles.drop(connection, name)
