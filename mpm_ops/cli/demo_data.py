"""demo-data: a made-up business of any size in a company's database."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import mpm_ops
from mpm_ops.cli.options import AsJson, CompanyTerm
from mpm_ops.cli.output import data, print_json, talk
from mpm_ops.demo.profiles import COUNTRIES
from mpm_ops.errors import InvalidInput


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("demo-data")(demo_data)


def demo_data(
    company: CompanyTerm,
    customers: Annotated[int, typer.Option(help="At the end of the years, 10 to 1000000.")] = 1000,
    years: Annotated[int, typer.Option(help="Of business, 1 to 20.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed and values make the same rows.")] = 1,
    country: Annotated[
        str, typer.Option(help=f"Whose names, prices and currency they have: {', '.join(COUNTRIES)}.")
    ] = "TZ",
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The last day; by default yesterday.")] = "",
    as_json: AsJson = False,
) -> None:
    """Fill a company with a made-up business of any size, the same for the same seed.

    It grows, has seasons, mini-grids of all sizes, agents with their accounts, repairs, and solar home systems on
    credit, paid by some better than by others. All rows are written or, also after Ctrl-C, none. A company that has
    customers is refused; while rows are written, others wait for its tables.

    Example: mpm-ops demo-data 1 --customers 10000 --years 3 --seed 7
    """
    began = time.monotonic()
    with mpm_ops.connect() as ops, _progress() as on_rows:
        rows = ops.demo_data(
            company, customers=customers, years=years, seed=seed, country=country, until=_day(until), on_rows=on_rows
        )
    seconds = time.monotonic() - began
    if as_json:
        print_json({"rows": rows, "seconds": round(seconds, 3)})
    else:
        data.print(f"{rows:,} rows in {seconds:.1f} s, {rows / seconds:,.0f} a second")


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as exc:
        raise InvalidInput(f"{text} is no day", hint="Write it as 2026-11-23.") from exc


@contextmanager
def _progress() -> Iterator[Callable[[int, float], None]]:
    """Show how many rows are written, and how much of the business's time is behind."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]}"), TimeElapsedColumn())
    with Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task("Writing", total=1.0, rows="")
        yield lambda rows, behind: bar.update(task, completed=behind, rows=f"{rows:,} rows")
