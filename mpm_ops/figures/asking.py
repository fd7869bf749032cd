"""What all figures share: who is asked, and what may be given to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Any, Generic, Literal, Protocol, Self, TypeVar, get_args

from mpm_ops.errors import UsageError
from mpm_ops.figures.statements import statement

#: A day, or its name such as 2026-03-01. It begins at midnight in UTC: a company has no time zone of its own.
Day = dt.date | str
#: How long the periods are that a figure is given for; weeks begin on Monday, as in ISO 8601.
Period = Literal["day", "week", "month", "quarter", "year"]
#: Where people live: today, since no history of addresses is kept.
Place = Literal["village", "mini_grid", "cluster"]
#: The part of the business that a device belongs to. Only meters have a tariff and a kind of connection.
Part = Literal["village", "mini_grid", "cluster", "tariff", "connection_type", "connection_group"]

#: Days within which an active customer has paid; MPM's export of customers has it so.
ACTIVE_DAYS = 25

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Ask(Protocol[R_co]):
    """Asks one company, or several: `query` of a company's reader, or of an installation."""

    def __call__(self, sql: str, *, params: Mapping[str, Any], max_rows: int | None) -> R_co:
        """Return the answer to a question whose values are bound by name."""


class Asking(Generic[R]):
    """Figures of whoever is asked."""

    def __init__(self, ask: Ask[R]) -> None:
        self._ask = ask

    def asked_with(self, **options: Any) -> Self:
        """Return the same figures, asked with more options of `query`: companies, errors, workers, numeric ..."""
        return type(self)(partial(self._ask, **options))

    def _figure(self, name: str, **values: object) -> R:
        return self._ask(statement(name), params=values, max_rows=None)


def span(since: Day, until: Day) -> dict[str, dt.date]:
    """Return the days from `since` to before `until`. Raises UsageError when there are none."""
    first, end = day(since), day(until)
    if first >= end:
        raise UsageError(f"there is no day from {first} to before {end}", hint="until is the day after the last one.")
    return {"since": first, "until": end}


def day(value: Day | None) -> dt.date:
    """Return a day, of None today (in UTC). Raises UsageError for what is none."""
    if value is None:
        return dt.datetime.now(dt.UTC).date()
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(value)  # type: ignore[arg-type]  # TypeError for a datetime
    except (TypeError, ValueError):
        raise UsageError(f"{str(value)[:60]!r} is no day", hint='Write "2026-03-01", or give a date.') from None


def days(value: int) -> int:
    """Return a number of days. Raises UsageError for one that cannot be meant."""
    if value < 1:
        raise UsageError(f"days is {value}", hint="Give the days within which an active customer has paid.")
    return value


def one_of(kind: Any, value: str | None) -> str | None:
    """Return one of the words of a Literal, or None. Raises UsageError for another."""
    return None if value is None else exactly_one_of(kind, value)


def exactly_one_of(kind: Any, value: str) -> str:
    """Return one of the words of a Literal. Raises UsageError for another, and for None."""
    if value not in get_args(kind):
        raise UsageError(f"{str(value)[:60]!r} is not known here", hint=f"Write one of {', '.join(get_args(kind))}.")
    return value
