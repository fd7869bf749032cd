"""Printing: data on stdout, talk on stderr; tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer
from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mpm_ops.cli.manner import manner
from mpm_ops.cli.talk import Talk
from mpm_ops.cli.terminal import Terminal
from mpm_ops.errors import Refused
from mpm_ops.harmless import harmless, harmless_json
from mpm_ops.records import DryRun, FleetReport, Status, counted

#: For data: what a pipe or a file should get. A name that holds :smile: stays as it is.
data = Terminal(soft_wrap=False, emoji=False)
#: For talk: progress, questions, errors.
talk = Talk()

#: Characters of a word that stays in one piece, at most: a revision has 12, migrate-tenant-rollback 23.
_WHOLE = 24
#: Characters that every column keeps, and those around each.
_NARROW, _EDGES = 8, 3

_COLOURS = {
    Status.DONE: "green",
    Status.SKIPPED: "dim",
    Status.BUSY: "yellow",
    Status.FAILED: "bold red",
    Status.UNTOUCHED: "yellow",
}


def print_json(value: object) -> None:
    """Print records, or lists of them, as JSON."""
    typer.echo(harmless_json(json.dumps(value, default=_plain, ensure_ascii=False, indent=2)))


def as_line(value: object) -> str:
    """Return records as JSON on one line."""
    return harmless_json(json.dumps(value, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    is_record = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return dataclasses.asdict(value) if is_record else str(value)


def print_table(
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str],
    *,
    colour: Callable[[Mapping[str, object]], str] = lambda _: "",
) -> None:
    """Print rows as a table; on a pipe it is as wide as its contents. Nothing is cut: what is too wide is folded."""
    if not data.is_terminal:
        data.width = 10_000
    table = Table(header_style="bold")
    cells = {column: [_cell(row[column]) for row in rows] for column in columns}
    for column, width in _widths(cells).items():
        table.add_column(column, overflow="fold", width=width)
    for number, row in enumerate(rows):
        table.add_row(*(Text(cells[column][number]) for column in columns), style=colour(row))
    data.print(table)


def _widths(cells: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return how wide each column is: rich would break an id or a command, which is to be copied, to spare a sentence.

    Each gets a little, then its longest word, then its longest line; the shortest first, while there is room.
    """
    texts = {column: [column, *its] for column, its in cells.items()}
    lines = {column: _longest(its, str.splitlines) for column, its in texts.items()}
    words = {column: _longest(its, str.split) for column, its in texts.items()}
    little = max(1, min(_NARROW, (data.width - 1) // max(1, len(cells)) - _EDGES))
    widths = {column: min(width, little) for column, width in lines.items()}
    room = data.width - 1 - sum(widths.values()) - _EDGES * len(widths)
    for column, word in sorted(words.items(), key=lambda one: one[1]):
        if 0 < word - widths[column] <= room and word <= _WHOLE:
            room -= word - widths[column]
            widths[column] = word
    for column, line in sorted(lines.items(), key=lambda one: one[1]):
        more = max(0, min(line - widths[column], room))
        room -= more
        widths[column] += more
    return widths


def _longest(texts: Sequence[str], parts: Callable[[str], list[str]]) -> int:
    return max((cell_len(part) for text in texts for part in parts(text)), default=0)


def _cell(value: object) -> str:
    if value is None:
        return ""
    # Not a pandas one, which is a value of somebody's.
    if type(value) is dt.datetime:
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (tuple, list)):
        return harmless(", ".join(map(str, value)))
    # As it will be printed: its width is measured.
    return harmless(str(value))


def print_report(report: FleetReport, *, as_json: bool) -> None:
    """Print a fleet report and end with its exit code."""
    if as_json:
        print_json({**dataclasses.asdict(report), "causes": report.causes})
    else:
        _print_outcomes(report)
    end_as(report)


def print_end(report: FleetReport, *, as_json: bool) -> None:
    """Tell how a run of this command's own came out, and end with its exit code; --quiet leaves out what went well."""
    code = _exit_code(report)
    manner.write(
        str(report),
        event="report",
        run=report.run_id,
        level=logging.ERROR if code else logging.INFO,
        ended=report.ended,
        reason=report.reason,
        counts={status.value: number for status, number in report.counts.items() if number},
        seconds=round(report.seconds, 3),
    )
    if manner.quiet and not (code or as_json):
        raise typer.Exit(0)
    print_report(report, as_json=as_json)


def end_as(report: FleetReport) -> None:
    """End with the exit code of a run: 1 some failed or busy, 3 halted, 130 interrupted."""
    raise typer.Exit(_exit_code(report))


def _exit_code(report: FleetReport) -> int:
    if report.ended == "interrupted":
        return 130
    # One that was halted behind its last company has failures to tell of, unless nobody was begun or a gate is closed.
    begun = any(outcome.attempts for outcome in report.outcomes)
    if report.ended == "halted" and (report.counts[Status.UNTOUCHED] or not report.failed or not begun):
        return 3
    return 1 if report.failed or report.counts[Status.BUSY] or report.ended == "abandoned" else 0


def print_dry_run(found: DryRun, *, as_json: bool) -> None:
    """Print the SQL of each distinct plan as a script that psql takes, and whom it is for as its comments."""
    if as_json:
        print_json(found)
        return
    for note in found.notes:
        typer.echo(_comment(f"Note: {note}"))
    for plan in found.plans:
        typer.echo(f"-- Plan {plan.hash}: {', '.join(plan.before) or 'base'} to {', '.join(plan.after) or 'base'}")
        typer.echo(_comment(f"for {counted(len(plan.companies), 'company')}: {', '.join(plan.companies)}") + "\n")
        typer.echo(plan.sql + "\n")
    for company, why in found.others.items():
        typer.echo(_comment(f"{company}: {why}"))


def _comment(text: str) -> str:
    """Return a comment of SQL: on one line, whatever a name or an error holds, for the next one would be run."""
    return f"-- {harmless(' '.join(text.splitlines()))}"


def _print_outcomes(report: FleetReport) -> None:
    # A large fleet is told in numbers; who needs attention is listed whatever the size.
    quiet = () if len(report.outcomes) <= 20 else (Status.DONE, Status.SKIPPED)
    rows = [row for row in report.rows() if row["outcome"] not in quiet]
    if rows:
        print_table(rows, list(rows[0]), colour=lambda row: _COLOURS[Status(str(row["outcome"]))])
    for note in report.notes:
        data.print(f"[yellow]Note[/]: {escape(note)}", soft_wrap=True)
    if report.failed:
        _print_causes(report)
    data.print(escape(str(report)), soft_wrap=True)
    if report.go_on:
        data.print(f"To go on: {report.go_on}", soft_wrap=True)


def _print_causes(report: FleetReport) -> None:
    """Print the failures as causes, each with the command that tries its companies again."""
    causes = report.causes
    data.print(f"{counted(len(report.failed), 'failure')}, {counted(len(causes), 'cause')}:")
    for cause in causes:
        where = f" in revision {cause.revision}" if cause.revision else ""
        data.print(f"  {len(cause.company_ids)} × {escape(cause.message)}{where}", soft_wrap=True)
        data.print(f"    try again: {report.retry(cause)}", soft_wrap=True)


def consent(question: str, *, force: bool) -> None:
    """Ask before something is lost; `--force` answers yes, and nobody to ask is a no."""
    if force:
        return
    if manner.log_json or not talk.is_interactive or not typer.get_text_stream("stdin").isatty():
        told = f"refused, because nobody is there to ask: {question}"
        raise Refused(told, hint="Add --force to go on without being asked.")
    if not typer.confirm(harmless(question), err=True):
        raise Refused("nothing was changed")
