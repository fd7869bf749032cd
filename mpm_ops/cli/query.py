"""query: one question to one company or to all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.status import Status

import mpm_ops
from mpm_ops.analysis.file_text import csv_text, json_text, plain
from mpm_ops.cli.output import print_table, talk
from mpm_ops.errors import QueryError, UsageError, pointed
from mpm_ops.harmless import harmless, harmless_json

if TYPE_CHECKING:
    import pandas as pd


#: By the limit that cut an answer, what to do about it.
_LIFTED = {"rows": "--limit 0 shows all.", "bytes": "More is too large: ask for less at a time."}


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("query")(query)


def query(
    company: Annotated[str, typer.Argument(metavar="COMPANY", help="Id, name or e-mail address, or `all`.")],
    sql: Annotated[
        str, typer.Argument(metavar="SQL", help="One SELECT, VALUES, TABLE or WITH; `-` reads it from stdin.")
    ],
    form: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Rows at most (for each company); 0 is no limit.")
    ] = 10_000,
    personal_data: Annotated[
        bool, typer.Option("--personal-data", help="Show names, phones and the like as they are, not masked.")
    ] = False,
) -> None:
    """Ask one company, or all of them, one read-only question.

    Example: mpm-ops query 1 "SELECT name, price FROM tariffs"
    """
    text = sys.stdin.read() if sql == "-" else sql
    if form is Format.PARQUET and output is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal", hint="Add --output FILE.")
    if form is Format.TABLE and output is not None:
        raise UsageError("a table is for people", hint="For a file: --format csv, json or parquet.")
    with mpm_ops.connect() as ops, talk.status("Asking ...") as status:
        told = partial(_tell, status, count(1))
        try:
            if company == "all":
                result = ops.query(text, max_rows=limit or None, personal_data=personal_data, on_answer=told)
            else:
                result = ops.company(company, personal_data=personal_data).query(text, max_rows=limit or None)
            if form is Format.PARQUET and output is not None and not limit:
                result.to_parquet(output)
                return
            found = result.df
        except QueryError as exc:
            for line in pointed(text, exc.position):
                talk.print(line, markup=False, highlight=False, soft_wrap=True)
            raise
    _print(found, form, output)
    if result.truncated:
        talk.print(f"Cut at the limit: {len(found)} rows are shown. {_LIFTED[found.attrs['cut']]}")


def _tell(status: Status, answered: Iterator[int]) -> None:
    """Show how many companies have answered; called in whatever thread."""
    status.update(f"Asking ... {next(answered)} answered")


def _print(found: pd.DataFrame, form: Format, output: Path | None) -> None:
    """Print or write an answer: as it is into a file or a pipe, harmless on a terminal."""
    if output is not None:
        _write(found, form, output)
    elif form is Format.TABLE:
        print_frame(found)
    elif form is Format.PARQUET:
        found.to_parquet(sys.stdout.buffer, index=False)
    elif form is Format.JSON:
        typer.echo(harmless_json(_text(found, form)))
    else:
        text = _text(found, form)
        typer.echo(harmless(text) if sys.stdout.isatty() else text, nl=False)


def _write(found: pd.DataFrame, form: Format, output: Path) -> None:
    try:
        if form is Format.PARQUET:
            found.to_parquet(output, index=False)
        else:
            output.write_text(_text(found, form), encoding="utf-8", newline="")
    except OSError as exc:
        raise UsageError(f"{output} cannot be written: {exc.strerror or exc}") from exc


def _text(found: pd.DataFrame, form: Format) -> str:
    return csv_text(found) if form is Format.CSV else json_text(found)


def print_frame(found: pd.DataFrame) -> None:
    """Print a DataFrame as a table; NULL is an empty cell."""
    found = plain(found)
    rows = found.astype(object).where(found.notna(), None).to_dict("records")
    print_table([{str(k): v for k, v in row.items()} for row in rows], [str(name) for name in found.columns])
