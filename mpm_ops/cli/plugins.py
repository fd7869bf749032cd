"""plugin: what a company has of plugins, and what it is to have."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import typer

import mpm_ops
from mpm_ops.cli.options import AsJson, CompanyTerm, Force, OneOrAll
from mpm_ops.cli.output import consent, print_end, print_json, print_table, talk
from mpm_ops.records import Snapshot, counted

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the plugin.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="Plugins of a company: their tables, rows and switches.", no_args_is_help=True)
    group.command("list")(list_)
    for command in (install, uninstall, enable, disable, snapshots):
        group.command(command.__name__)(command)
    app.add_typer(group, name="plugin")


def list_(company: CompanyTerm, as_json: AsJson = False) -> None:
    """List all plugins, and how each stands with a company.

    Example: mpm-ops plugin list 1
    """
    with mpm_ops.connect() as ops:
        found = ops.company_plugins(company)
    if as_json:
        print_json(found)
    else:
        rows = [{**dataclasses.asdict(one), "tables": "yes" if one.tables else ""} for one in found]
        print_table(rows, ["id", "name", "usage_type", "state", "tables"])


def install(company: CompanyTerm, name: Name, as_json: AsJson = False) -> None:
    """Bring a plugin's tables and rows to a company; one that is switched off is switched on.

    Example: mpm-ops plugin install 1 SparkMeter
    """
    with mpm_ops.connect() as ops:
        report = ops.install_plugin(company, name)
    print_end(report, as_json=as_json)


def uninstall(
    company: CompanyTerm,
    name: Name,
    drop_data: Annotated[
        bool, typer.Option("--drop-data", help="Drop its tables; a copy of the database is kept.")
    ] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Take a plugin's tables and rows from a company, after its database has been copied.

    Example: mpm-ops plugin uninstall 1 SparkMeter --drop-data
    """
    with mpm_ops.connect() as ops:
        if drop_data:
            consent(f"Uninstall {name} from {ops.get_company(company)}, and drop its tables?", force=force)
        report = ops.uninstall_plugin(company, name, drop_data=drop_data)
    print_end(report, as_json=as_json)


def enable(company: CompanyTerm, name: Name, as_json: AsJson = False) -> None:
    """Switch an installed plugin on.

    Example: mpm-ops plugin enable 1 SparkMeter
    """
    with mpm_ops.connect() as ops:
        report = ops.enable_plugin(company, name)
    print_end(report, as_json=as_json)


def disable(company: CompanyTerm, name: Name, as_json: AsJson = False) -> None:
    """Switch an installed plugin off; its tables and their rows stay.

    Example: mpm-ops plugin disable 1 SparkMeter
    """
    with mpm_ops.connect() as ops:
        report = ops.disable_plugin(company, name)
    print_end(report, as_json=as_json)


def snapshots(
    company: OneOrAll = None,
    drop_older_than: Annotated[
        float | None, typer.Option("--drop-older-than", min=0, metavar="DAYS", help="Drop those that are as old.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """List the copies of databases that uninstalling kept, or drop those that nobody needs any more.

    Example: mpm-ops plugin snapshots
    """
    with mpm_ops.connect() as ops:
        if drop_older_than is None:
            found, did = ops.snapshots(company), ""
        else:
            found, did = ops.drop_snapshots(company, days=drop_older_than, dry_run=True), "dropped"
            if found:
                consent(f"Drop {counted(len(found), 'snapshot')}, and what is in them?", force=force)
                found = ops.drop_snapshots(company, days=drop_older_than)
    if as_json:
        print_json(found)
    else:
        _print(found, did)


def _print(found: Sequence[Snapshot], did: str) -> None:
    rows = [
        {
            "database": one.database,
            "server": one.server,
            "company": f"{one.company} ({one.company_id})",
            "taken at": f"{one.taken_at:%Y-%m-%d %H:%M}",
            "days": one.age.days,
            "MB": "" if one.size is None else f"{one.size / 1e6:,.1f}",
        }
        for one in found
    ]
    print_table(rows, ["database", "server", "company", "taken at", "days", "MB"])
    talk.print(f"{counted(len(found), 'snapshot')} {did}".strip())
