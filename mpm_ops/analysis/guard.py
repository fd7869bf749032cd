"""The guard: one read-only statement in a transaction of its own, within limits of time, rows and bytes (D6)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from mpm_ops.analysis import refusals
from mpm_ops.analysis.cursor import DECLARE, Column, Cursor, OpenQuestion, send
from mpm_ops.analysis.params import Bound, Params, bind
from mpm_ops.errors import QueryError
from mpm_ops.postgres.text import is_text
from mpm_ops.postgres.watched import TooLarge, Watch, WatchedConnection

#: Rows of the first round trip, and of the later ones at most: so many that they make about this many bytes.
FIRST, _MOST, _BATCH = 20, 4_000, 8 * 1024 * 1024
#: The server's transaction_timeout ends the session; it is for when the client is no more, so it comes second.
_GRACE = 10
_TRANSACTION_TIMEOUT_SINCE = 170000


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
    statement: int = 120_000
    #: Milliseconds to wait for a lock, such as that of a migration.
    lock: int = 5_000
    #: Kilobytes for sorts and hashes, per node of the query plan.
    work_mem: int = 32 * 1024


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


@contextmanager
def opened(
    connection: WatchedConnection,
    query: str,
    params: Params = None,
    *,
    limits: Limits,
    stop: threading.Event | None = None,
) -> Iterator[OpenQuestion]:
    """Open one read-only statement; the transaction is always rolled back.

    The text goes to the server as `DECLARE ... CURSOR FOR <text>`, whose grammar takes exactly one SELECT, VALUES,
    TABLE or WITH: no parser of ours decides what is safe. By then the transaction is READ ONLY and has its snapshot,
    so READ WRITE cannot come back. `stop`, set by another thread, breaks the question off, as Ctrl-C and the deadline
    do: it is cancelled on the server, and the connection serves the next one. What does not fit into `limits.bytes`
    while it arrives raises TooLarge in the block, and costs the connection: see `watched`.

    Raises NotReadOnly for a write, a command or a second statement, QueryError with its position for all else.
    """
    bound = _bound(query, params)
    with _transaction(connection, bound, limits, stop, before=len(DECLARE)) as cursor:
        question = OpenQuestion(cursor, bound)
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
    command = f"EXPLAIN (ANALYZE {'on' if analyze else 'off'}) {DECLARE}"
    with _transaction(connection, bound, limits, None, before=len(command)) as cursor:
        send(cursor, command, bound)
        return "\n".join(line for (line,) in cursor.fetchall())


def _bound(query: str, params: Params) -> Bound:
    if not is_text(query):
        raise QueryError("the statement holds a character that is no text")
    return bind(query, params)


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
        # Compiling takes longer than our questions do: of a year's figures 600 to 1200 ms became 200 to 270.
        "SET LOCAL jit = off;"
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


def _rows(question: OpenQuestion, limits: Limits) -> Answer:
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
