"""What the server refused, in words that help: the place in the analyst's own text, and what to do about it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

import psycopg
from psycopg import errors

from mpm_ops.analysis.params import Bound
from mpm_ops.errors import MpmOpsError, NotReadOnly, QueryError
from mpm_ops.postgres.server import ours
from mpm_ops.postgres.watched import Why

_QUESTIONS = ("SELECT", "VALUES", "TABLE", "WITH")
#: How the server says that it is not the grammar.
_SEVERAL = "multiple commands"
_TOLD = (_SEVERAL, "INTO is not allowed")
#: The class of data exceptions, whose words quote the value that the server could not take.
_DATA = "22"
_ONLY_ONE_SELECT = "Ask one SELECT, VALUES, TABLE or WITH. Data is changed in Python: mpm_ops.login(…, write=True)."
_ASK_FOR_LESS = "The time for one question is over: ask for less at a time, or raise the limit."


def explained(exc: psycopg.Error, bound: Bound, *, before: int) -> MpmOpsError:
    """Return our error for what came of a question; `before` is how many characters were sent ahead of its text."""
    found = ours(exc, bound.query)
    if not isinstance(found, QueryError):
        return found
    if quotes_values(exc, bound):
        found = QueryError(
            _without_values(str(found), bound),
            sqlstate=found.sqlstate,
            position=found.position,
            statement=found.statement,
            hint=_without_values(found.hint, bound),
        )
    position = None if found.position is None else found.position - before
    found.position = bound.own_position(position) if position is not None and position > 0 else None
    if _is_refusal(exc, bound.query, found.position):
        return NotReadOnly(
            "only one statement can be asked at a time"
            if _SEVERAL in str(exc)
            else f"{exc.diag.message_primary}: only a question can be asked here",
            sqlstate=found.sqlstate,
            position=found.position,
            statement=bound.query,
            hint=_ONLY_ONE_SELECT,
        )
    if isinstance(exc, errors.InsufficientPrivilege):
        found.hint = _not_granted(exc)
    if isinstance(exc, errors.QueryCanceled) and not found.hint:
        found.hint = _ASK_FOR_LESS
    return found


def _not_granted(exc: psycopg.Error) -> str:
    """Say what to do about what was not granted: of a table it may be one column that stands in the way of `*`."""
    table = re.fullmatch(r"permission denied for (?:table|view) (.+)", exc.diag.message_primary or "")
    if table is None:
        return "This login was not granted that."
    return f"Name the columns: company.columns({table[1]!r}) lists those that this login may read."


def quotes_values(exc: psycopg.Error, bound: Bound) -> bool:
    """Whether the words of the server may quote a value that was bound, which a log or a saved notebook would keep."""
    return bool(bound.values) and (exc.sqlstate or "").startswith(_DATA)


def broken_off(why: Why, bound: Bound, *, seconds: float) -> QueryError:
    """Return the error for a question that was given up here, and cancelled on the server."""
    if why is Why.STOPPED:
        message, hint = "the question was broken off", ""
    else:
        message, hint = f"the answer took longer than {seconds:g} s", _ASK_FOR_LESS
    return QueryError(message, sqlstate=errors.QueryCanceled.sqlstate or "", statement=bound.query, hint=hint)


def _without_values(text: str, bound: Bound) -> str:
    """Return what the server said with the placeholder's name where it quotes its value, or a piece of it."""
    values = [(name, piece) for name, value in zip(bound.names, bound.values, strict=True) for piece in _texts(value)]
    for name, value in sorted(values, key=lambda one: -len(one[1])):
        text = text.replace(f'"{value}"', name)

    def named(quoted: re.Match[str]) -> str:
        return next((name for name, value in values if quoted[1] in value), quoted[0])

    return re.sub('"([^"]+)"', named, text)


def _texts(value: object) -> Iterator[str]:
    """Yield what the server may quote of a value."""
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
    elif value is not None:
        yield value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _is_refusal(exc: psycopg.Error, query: str, position: int | None) -> bool:
    """Whether the server refused the kind of statement, rather than a mistake in a question. For the wording only."""
    if isinstance(exc, errors.ReadOnlySqlTransaction):
        return True
    if isinstance(exc, errors.FeatureNotSupported):
        # That a WITH changes data; not that a question is beyond the server.
        return "DECLARE CURSOR" in str(exc.diag.message_primary)
    if not isinstance(exc, errors.SyntaxError):
        return False
    # With a first word that is a command's, the grammar stumbles at once; a misspelt SELECT does too.
    word = next(iter(query[position - 1 :].split()), "") if position else ""
    is_first = position is not None and not query[: position - 1].strip()
    is_command = word.isalpha() and not difflib.get_close_matches(word.upper(), _QUESTIONS, cutoff=0.7)
    return any(told in str(exc) for told in _TOLD) or (is_first and is_command)
