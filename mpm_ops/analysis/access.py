"""Logins: what a session reads or writes with is confined by the server, not by this code (D6)."""

from __future__ import annotations

import datetime as dt
import secrets
import select
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg import sql
from psycopg.pq import TransactionStatus

from mpm_ops.analysis.params import adapt
from mpm_ops.errors import MpmOpsError, ServerError, UsageError
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server, translated
from mpm_ops.postgres.watched import WatchedConnection
from mpm_ops.settings import operator

#: How long the password of a short-lived login works; sweeping drops the login after that.
LIFETIME = dt.timedelta(hours=12)
#: Connections kept for the next question, one per company; the oldest goes first.
_IDLE = 4


class Login:
    """A login that questions are asked with: an analyst's own, which the server confines to what it was granted."""

    def __init__(self, server: Server) -> None:
        #: The server as this login sees it.
        self.server = server
        self._idle: dict[str, WatchedConnection] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server})"

    def admit(self, group: str, *, beside: str = "") -> None:
        """Let the login do what `group` may; one of its own does what it was granted."""

    def assert_member(self, connection: WatchedConnection, group: str) -> None:
        """Make sure that the login was granted `group`, lest it see masks for what it asked to see as it is.

        Raises UsageError.
        """
        with translated():
            row = connection.execute("SELECT pg_catalog.pg_has_role(%s, 'MEMBER')", [group]).fetchone()
        if row is None or not row[0]:
            hint = "Leave personal_data out, to see it masked; `mpm-ops analyst grant … --personal-data` shows it."
            raise UsageError("this login may not see personal data", hint=hint)

    @contextmanager
    def lend(self, database: str, *, keep: bool = True) -> Iterator[WatchedConnection]:
        """Lend a connection to `database` for one question; with `keep` an idle one is kept for the next."""
        with self._lock:
            connection = self._idle.pop(database, None)
        if connection is not None and not _is_there(connection):
            connection.close()
            connection = None
        if connection is None:
            connection = self.server.open(database, application=application())
            adapt(connection)
        try:
            yield connection
        finally:
            self._take_back(database, connection, keep=keep)

    def _take_back(self, database: str, connection: WatchedConnection, *, keep: bool) -> None:
        surplus = [connection]
        with self._lock:
            clean = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
            if keep and clean and database not in self._idle:
                self._idle[database] = connection
                surplus = [self._idle.pop(next(iter(self._idle)))] if len(self._idle) > _IDLE else []
        for one in surplus:
            one.close()

    def close(self) -> None:
        """Close the idle connections, and those of engines."""
        with self._lock:
            _close(self._idle)
        self.server.close()


class ShortLogin(Login):
    """A login made for one session, member of the groups of the companies that it is admitted to.

    It is dropped when it is closed, when it is garbage-collected and at the end of the process; a killed process
    leaves it to the sweep.
    """

    def __init__(self, server: Server, central: str, *, name: str, connections: int = 16) -> None:
        self._deployer = server
        self._central = central
        #: Name of the login on the server.
        self.name = f"{name}_{secrets.token_hex(6)}"
        until = dt.datetime.now(dt.UTC) + LIFETIME
        with server.connect(central) as connection:
            password, verifier = roles.create_login(connection, self.name, until=until, connections=connections)
        super().__init__(server.with_login(self.name, password, verifier=verifier))
        self._admitted: set[str] = set()
        self._finalizer = weakref.finalize(self, _drop, server, central, self.name, self.server, self._idle)

    def __repr__(self) -> str:
        return f"ShortLogin({self.name})"

    def admit(self, group: str, *, beside: str = "") -> None:
        """Let the login do what `group` may, when the group `beside` is there as well; the second time costs nothing.

        Raises ServerError when one of them is not, UsageError when the login was dropped.
        """
        if not self._finalizer.alive:
            raise UsageError("what this was asked through is closed", hint="Get the company anew: ops.company(…)")
        with self._lock:
            if group not in self._admitted:
                with self._deployer.connect(self._central) as connection:
                    for needed in filter(None, (group, beside)):
                        if not roles.exists(connection, needed):
                            raise ServerError(f"the role {needed} is missing", hint="mpm-ops audit --repair makes it.")
                    statement = sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(self.name))
                    connection.execute(statement)
                self._admitted.add(group)

    def assert_member(self, connection: WatchedConnection, group: str) -> None:
        """Do nothing: `admit` has granted it."""

    def close(self) -> None:
        """Drop the login and end its sessions."""
        self._finalizer()


def application() -> str:
    """Return the application_name of a connection for questions: who asks, as far as the client knows."""
    return f"mpm_ops/read {operator()}"


def _drop(server: Server, central: str, name: str, seen: Server, idle: dict[str, WatchedConnection]) -> None:
    _close(idle)
    seen.close()
    # A server that is gone took the sessions with it; the sweep drops the login later.
    with suppress(MpmOpsError), server.connect(central) as connection:
        roles.drop(server, connection, name)


def _close(idle: dict[str, WatchedConnection]) -> None:
    while idle:
        idle.popitem()[1].close()


def _is_there(connection: WatchedConnection) -> bool:
    """Whether an idle connection is still good: a server has nothing to say on one but that it ends it."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
