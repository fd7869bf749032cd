"""Printing: data on stdout, talk on stderr; tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from mpm_ops.companies.migrations import Hooks
from mpm_ops.errors import Refused
from mpm_ops.records import FleetReport, Outcome, Status

#: For data: what a pipe or a file should get.
data = Console(soft_wrap=False)
#: For talk: progress, questions, errors.
talk = Console(stderr=True)

_COLOURS = {
    Status.DONE: "green",
    Status.SKIPPED: "dim",
    Status.BUSY: "yellow",
    Status.FAILED: "bold red",
    Status.UNTOUCHED: "yellow",
}


def print_json(value: object) -> None:
    """Print records, or lists of them, as JSON."""
    typer.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def _plain(value: Any) -> Any:
    is_record = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return dataclasses.asdict(value) if is_record else str(value)


def print_table(
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str],
    *,
    colour: Callable[[Mapping[str, object]], str] = lambda _: "",
) -> None:
    """Print rows as a table; on a pipe it is as wide as its contents."""
    if not data.is_terminal:
        data.width = 10_000
    table = Table(*columns, header_style="bold")
    for row in rows:
        table.add_row(*(escape(_cell(row[column])) for column in columns), style=colour(row))
    data.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    return str(value)


@contextmanager
def progress(title: str) -> Iterator[Hooks]:
    """Show a bar while a fleet run is under way; yields the hooks that move it."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=talk, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def on_outcome(outcome: Outcome) -> None:
            bar.advance(task)
            if outcome.failure is not None:
                talk.print(f"[red]{escape(outcome.company)}[/]: {escape(outcome.failure.message)}")

        yield Hooks(on_start=lambda total: bar.update(task, total=total), on_outcome=on_outcome)


def print_report(report: FleetReport, *, as_json: bool) -> None:
    """Print a fleet report and end with exit code 1 when a company failed, 130 when the run was interrupted."""
    if as_json:
        print_json(report)
    else:
        _print_outcomes(report)
    if report.failed:
        raise typer.Exit(1)
    if report.counts[Status.UNTOUCHED]:
        raise typer.Exit(130)


def _print_outcomes(report: FleetReport) -> None:
    # A large fleet is told in numbers; who needs attention is listed whatever the size.
    quiet = () if len(report.outcomes) <= 20 else (Status.DONE, Status.SKIPPED)
    rows = [row for row in report.rows() if row["outcome"] not in quiet]
    if rows:
        print_table(rows, list(rows[0]), colour=lambda row: _COLOURS[Status(str(row["outcome"]))])
    data.print(escape(str(report)), soft_wrap=True)


def consent(question: str, *, force: bool) -> None:
    """Ask before something is lost; `--force` answers yes, and nobody to ask is a no."""
    if force:
        return
    if not talk.is_interactive or not typer.get_text_stream("stdin").isatty():
        raise Refused(question, hint="Add --force to go on without being asked.")
    if not typer.confirm(question, err=True):
        raise Refused("nothing was changed")
