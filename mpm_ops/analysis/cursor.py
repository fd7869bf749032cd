"""A question on the server: a cursor under the guard, whose rows are fetched as they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.generators import execute
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from mpm_ops.analysis.params import Bound, as_written
from mpm_ops.errors import QueryError

T = TypeVar("T")
Cursor = psycopg.RawCursor[tuple[Any, ...]]

#: Every question has a transaction of its own, so one name serves all.
_CURSOR = "mpm"
DECLARE = f'DECLARE "{_CURSOR}" CURSOR FOR '
#: What psycopg and the types that it converts raise about a value: TypeError for a list of texts and tuples,
#: ArithmeticError for one of integers and a NaN.
_OF_VALUES = (
    *(psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError),
    *(ArithmeticError, TypeError, ValueError, RecursionError),
)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of an answer, as the server describes it."""

    name: str
    #: PostgreSQL's type oid.
    oid: int
    #: Digits before and after the point for numeric(p, s), else None.
    precision: int | None
    scale: int | None


class OpenQuestion:
    """A question that is open on the server: its rows are fetched as they are wanted."""

    def __init__(self, cursor: Cursor, bound: Bound) -> None:
        self._cursor = cursor
        self._bound = bound
        #: What the rows have; known once some were fetched.
        self.columns: tuple[Column, ...] = ()
        #: Whether rows were asked for that have not been taken yet.
        self._is_ahead = False
        send(cursor, DECLARE, bound)

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


def send(cursor: Cursor, command: str, bound: Bound) -> None:
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


def _fetch(count: int) -> bytes:
    return f'FETCH FORWARD {count:d} FROM "{_CURSOR}"'.encode()


def _column(column: psycopg.Column) -> Column:
    return Column(name=column.name, oid=column.type_code, precision=column.precision, scale=column.scale)
