"""The guard: one read-only statement in a transaction of its own, within limits of time, rows and bytes (D6)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import psycopg
from psycopg.generators import execute
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from mpm_ops.analysis import refusals
from mpm_ops.analysis.params import Bound, Params, as_written, bind
from mpm_ops.errors import QueryError
from mpm_ops.postgres.text import is_text
from mpm_ops.postgres.watched import TooLarge, Watch, WatchedConnection

T = TypeVar("T")
Cursor = psycopg.RawCursor[tuple[Any, ...]]

#: Every question has a transaction of its own, so one name serves all.
_CURSOR = "mpm"
_DECLARE = f'DECLARE "{_CURSOR}" CURSOR FOR '
#: Rows of the first round trip, and of the later ones at most: so many that they make about this many bytes.
FIRST, _MOST, _BATCH = 20, 4_000, 8 * 1024 * 1024
#: The server's transaction_timeout ends the session; it is for when the client is no more, so it comes second.
_GRACE = 10
_TRANSACTION_TIMEOUT_SINCE = 170000
#: What psycopg and the types that it converts raise about a value: TypeError for a list of texts and tuples,
#: ArithmeticError for one of integers and a NaN.
_OF_VALUES = (
    *(psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError),
    *(ArithmeticError, TypeError, ValueError, RecursionError),
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one question may take."""

    #: Rows returned; None lifts the cap.
    rows: int | None = 10_000
    #: Estimated bytes of the values returned, and by which this process may grow while they arrive.
    bytes: int = 256 * 1024 * 1024
    #: Seconds for the whole answer: the client cancels it on the server.
    deadline: float = 120
    #: Milliseconds for each round trip: the server gives up by itself.
    statement: int = 60_000
    #: Milliseconds to wait for a lock, such as that of a migration.
    lock: int = 5_000
    #: Kilobytes for sorts and hashes, per node of the query plan.
    work_mem: int = 32 * 1024


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of an answer, as the server describes it."""

    name: str
    #: PostgreSQL's type oid.
    oid: int
    #: Digits before and after the point for numeric(p, s), else None.
    precision: int | None
    scale: int | None


class Cut(StrEnum):
    """Which limit cut an answer."""

    ROWS = "rows"
    BYTES = "bytes"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What was taken of the rows of one question."""

    #: How many rows.
    count: int
    #: The limit that cut them; None when these are all.
    cut: Cut | None = None


@dataclass(frozen=True, kw_only=True)
class Answer(Taken):
    """Columns and rows of one question."""

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    count: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", len(self.rows))

    @property
    def truncated(self) -> bool:
        """Whether a limit cut the rows."""
        return self.cut is not None


class Opened:
    """A question that is open on the server: its rows are fetched as they are wanted."""

    def __init__(self, cursor: Cursor, bound: Bound) -> None:
        self._cursor = cursor
        self._bound = bound
        #: What the rows have; known once some were fetched.
        self.columns: tuple[Column, ...] = ()
        #: Whether rows were asked for that have not been taken yet.
        self._is_ahead = False
        _send(cursor, _DECLARE, bound)

    def rows(self, count: int) -> list[tuple[Any, ...]]:
        """Fetch so many rows at most, as Python's values. Raises QueryError for a value that Python has not."""
        self._fetch(count, binary=False)
        return self.loaded(self._cursor.fetchall)

    def kinds(self) -> list[int]:
        """Return the oids of the columns' types; no row is made for that."""
        self._pgconn.send_describe_portal(_CURSOR.encode())
        described = self._arrived()
        return [described.ftype(number) for number in range(described.nfields)]

    def raw(self, count: int) -> PGresult:
        """Fetch so many rows at most, or take those that were asked for ahead, as PostgreSQL's binary values."""
        if self._is_ahead:
            self._is_ahead = False
            return self._arrived()
        self._fetch(count, binary=True)
        result = self._cursor.pgresult
        assert result is not None  # noqa: S101 a FETCH has one
        return result

    def ahead(self, count: int) -> None:
        """Ask for so many rows, and do not wait: the server works on them while those before are decoded."""
        self._pgconn.send_query_params(_fetch(count), None, result_format=Format.BINARY)
        self._pgconn.flush()
        self._is_ahead = True

    def close(self) -> None:
        """Have nothing under way on the server."""
        if self._is_ahead and not self._cursor.connection.closed:
            self._cursor.connection.cancel_safe(timeout=1)
            self._cursor.connection.wait(execute(self._pgconn))

    @property
    def _pgconn(self) -> PGconn:
        return self._cursor.connection.pgconn

    def as_written(self) -> None:
        """Have `rows` return as the server's text what Arrow has no type for."""
        as_written(self._cursor)

    def loaded(self, load: Callable[[], T]) -> T:
        """Return what `load` makes of values. Raises QueryError for one that Python has not."""
        with _values(self._bound, "taken over", "Ask for it as text: column::text."):
            return load()

    def _arrived(self) -> PGresult:
        """Wait for what was asked for."""
        result: PGresult = self._cursor.connection.wait(execute(self._pgconn))[-1]
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise psycopg.errors.error_from_result(result)
        return result

    def _fetch(self, count: int, *, binary: bool) -> None:
        self._cursor.execute(_fetch(count), binary=binary, prepare=False)
        self.columns = self.columns or tuple(map(_column, self._cursor.description or ()))


@contextmanager
def opened(
    connection: WatchedConnection,
    query: str,
    params: Params = None,
    *,
    limits: Limits,
    stop: threading.Event | None = None,
) -> Iterator[Opened]:
    """Open one read-only statement; the transaction is always rolled back.

    The text goes to the server as `DECLARE ... CURSOR FOR <text>`, whose grammar takes exactly one SELECT, VALUES,
    TABLE or WITH: no parser of ours decides what is safe. By then the transaction is READ ONLY and has its snapshot,
    so READ WRITE cannot come back. `stop`, set by another thread, breaks the question off, as Ctrl-C and the deadline
    do: it is cancelled on the server, and the connection serves the next one. What does not fit into `limits.bytes`
    while it arrives raises TooLarge in the block, and costs the connection: see `watched`.

    Raises NotReadOnly for a write, a command or a second statement, QueryError with its position for all else.
    """
    bound = _bound(query, params)
    with _transaction(connection, bound, limits, stop, before=len(_DECLARE)) as cursor:
        question = Opened(cursor, bound)
        try:
            yield question
        finally:
            question.close()


def ask(
    connection: WatchedConnection,
    query: str,
    params: Params = None,
    *,
    limits: Limits | None = None,
    stop: threading.Event | None = None,
) -> Answer:
    """Ask one question and return its rows as Python's values. Raises what `opened` raises, but for TooLarge."""
    limits = limits or Limits()
    with opened(connection, query, params, limits=limits, stop=stop) as question:
        return _rows(question, limits)


def explain(
    connection: WatchedConnection,
    query: str,
    params: Params = None,
    *,
    analyze: bool = False,
    limits: Limits | None = None,
) -> str:
    """Return the server's plan for a question; with `analyze` it is run, and its rows are thrown away.

    EXPLAIN takes a DECLARE as well as a query, and so no other text than `ask` does. Raises what `ask` raises.
    """
    bound, limits = _bound(query, params), limits or Limits()
    command = f"EXPLAIN (ANALYZE {'on' if analyze else 'off'}) {_DECLARE}"
    with _transaction(connection, bound, limits, None, before=len(command)) as cursor:
        _send(cursor, command, bound)
        return "\n".join(line for (line,) in cursor.fetchall())


def _bound(query: str, params: Params) -> Bound:
    if not is_text(query):
        raise QueryError("the statement holds a character that is no text")
    return bind(query, params)


def _send(cursor: Cursor, command: str, bound: Bound) -> None:
    """Send one statement: what is asked for in binary goes by the extended protocol, which refuses a second one.

    Nothing is prepared, here and elsewhere: the rollback would throw it away, for a round trip.
    """
    with _values(bound, "sent", "A value is a number, a text, a date or time, bytes, or a list of one kind of them."):
        cursor.execute((command + bound.text).encode(), bound.values, binary=True, prepare=False)


@contextmanager
def _values(bound: Bound, verb: str, hint: str) -> Iterator[None]:
    """Turn what psycopg says of a value in the block, without a word of the server, into our error."""
    try:
        yield
    except _OF_VALUES as exc:
        if isinstance(exc, psycopg.Error) and exc.sqlstate:
            raise
        # Of the words of decimal's errors nobody is the wiser.
        why = type(exc).__name__ if isinstance(exc, ArithmeticError) else str(exc).partition(" using placeholder")[0]
        raise QueryError(f"a value cannot be {verb}: {why}", statement=bound.query, hint=hint) from exc


@contextmanager
def _transaction(
    connection: WatchedConnection, bound: Bound, limits: Limits, stop: threading.Event | None, *, before: int
) -> Iterator[Cursor]:
    """Run the block in a read-only transaction within the limits; what goes wrong leaves it as our error."""
    watch = Watch(seconds=limits.deadline, growth=limits.bytes, stop=stop)
    try:
        with connection.watched(watch), psycopg.RawCursor(connection) as cursor:
            cursor.execute(_opening(limits, connection.info.server_version), prepare=False)
            yield cursor
    except psycopg.Error as exc:
        if watch.why is not None:
            raise refusals.broken_off(watch.why, bound, seconds=limits.deadline) from exc
        raise refusals.explained(exc, bound, before=before) from (None if refusals.quotes_values(exc, bound) else exc)
    finally:
        _end(connection)


def _opening(limits: Limits, version: int) -> bytes:
    """All that comes before the question, in one round trip."""
    deadline = f"SET LOCAL transaction_timeout = {int((limits.deadline + _GRACE) * 1000):d};"
    return (
        "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
        f"SET LOCAL statement_timeout = {limits.statement:d};"
        f"SET LOCAL idle_in_transaction_session_timeout = {limits.statement:d};"
        f"{deadline if version >= _TRANSACTION_TIMEOUT_SINCE else ''}"
        f"SET LOCAL lock_timeout = {limits.lock:d};"
        f"SET LOCAL work_mem = {limits.work_mem:d};"
        "SET LOCAL search_path = masked, public, pg_catalog; SET LOCAL TimeZone = 'UTC';"
        # Which the login or PGOPTIONS may have set to fewer digits.
        "SET LOCAL extra_float_digits = 1;"
        "SELECT 1"
    ).encode()


def read_only(connection: psycopg.Connection) -> None:
    """Have a session of somebody else's client begin as questions do. Defaults: the login's rights are the law."""
    connection.execute(
        "SET default_transaction_read_only = on; SET search_path = masked, public, pg_catalog; SET TimeZone = 'UTC';"
        f"SET statement_timeout = {Limits.statement:d}; SET lock_timeout = {Limits.lock:d}".encode()
    )


def _end(connection: WatchedConnection) -> None:
    """Leave a connection that serves the next question, or none."""
    try:
        if connection.info.transaction_status == TransactionStatus.ACTIVE:
            # A signal can break in where psycopg has no time to clear up.
            connection.cancel_safe(timeout=1)
            connection.close()
        elif not connection.closed:
            connection.rollback()
    except psycopg.Error:
        connection.close()


def _rows(question: Opened, limits: Limits) -> Answer:
    rows: list[tuple[Any, ...]] = []
    size, count = 0, FIRST
    # One more than the cap tells whether there was more.
    wanted = sys.maxsize if limits.rows is None else limits.rows + 1
    while len(rows) < wanted:
        count = min(count, wanted - len(rows))
        try:
            batch = question.rows(count)
        except TooLarge:
            return Answer(columns=question.columns, rows=rows, cut=Cut.BYTES)
        for row in batch:
            size += sum(map(_weight, row))
            if size > limits.bytes:
                return Answer(columns=question.columns, rows=rows, cut=Cut.BYTES)
            rows.append(row)
        if len(batch) < count:
            return Answer(columns=question.columns, rows=rows)
        count = next_count(len(rows), size)
    rows.pop()
    return Answer(columns=question.columns, rows=rows, cut=Cut.ROWS)


def _fetch(count: int) -> bytes:
    return f'FETCH FORWARD {count:d} FROM "{_CURSOR}"'.encode()


def next_count(rows: int, size: int) -> int:
    """Return how many rows to fetch next, after so many that took `size` bytes."""
    return max(1, min(_MOST, _BATCH * rows // max(size, 1)))


def _weight(value: object) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, list):
        return 16 + sum(map(_weight, value))
    if isinstance(value, dict):
        return 16 + sum(map(_weight, value)) + sum(map(_weight, value.values()))
    return 16


def _column(column: psycopg.Column) -> Column:
    return Column(name=column.name, oid=column.type_code, precision=column.precision, scale=column.scale)
