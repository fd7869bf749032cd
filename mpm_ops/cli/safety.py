"""doctor and harden: who may do more than was granted, and closing the databases to everybody else."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

import mpm_ops
from mpm_ops.cli.options import AsJson, Force
from mpm_ops.cli.output import consent, print_json, print_table, talk
from mpm_ops.records import Hardening


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("doctor")(doctor)
    app.command("harden")(harden)


def doctor(as_json: AsJson = False) -> None:
    """Look for what lets an analyst do more than read what was granted, and say what closes it.

    Exit code 1 when something is found; what cannot be looked at is found, too.

    Example: mpm-ops doctor
    """
    with mpm_ops.connect() as ops:
        found = ops.doctor()
    if as_json:
        print_json(found)
    elif found:
        rows = [dataclasses.asdict(one) for one in found]
        print_table(rows, ["server", "database", "company", "subject", "what", "fix"])
        talk.print(f"{len(found)} found. SQL is for psql in that database.")
    else:
        talk.print("Nothing found.")
    raise typer.Exit(1 if found else 0)


def harden(
    level: Annotated[
        Hardening | None,
        typer.Option("--level", help="How far; strict takes a superuser. Default: the settings'."),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Close every database, and `postgres` and `template1`, to logins that were granted nothing.

    Companies to come are as MPM_OPS_HARDENING says. Exit code 1 when a database could not be closed.

    Example: mpm-ops harden --level strict
    """
    with mpm_ops.connect() as ops:
        chosen = level or ops.settings.level
        consent(f"Close all databases to everybody who was granted nothing ({chosen})?", force=force)
        done = ops.harden(chosen)
    failed = [one for one in done if one.error]
    if as_json:
        print_json(done)
    else:
        print_table([dataclasses.asdict(one) for one in failed], ["server", "database", "company", "error"])
        talk.print(f"{len(done) - len(failed)} of {len(done)} databases are closed: {chosen}.")
    raise typer.Exit(1 if failed else 0)
