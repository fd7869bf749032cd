"""usage: how large the companies are, and how they grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

import mpm_ops
from mpm_ops.cli.manner import manner
from mpm_ops.cli.options import AsJson, OneOrAll
from mpm_ops.cli.output import print_json, print_table, talk
from mpm_ops.records import Growth, growth


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("usage")(usage)


def usage(
    company: OneOrAll = None,
    days: Annotated[int, typer.Option("--days", min=1, max=36_500, help="Growth over so many days.")] = 30,
    snapshot: Annotated[bool, typer.Option("--snapshot", help="Take a snapshot of all companies first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell how large companies are and how they grow, by the snapshots in the central database.

    Rows are estimates; what is grown, asked and committed is since the first snapshot of these days. Exit code 1 when
    the last snapshot does not know all of some company; with --quiet a --snapshot that does prints nothing.

    Example: mpm-ops usage --snapshot
    """
    with mpm_ops.connect() as ops:
        if snapshot:
            ops.usage_snapshot()
        found = growth(ops.usage(company, days=days))
    code = 1 if any(one.error for one in found) else 0
    if as_json:
        print_json(found)
    elif not found:
        talk.print("No snapshot yet: mpm-ops usage --snapshot")
    elif code or not (snapshot and manner.quiet):
        _print(found)
    raise typer.Exit(code)


def _print(found: Sequence[Growth]) -> None:
    rows = [
        {
            "id": one.company_id,
            "company": one.company,
            "MB": "" if one.size is None else f"{one.size / 1e6:,.1f}",
            "rows": "" if one.rows is None else f"{one.rows:,}",
            **_grown(one),
            "as of": f"{one.taken_at:%Y-%m-%d %H:%M}",
            "not known": one.error,
        }
        for one in found
    ]
    print_table(rows, list(rows[0]))


def _grown(one: Growth) -> dict[str, str]:
    """Return what changed since the first snapshot; nothing of a company that has only one."""
    told = {
        "MB more": f"{one.size_grown / 1e6:+,.1f}",
        "rows more": f"{one.rows_grown:+,}",
        "commits": f"{one.transactions:,}",
        "questions asked": f"{one.questions:,}",
        "since": f"{one.since:%Y-%m-%d %H:%M}",
    }
    return told if one.since < one.taken_at else dict.fromkeys(told, "")
