"""Server: connections and engines to one PostgreSQL server, and the one place where driver errors become ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import conninfo, errors, pq, sql

from mpm_ops.errors import InvalidInput, NotReadOnly, QueryError, ServerUnavailable, Transient, UsageError
from mpm_ops.postgres import scram
from mpm_ops.postgres.reached import warn_if_unencrypted
from mpm_ops.postgres.watched import WatchedConnection

#: What may succeed when tried again (D7). Everything else is not retried.
TRANSIENT = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.TooManyConnections,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.ConnectionException,
    errors.ObjectInUse,
)
#: How the driver begins what it says of a connection that was not made.
_CONNECTING = ("connection failed", "connection is bad", "connection timeout", "failed to resolve")
#: What is said while a server is down, and on its way down and up.
_AWAY = (
    "Connection refused",
    "No such file or directory",
    "closed the connection",
    "reset by peer",
    "the database system is",
    "timeout expired",
    "timed out",
    "Network is unreachable",
    "No route to host",
)
#: What a server says that is there, and does not let this login in.
_REFUSED = ("password authentication failed", "is not permitted to log in", "does not have CONNECT privilege")
_FULL = ("too many clients", "too many connections", "remaining connection slots")

#: What the driver's readers and our own texts take for granted, as the server tells it.
_FORMS = {"DateStyle": "ISO", "IntervalStyle": "postgres", "standard_conforming_strings": "on"}
#: As many connections opened by one process mean that there will be more.
_MANY = 3


class Server:
    """One PostgreSQL server and the login that is used on it.

    The connection string never shows: not in the repr, not in an error.
    """

    def __init__(self, dsn: str) -> None:
        parts = _parts(dsn)
        del dsn  # what shows an error with the variables of its frames would show it
        self._params = parts or {}
        if parts is None:
            raise UsageError(
                "MPM_OPS_DATABASE_URL is not a connection string",
                hint="Write it as postgresql://user@host:5432/ and keep the password in ~/.pgpass or in the URL, "
                "where @ is %40, / is %2F and % is %25.",
            )
        self._engines: dict[str, sa.Engine] = {}
        self._opened = 0
        #: What stands in for the password once it is known: see `scram`.
        self._keys: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Server({self.address})"

    @property
    def address(self) -> str:
        """Host and port, for people: nothing secret."""
        return f"{self._params.get('host', 'localhost')}:{self._params.get('port', 5432)}"

    @property
    def user(self) -> str:
        """The login, where the connection string names it."""
        return str(self._params.get("user", ""))

    @property
    def has_password(self) -> bool:
        """Whether the connection string brings its own password, or says where else there is one."""
        return bool(self._params.keys() & {"password", "passfile", "service"})

    def dsn(self, database: str, **overrides: Any) -> str:
        """Return the connection string for `database`; it may hold the password: keep it out of sight."""
        return conninfo.make_conninfo(**{**self._params, "dbname": database, **overrides})

    def environment(self, database: str) -> dict[str, str]:
        """Return the variables by which libpq's programs reach `database`; the password is in none of their arguments.

        They may hold it themselves: keep them out of sight.
        """
        names = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
        given = {**self._params, "dbname": database}
        return {envvar.decode(): str(value) for key, value in given.items() if (envvar := names.get(key))}

    def with_login(self, user: str, password: str, *, verifier: str = "") -> Server:
        """Return the same server seen through another login; its `verifier`, where known, spares deriving keys."""
        kept: dict[str, Any] = {k: v for k, v in self._params.items() if k not in ("passfile", "service")}
        server = Server(conninfo.make_conninfo(**{**kept, "user": user, "password": password}))
        server._keys = scram.parameters(password, verifier)
        return server

    def open(self, database: str, *, role: str | None = None, application: str = "mpm_ops") -> WatchedConnection:
        """Open an autocommit connection; the caller closes it. `role` is taken on with SET ROLE."""
        with translated():
            connection = self._connect(database, application, autocommit=True)
            if role is not None:
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        return connection

    @contextmanager
    def connect(
        self, database: str, *, role: str | None = None, application: str = "mpm_ops"
    ) -> Iterator[WatchedConnection]:
        """Lend an autocommit connection for a block; driver errors leave the block as ours."""
        connection = self.open(database, role=role, application=application)
        try:
            with translated():
                yield connection
        finally:
            connection.close()

    def engine(
        self,
        database: str,
        *,
        application: str = "mpm_ops",
        prepare: Callable[[psycopg.Connection], None] | None = None,
    ) -> sa.Engine:
        """Return the SQLAlchemy engine of `database`, made once; `prepare` is done to each of its connections."""
        if database not in self._engines:

            def create() -> psycopg.Connection:
                connection = self._connect(database, application)
                if prepare is not None:
                    prepare(connection)
                    connection.commit()
                return connection

            # A creator, so that no URL with a password exists for SQLAlchemy to show.
            self._engines[database] = sa.create_engine(
                "postgresql+psycopg://", creator=create, pool_size=4, pool_pre_ping=True
            )
        return self._engines[database]

    def _connect(self, database: str, application: str, *, autocommit: bool = False) -> WatchedConnection:
        if not database:
            raise InvalidInput("the name of a database is empty")  # which the driver takes for the login's own
        if self._keys:
            try:
                return self._dial(database, application, autocommit=autocommit)
            except psycopg.OperationalError as exc:
                if "password authentication failed" not in str(exc):
                    raise
                self._keys = {}  # somebody set the password anew
        connection = self._dial(database, application, autocommit=autocommit)
        self._opened += 1
        if self._opened == _MANY and autocommit:
            self._learn_keys(connection)
        return connection

    def _dial(self, database: str, application: str, *, autocommit: bool) -> WatchedConnection:
        given: dict[str, Any] = {"application_name": application, "connect_timeout": 10, "autocommit": True}
        try:
            connection = WatchedConnection.connect(self.dsn(database, **self._keys), **given)
        except psycopg.Error as exc:
            # Without the driver's frames: their variables hold the connection string, and some tools show variables.
            raise exc.with_traceback(None) from None
        warn_if_unencrypted(connection)
        speak(connection)
        if not autocommit:
            connection.autocommit = False
        return connection

    def _learn_keys(self, connection: psycopg.Connection) -> None:
        """Derive the keys of this login's password for all connections to come, where the server shows how."""
        if connection.info.parameter_status("is_superuser") == "on" and connection.pgconn.used_password:
            query = "SELECT rolpassword FROM pg_authid WHERE rolname = session_user"
            row = connection.execute(query).fetchone()
            self._keys = scram.parameters(connection.info.password, str(row[0]) if row else "")

    def close(self) -> None:
        """Close the pooled connections."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()


def speak(connection: psycopg.Connection) -> None:
    """Bring the session to the forms in which we write and read: PGDATESTYLE or a role's defaults may say others.

    Costs nothing where they do not: the server tells these settings by itself.
    """
    told = connection.info.parameter_status
    if connection.info.encoding != "utf-8":
        connection.execute("SET client_encoding = 'UTF8'")
    for name, value in _FORMS.items():
        if not (told(name) or value).startswith(value):
            connection.execute(sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))


def _parts(dsn: str) -> dict[str, Any] | None:
    """Return the parts of a connection string; None when it is none."""
    with suppress(psycopg.ProgrammingError):  # whose words quote the string, password included
        parts = conninfo.conninfo_to_dict(dsn)
        return None if _is_torn(parts) else parts
    return None


def _is_torn(parts: Mapping[str, Any]) -> bool:
    """Whether an @ or a / in the password has cut it: the rest is taken for a host, a port or a database then.

    Those are shown, and the server would be asked for by that name.
    """
    database, hosts, ports = (str(parts.get(name) or "") for name in ("dbname", "host", "port"))
    return (
        "@" in database
        or any("@" in host for host in hosts.split(",") if not host.startswith(("/", "@")))
        or not all(port.isdecimal() for port in ports.split(",") if port)
    )


@contextmanager
def translated(statement: str = "") -> Iterator[None]:
    """Turn what psycopg and SQLAlchemy raise inside the block into our errors."""
    try:
        yield
    except psycopg.Error as exc:
        raise ours(exc, statement) from exc
    except sa.exc.DBAPIError as exc:
        if isinstance(exc.orig, psycopg.Error):
            raise ours(exc.orig, statement) from exc.orig
        raise


def ours(exc: psycopg.Error, statement: str = "") -> QueryError | ServerUnavailable:
    """Return our error for a driver's: SQLSTATE, position and hint kept, connection parameters left out."""
    state = exc.sqlstate or ""
    if not state and isinstance(exc, psycopg.OperationalError):
        return _unreachable(exc)
    if state.startswith("28") or state == "3D000":
        return ServerUnavailable(_first_line(exc), hint="Check the login, its password and the database's name.")
    diag = exc.diag
    kind = Transient if isinstance(exc, TRANSIENT) else QueryError
    if isinstance(exc, errors.ReadOnlySqlTransaction):
        kind = NotReadOnly
    hint = diag.message_hint or diag.message_detail or ""
    if isinstance(exc, errors.InsufficientPrivilege):
        hint = hint or "This login may not do that; an operator's may."
    return kind(
        diag.message_primary or _first_line(exc),
        sqlstate=state,
        position=int(diag.statement_position) if diag.statement_position else None,
        statement=statement,
        hint=hint,
    )


def _unreachable(exc: psycopg.Error) -> QueryError | ServerUnavailable:
    """Return our error for one without a SQLSTATE, of which there is only the text."""
    text = _first_line(exc)
    if any(full in text for full in _FULL):
        return Transient(text, sqlstate="53300")
    if not text.startswith(_CONNECTING):
        return Transient(text)  # it was there, and is lost
    if any(refused in text for refused in _REFUSED):
        return ServerUnavailable(
            text, hint="The server is there: check the login and its password. What was granted may have ended."
        )
    return ServerUnavailable(
        text,
        away=any(away in text for away in _AWAY),
        hint="Is the server running? `mpm-ops server status` tells, and MPM_OPS_DATABASE_URL names another.",
    )


def _first_line(exc: psycopg.Error) -> str:
    return (str(exc).strip() or type(exc).__name__).splitlines()[0]
