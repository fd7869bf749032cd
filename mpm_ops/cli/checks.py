"""audit: what the servers have beside what the central database says."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer
from rich.markup import escape

import mpm_ops
from mpm_ops.cli.options import AsJson
from mpm_ops.cli.output import print_json, print_table, talk
from mpm_ops.companies.findings import REPAIR, AuditFinding


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("audit")(audit)


def audit(
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be without losing anything.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look for databases, roles and rows that do not fit together, and say what puts each right.

    Exit code 1 when something is found; with --repair, when something is left.

    Example: mpm-ops audit
    """
    with mpm_ops.connect() as ops:
        found = ops.audit()
        if repair:
            for done in ops.repair(found):
                told = f"[red]not repaired[/], {escape(done.error)}" if done.error else "repaired"
                talk.print(f"{escape(done.finding.subject)}, {done.finding.kind}: {told}", soft_wrap=True)
            found = ops.audit()
    _print(found, as_json=as_json)
    raise typer.Exit(1 if found else 0)


def _print(found: list[AuditFinding], *, as_json: bool) -> None:
    if as_json:
        print_json([{**dataclasses.asdict(one), "repair": one.repair} for one in found])
        return
    rows = [{**dataclasses.asdict(one), "repair": one.repair, "": "safe" if one.safe else ""} for one in found]
    if rows:
        print_table(rows, ["server", "kind", "subject", "company", "what", "repair", ""])
        told = f"{len(found)} found. SQL is for psql on that server; what is safe is done by: {REPAIR}"
        talk.print(told, soft_wrap=True)
    else:
        talk.print("Nothing found.")
