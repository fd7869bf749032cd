"""The guard: one read-only statement in a transaction of its own, within limits of time, rows and bytes (D6)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors

from mpm_ops.errors import NotReadOnly, QueryError
from mpm_ops.postgres.server import ours

Params = Mapping[str, Any] | Sequence[Any] | None

#: Every question has a transaction of its own, so one name serves all.
_CURSOR = "mpm"
_QUESTIONS = ("SELECT", "VALUES", "TABLE", "WITH")
_ONLY_ONE_SELECT = "Ask one SELECT, VALUES, TABLE or WITH; a session with write=True changes data."


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one question may take."""

    #: Rows returned; None lifts the cap.
    rows: int | None = 10_000
    #: Estimated bytes of the values returned.
    bytes: int = 256 * 1024 * 1024
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


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Columns and rows of one question."""

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    #: Whether a limit cut the rows.
    truncated: bool


def ask(connection: psycopg.Connection, query: str, params: Params = None, *, limits: Limits | None = None) -> Answer:
    """Run one read-only statement and return its rows; the transaction is always rolled back.

    The text goes to the server as `DECLARE ... CURSOR FOR <text>`, whose grammar takes exactly one SELECT, VALUES,
    TABLE or WITH: no parser of ours decides what is safe. By then the transaction is READ ONLY and has its snapshot,
    so READ WRITE cannot come back.

    Raises NotReadOnly for a write, a command or a second statement, QueryError with its position for all else.
    """
    limits = limits or Limits()
    if "\0" in query or (not query.isascii() and any(0xD800 <= ord(character) <= 0xDFFF for character in query)):
        raise QueryError("the statement holds a character that is no text")
    try:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        try:
            connection.execute(_settings(limits))
            connection.execute("SELECT 1")
            return _fetch(connection, query, params, limits)
        finally:
            if not connection.closed:
                connection.rollback()
    except psycopg.Error as exc:
        raise _explained(exc, query, params) from exc


def _settings(limits: Limits) -> bytes:
    return (
        f"SET LOCAL statement_timeout = {limits.statement:d};"
        f"SET LOCAL idle_in_transaction_session_timeout = {limits.statement:d};"
        f"SET LOCAL lock_timeout = {limits.lock:d};"
        f"SET LOCAL work_mem = {limits.work_mem:d};"
        "SET LOCAL search_path = masked, public, pg_catalog; SET LOCAL TimeZone = 'UTC'"
    ).encode()


def _fetch(connection: psycopg.Connection, query: str, params: Params, limits: Limits) -> Answer:
    rows: list[tuple[Any, ...]] = []
    size, truncated = 0, False
    # One more than the cap tells whether there was more.
    wanted = None if limits.rows is None else limits.rows + 1
    with connection.cursor(name=_CURSOR) as cursor:
        cursor.execute(query.encode(), params or None)
        columns = tuple(_column(column) for column in cursor.description or ())
        while not truncated and (wanted is None or len(rows) < wanted):
            batch = cursor.fetchmany(1000 if wanted is None else min(1000, wanted - len(rows)))
            if not batch:
                break
            rows += batch
            size += sum(_weight(value) for row in batch for value in row)
            truncated = size > limits.bytes
    if wanted is not None and len(rows) == wanted:
        truncated = True
        rows.pop()
    return Answer(columns=columns, rows=rows, truncated=truncated)


def _weight(value: object) -> int:
    return len(value) if isinstance(value, (str, bytes, list, dict)) else 16


def _column(column: psycopg.Column) -> Column:
    return Column(name=column.name, oid=column.type_code, precision=column.precision, scale=column.scale)


def _explained(exc: psycopg.Error, query: str, params: Params) -> Exception:
    found = ours(exc, query)
    if not isinstance(found, QueryError):
        return found
    found.position = _own_position(query, params, found.position)
    if _is_refusal(exc, query, found.position):
        return NotReadOnly(
            f"{exc.diag.message_primary}: only a question can be asked here",
            sqlstate=found.sqlstate,
            position=found.position,
            statement=query,
            hint=_ONLY_ONE_SELECT,
        )
    if isinstance(exc, errors.InsufficientPrivilege) and not found.hint:
        found.hint = "This login was not granted that table or column."
    if isinstance(exc, errors.QueryCanceled) and not found.hint:
        found.hint = "The time for one question is over: ask for less at a time, or raise the limit."
    return found


def _is_refusal(exc: psycopg.Error, query: str, position: int | None) -> bool:
    """Whether the server refused the kind of statement, rather than a mistake in a question. For the wording only."""
    if isinstance(exc, (errors.FeatureNotSupported, errors.ReadOnlySqlTransaction)):
        return True
    if not isinstance(exc, errors.SyntaxError):
        return False
    # With a first word that is a command's, the grammar stumbles at once; a misspelt SELECT does too.
    word = next(iter(query[position - 1 :].split()), "") if position else ""
    is_first = position is not None and not query[: position - 1].strip()
    is_command = word.isalpha() and not difflib.get_close_matches(word.upper(), _QUESTIONS, cutoff=0.7)
    return "multiple commands" in str(exc) or (is_first and is_command)


def _own_position(query: str, params: Params, position: int | None) -> int | None:
    """Translate a position in what was sent to one in `query`: less the DECLARE, and `$1` back to `%(name)s`."""
    if position is None:
        return None
    left = position - len(f'DECLARE "{_CURSOR}" CURSOR FOR ')
    if left < 1:
        return None
    if not params:
        return left
    numbers: dict[str, int] = {}
    gained = 0
    for mark in re.finditer(r"%(?:\((\w+)\))?[sbt%]", query):
        if mark.start() >= left + gained - 1:
            break
        name = mark[1] or f"#{len(numbers)}"
        sent = "%" if mark[0] == "%%" else f"${numbers.setdefault(name, len(numbers) + 1)}"
        gained += len(mark[0]) - len(sent)
    return left + gained
