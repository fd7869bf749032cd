"""Commands about the state of the fleet: status, once or watched, and drift."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

import mpm_ops
from mpm_ops.cli.options import AsJson
from mpm_ops.cli.output import as_line, data, print_json, print_table
from mpm_ops.errors import MpmOpsError, ServerError, Transient
from mpm_ops.records import FleetStatus, Run, Status, counted

Watch = Annotated[
    float | None, typer.Option("--watch", min=0.2, help="Look again every so many seconds, until Ctrl-C.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("status")(status)
    app.command("drift")(drift)


def status(
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every alembic_version and check for drift; trust no stamp.")
    ] = False,
    watch: Watch = None,
    as_json: AsJson = False,
) -> None:
    """Tell how many companies are at which revision, who needs attention, and how a run under way gets on.

    Exit code 1 when somebody needs attention. A watch goes on while a server is away; Ctrl-C ends it with 0.

    Example: mpm-ops status --watch 2
    """
    with mpm_ops.connect() as ops:
        if watch is not None:
            _watch(ops, watch, verify=verify, as_json=as_json)
            return
        found = ops.status(verify=verify)
    if as_json:
        print_json(_plain(found))
    else:
        data.print(_picture(found))
    raise typer.Exit(0 if found.ok else 1)


def drift(
    company: Annotated[list[str] | None, typer.Argument(metavar="[COMPANY]...", help="Without any: all.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Compare those again that have not changed since.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare databases with what their own revisions make. Exit code 1 when something differs.

    Example: mpm-ops drift
    """
    with mpm_ops.connect() as ops:
        found = ops.drift(list(company) if company else None, full=full)
    rows = [
        {"company": one.company, **dataclasses.asdict(difference)} for one in found for difference in one.differences
    ]
    rows += [{"company": one.company, "change": "not compared", "found": one.error} for one in found if one.error]
    if as_json:
        print_json(found)
    elif rows:
        columns = ["company", "change", "kind", "name", "expected", "found"]
        print_table([{name: row.get(name, "") for name in columns} for row in rows], columns)
    clean = sum(one.clean for one in found)
    if not as_json:
        data.print(f"{clean} of {counted(len(found), 'company')} are as their revision says.")
    raise typer.Exit(0 if clean == len(found) else 1)


def _watch(ops: mpm_ops.Ops, seconds: float, *, verify: bool, as_json: bool) -> None:
    """Show the state again and again: in place on a terminal, one after the other elsewhere, a line each with JSON."""
    looks = _looks(ops, seconds, verify=verify)
    try:
        if as_json:
            for found in looks:
                typer.echo(as_line(_plain(found)))
        elif not data.is_terminal:
            for found in looks:
                data.print(_picture(found))
        else:
            with Live(console=data, screen=False, auto_refresh=False) as live:
                for found in looks:
                    live.update(_picture(found), refresh=True)
    except KeyboardInterrupt:
        return


def _looks(ops: mpm_ops.Ops, seconds: float, *, verify: bool) -> Iterator[FleetStatus | MpmOpsError]:
    """Look again and again; from the second look on, a server that is away is what there is to see, and no end."""
    yield ops.status(verify=verify)
    while True:
        time.sleep(seconds)
        try:
            found: FleetStatus | MpmOpsError = ops.status(verify=verify)
        except (ServerError, Transient) as exc:
            found = exc
        yield found


def _plain(found: FleetStatus | MpmOpsError) -> dict[str, object]:
    if isinstance(found, MpmOpsError):
        return {"error": str(found), "hint": found.hint}
    return dataclasses.asdict(found)


def _picture(found: FleetStatus | MpmOpsError) -> RenderableType:
    """Return the state as a person looks at it: a bar for each revision, then who needs attention, then the runs."""
    if isinstance(found, MpmOpsError):
        return Text(f"{found}; looking again", style="bold red")
    table = Table("at", "companies", Column("share", overflow="crop", no_wrap=True), "", header_style="bold")
    for one in found.revisions:
        share = "█" * max(1, round(30 * one.companies / len(found.states)))
        table.add_row(", ".join(one.heads) or "base", str(one.companies), share, "newest" if one.newest else "")
    told = {"busy": found.busy, "failed last": found.failed_last, "drifted": found.drifted}
    for state in sorted({one.state for one in found.astray}):
        told[state] = [one.company for one in found.astray if one.state == state]
    lines = [_named(what, who) for what, who in told.items() if who]
    if found.drift_checked_at is None:
        lines.append(Text("drift: not all companies have been checked: mpm-ops drift", style="dim"))
    else:
        lines.append(Text(f"drift: checked {found.drift_checked_at:%Y-%m-%d %H:%M %Z}", style="dim"))
    return Group(table, *lines, *(_progress(run) for run in found.running))


def _named(what: str, who: Sequence[str]) -> Text:
    more = f" and {len(who) - 10} more" if len(who) > 10 else ""
    return Text(f"{what}: {len(who)} ({', '.join(who[:10])}{more})")


def _progress(run: Run) -> RenderableType:
    total = sum(run.counts.values())
    settled = total - run.counts.get(Status.UNTOUCHED, 0)
    line = Table.grid(padding=(0, 1))
    failed = run.counts.get(Status.FAILED, 0)
    text = f"run {run.id} {run.action}, {run.state}: {settled}/{total}" + (f", {failed} failed" if failed else "")
    line.add_row(Text(text), ProgressBar(total=max(1, total), completed=settled, width=30))
    return line
