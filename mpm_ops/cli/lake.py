"""export: companies' rows as Parquet files that stay as the databases are."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import mpm_ops
from mpm_ops.cli.options import AsJson, Workers
from mpm_ops.cli.output import data, print_json, print_table, talk
from mpm_ops.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("export")(export)


def export(
    lake: Annotated[str, typer.Argument(metavar="LAKE", help="The folder; it is made where it is missing.")],
    tables: Annotated[
        list[str] | None, typer.Option("--table", help="A table; without any, all that may be read.")
    ] = None,
    queries: Annotated[
        list[str] | None, typer.Option("--query", metavar="NAME=FILE", help="A file of SQL, or `-`, and its name.")
    ] = None,
    companies: Annotated[
        list[str] | None, typer.Option("--company", help="Id, name or e-mail address; without any, all companies.")
    ] = None,
    personal_data: Annotated[
        bool, typer.Option("--personal-data", help="Write names, phones and the like as they are, not masked.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Write all anew.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Look into every file for damage.")] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Export companies' rows into a lake of Parquet files by company and month; again, only what differs is written.

    DuckDB, pandas, polars and Dask read it. What is broken off or killed leaves whole files, and the next export goes
    on from there. Personal data is masked as in questions.

    Example: mpm-ops export lake --table transactions --table meters
    """
    wanted = _wanted(tables or [], queries or [])
    with mpm_ops.connect() as ops, talk.status("Exporting ...") as status:
        done = count(1)
        account = ops.export(
            wanted or None,
            companies,
            to=lake,
            personal_data=personal_data,
            full=full,
            verify=verify,
            workers=workers,
            errors="collect",
            on_company=lambda: status.update(f"Exporting ... {next(done)} companies done"),
        )
    if as_json:
        print_json(account)
    else:
        rows = account.rows()
        if rows:
            print_table(rows, list(rows[0]), colour=lambda row: "bold red" if row["company"] in account.errors else "")
        data.print(escape(str(account)), soft_wrap=True)
    raise typer.Exit(0 if account.ok else 1)


def _wanted(tables: Sequence[str], queries: Sequence[str]) -> dict[str, str | None]:
    """Return tables and queries by name. Raises UsageError for a name that is given twice."""
    named: list[tuple[str, str | None]] = [*((table, None) for table in tables), *map(_query, queries)]
    for name, times in Counter(name for name, _ in named).items():
        if times > 1:
            raise UsageError(f"{name[:60]!r} is given twice", hint="Each table and each query has a folder of its own.")
    return dict(named)


def _query(given: str) -> tuple[str, str]:
    """Return the name and the text of a query that is given as NAME=FILE. Raises UsageError."""
    name, is_given, place = given.partition("=")
    if not is_given:
        raise UsageError(f"{given!r} names no file", hint="Write --query NAME=FILE.sql.")
    try:
        return name, sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{place} cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc
