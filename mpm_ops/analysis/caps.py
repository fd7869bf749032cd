"""Caps on an answer: which can be meant, and what is said when one was reached."""

from __future__ import annotations

from mpm_ops.analysis.guard import Cut, Taken
from mpm_ops.errors import UsageError


def cut_after(answer: Taken) -> str:
    """Say where an answer was cut, and what lifts that limit."""
    lifted = "max_rows=None lifts the cap" if answer.cut is Cut.ROWS else "more is too large: ask for less at a time"
    return f"after {answer.count} rows; {lifted}"


def checked_rows(max_rows: int | None) -> int | None:
    """Return the cap on rows. Raises UsageError for one that cannot be meant."""
    if max_rows is not None and max_rows < 0:
        raise UsageError(f"max_rows is {max_rows}", hint="Give a number of rows, or None for no cap.")
    return max_rows


def checked_numeric(numeric: str) -> None:
    """Raise UsageError for what numeric cannot become."""
    if numeric not in ("decimal", "float"):
        raise UsageError(f"numeric is {numeric!r}", hint='Write numeric="decimal" or numeric="float".')


def checked_fanout(errors: str, workers: int | None) -> None:
    """Raise UsageError for a way of asking many companies that cannot be meant."""
    if errors not in ("raise", "collect"):
        raise UsageError(f"errors is {errors!r}", hint='Write errors="raise" or errors="collect".')
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}", hint="Give a number of companies that are asked at a time.")
