"""Placeholders of a question, `%(name)s`, `:name` and `%s`, found in its text and made PostgreSQL's own `$1`.

The values never meet the text: the server binds them. So a place that is found wrongly is a wrong question, never a
dangerous one, and the little that is known here of SQL's lexical rules decides nothing about safety.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.postgres import types
from psycopg.types.datetime import IntervalLoader
from psycopg.types.multirange import MultirangeInfo
from psycopg.types.range import RangeInfo
from psycopg.types.string import TextLoader

from mpm_ops.errors import QueryError

Params = Mapping[str, Any] | Sequence[Any] | None

_LETTER = r"A-Za-z_\u0080-\U0010ffff"
#: The lexical rules of PostgreSQL, as far as they tell where a placeholder can stand. What is left open ends the text.
_TOKEN = rf"""
    (?P<quoted>
        [eE]'(?:[^'\\]|\\.|'')*+
          (?:'(?:[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?:\s|--[^\n\r]*+[\n\r])*+'(?:[^'\\]|\\.|'')*+)*+(?:'|\Z)
      | '(?:[^']|'')*+(?:'|\Z)
      | "(?:[^"]|"")*+(?:"|\Z)
      | \$(?P<tag>(?:[{_LETTER}][{_LETTER}0-9]*+)?)\$.*?(?:\$(?P=tag)\$|\Z)
    )
    | (?P<space> \s++ | --[^\n\r]*+ )
    | (?P<comment> /\* )
    | (?P<native> \$[0-9]++ )
    | (?P<word> [{_LETTER}][{_LETTER}0-9$]*+ | [0-9](?:[{_LETTER}0-9]|\.(?!\.))*+ )
    | %\((?P<printf>[{_LETTER}0-9]++)\)s(?![{_LETTER}0-9$])
    | (?P<numbered> %s(?![{_LETTER}0-9$]) )
    | (?P<cast> :: | := )
    | :(?P<colon>[{_LETTER}][{_LETTER}0-9]*+)
    | .
    """
_COMMENT_EDGE = re.compile(r"/\*|\*/")
#: Of pandas' NA and NaT; by name, so that pandas need not be there. NaT is a datetime, and would go as some day.
_MISSING = ("pandas._libs.missing.C_NAType", "pandas._libs.tslibs.nattype._NaT")


@cache
def _token() -> re.Pattern[str]:
    # At the first question with values: it takes as long as loading psycopg.
    return re.compile(_TOKEN, re.VERBOSE | re.DOTALL | re.ASCII)


class _Null(Dumper):
    def dump(self, obj: object) -> None:
        """Return NULL for whatever it is."""


class _Interval(IntervalLoader):
    def load(self, data: Buffer) -> dt.timedelta:
        """Return an interval. Raises DataError for infinity, which Python has not, and psycopg takes for nothing."""
        if b"infinity" in bytes(data):
            raise psycopg.DataError("an interval is infinite")
        return super().load(data)


def adapt(connection: psycopg.Connection) -> None:
    """Let pandas' missing values go to the server as NULL, which is what they came from; take JSON as its text.

    Python would read 1.10 as 1.1, and a number of 5000 digits not at all.
    """
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, TextLoader)
    connection.adapters.register_loader("interval", _Interval)
    for name in _MISSING:
        connection.adapters.register_dumper(name, _Null)


def as_written(cursor: psycopg.RawCursor[Any]) -> None:
    """Take what Arrow has no type for as the text that the server writes.

    Python writes it in another way; and of ranges it has no infinity, of times with a zone no 24:00.
    """
    ranges = [info.name for info in types if isinstance(info, (RangeInfo, MultirangeInfo))]
    for name in ("uuid", "timetz", "inet", "cidr", "record", *ranges):
        cursor.adapters.register_loader(name, TextLoader)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a placeholder stands in a question."""

    #: None for `%s`.
    name: str | None
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A question as it is sent: each placeholder a `$1`, and the values in their order."""

    query: str
    text: str
    values: tuple[Any, ...]
    #: Each placeholder with where its `$1` ends in `text`.
    places: tuple[tuple[Place, int], ...] = ()

    def own_position(self, position: int) -> int:
        """Translate a 1-based position in `text` to one in the question as it was written."""
        offset, shift = position - 1, 0
        for place, end in self.places:
            if offset < end:
                return min(offset - shift, place.start) + 1
            shift = end - place.end
        return offset - shift + 1

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders as they were written, in the order of `values`; `%s` where they have no names."""
        named = dict.fromkeys(f":{place.name}" for place, _ in self.places if place.name is not None)
        return tuple(named) or ("%s",) * len(self.values)


def bind(query: str, params: Params) -> Bound:
    """Return the question with its values beside it; without `params` the text stays as it is.

    With a mapping `%(name)s` and `:name` are placeholders, with a sequence `%s` is. Whatever else looks like one,
    in literals, quoted names, comments, casts and slices, is not. Raises QueryError for a name without a value, and
    for a value without a name.
    """
    if params is None:
        return Bound(query=query, text=query, values=())
    if isinstance(params, Mapping):
        if not all(isinstance(name, str) for name in params):
            # Two that are one as text would be one placeholder's.
            raise QueryError("a name in params is no text", statement=query, hint='Write params={"name": value}.')
        return _replaced(query, params)
    if isinstance(params, (str, bytes)) or not isinstance(params, Sequence):
        raise QueryError("params is neither a mapping nor a list", hint='Write params={"name": value}.')
    return _listed(query, params)


def places(query: str, known: Mapping[str, Any] | None = None) -> Iterator[Place]:
    """Find the placeholders of a question; `known` are the names that have a value.

    In `a[x:y]` the colon is the slice's. In `a[:n]` it is a placeholder's when there is a value for n.
    """
    brackets: list[str] = []
    position, operand, opened = 0, False, False
    match = _token().match
    while found := match(query, position):
        position, kind, sign = found.end(), found.lastgroup, found[0]
        if kind == "comment":
            position = _end_of_comment(query, position)
            continue
        if kind == "space":
            continue
        sliced = kind == "colon" and bool(brackets) and brackets[-1] == "[" and operand
        sliced = sliced or (kind == "colon" and opened and found["colon"] not in (known or ()))
        if kind == "native":
            raise _wrong("a value has a name here, not a number", query, found.start(), "Write :name or %(name)s.")
        if kind in ("printf", "colon", "numbered") and not sliced:
            yield Place(name=found["printf"] or found["colon"], start=found.start(), end=position)
        if sign in ("[", "("):
            brackets.append(sign)
        elif sign in ("]", ")") and brackets:
            brackets.pop()
        opened = sign == "["
        operand = kind in ("quoted", "word", "printf", "colon", "numbered") or sign in ("]", ")")


def _replaced(query: str, values: Mapping[str, Any]) -> Bound:
    found = list(places(query, values))
    for place in found:
        if place.name is None:
            raise _wrong("%s takes a list of values, and these have names", query, place.start, "Write :name.")
        if place.name not in values:
            raise _wrong(f"there is no value for {place.name}", query, place.start, _near(place.name, values))
    # In the order of their first places, so that what the server says of $1 can be followed.
    order = list(dict.fromkeys(place.name for place in found if place.name is not None))
    for name in values:
        if name not in order:
            raise QueryError(f"the statement has no place for {name}", statement=query, hint=_near(name, order))
    numbers = [order.index(place.name) + 1 for place in found if place.name is not None]
    return _bound(query, found, numbers, [values[name] for name in order])


def _listed(query: str, values: Sequence[Any]) -> Bound:
    found = list(places(query))
    for place in found:
        if place.name is not None:
            raise _wrong(f"{place.name} is a name, and the values have none", query, place.start, "Give a mapping.")
    if len(found) != len(values):
        raise QueryError(f"the statement has {len(found)} places (%s) for {len(values)} values", statement=query)
    return _bound(query, found, range(1, len(found) + 1), values)


def _bound(query: str, found: Sequence[Place], numbers: Sequence[int], values: Sequence[Any]) -> Bound:
    text, position, placed = "", 0, []
    for place, number in zip(found, numbers, strict=True):
        # Between blanks, lest it grow together with what stands beside it: LIMIT$1 would be a name, $15 another value.
        text += f"{query[position : place.start]} ${number} "
        position = place.end
        placed.append((place, len(text)))
    return Bound(query=query, text=text + query[position:], values=tuple(values), places=tuple(placed))


def _end_of_comment(query: str, position: int) -> int:
    """Return where the comment ends that was opened before `position`; comments nest."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(query, position)):
        position = edge.end()
        depth += 1 if edge[0] == "/*" else -1
    return len(query) if depth else position


def _near(name: str, known: Iterator[str] | Mapping[str, Any] | Sequence[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"Did you mean {', '.join(close)}?" if close else "Each name needs a value, and each value a name."


def _wrong(message: str, query: str, start: int, hint: str) -> QueryError:
    return QueryError(message, position=start + 1, statement=query, hint=hint)
