"""Commands about fleet runs: list, show, pause, go on, undo; what happened to one company."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import mpm_ops
from mpm_ops.cli.options import AsJson, CompanyTerm, Force
from mpm_ops.cli.output import consent, data, print_end, print_json, print_report, print_table
from mpm_ops.cli.progress import progress
from mpm_ops.cli.reports import Report, put_report
from mpm_ops.errors import UsageError
from mpm_ops.records import counted

RunId = Annotated[int, typer.Argument(metavar="RUN", help="Its number: mpm-ops runs.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("runs")(runs)
    app.command("run")(run)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("rollback")(rollback)
    app.command("history")(history)


def runs(limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20, as_json: AsJson = False) -> None:
    """List the last fleet runs: who did what, and how it came out.

    Example: mpm-ops runs
    """
    with mpm_ops.connect() as ops:
        found = ops.runs(limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "run": one.id,
            "what": one.action,
            "who": one.operator,
            "began": f"{one.started_at:%Y-%m-%d %H:%M:%S}",
            "seconds": f"{(one.finished_at - one.started_at).total_seconds():.1f}" if one.finished_at else "",
            "state": one.state,
            "companies": ", ".join(f"{number} {status}" for status, number in sorted(one.counts.items())),
            "why": one.reason,
        }
        for one in found
    ]
    print_table(rows, ["run", "what", "who", "began", "seconds", "state", "companies", "why"])


def run(
    run_id: RunId,
    as_json: AsJson = False,
    report: Annotated[
        Report | None, typer.Option("--report", help="Print it as a report to keep, with the state of the fleet.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to this file.")] = None,
) -> None:
    """Show the account of one run. Its exit code is the run's.

    Example: mpm-ops run 12 --report html --output run-12.html
    """
    if report and as_json:
        raise UsageError("--report and --json do not go together", hint="--report json is the report as JSON.")
    if output and not report:
        raise UsageError("--output goes with --report", hint="Add --report html, json or md.")
    with mpm_ops.connect() as ops:
        found = ops.run(run_id)
        status = ops.status() if report else None
    if report:
        put_report(found, status, form=report, output=output)
    else:
        print_report(found, as_json=as_json)


def pause(run_id: RunId) -> None:
    """Ask a run under way in another terminal to begin no further company; those it is at are finished.

    Example: mpm-ops pause 12
    """
    with mpm_ops.connect() as ops:
        ops.pause_run(run_id)
    data.print(f"Run {run_id} begins no further company; to let it: mpm-ops resume {run_id}")


def resume(run_id: RunId) -> None:
    """Let a paused run go on. To finish one that has ended: mpm-ops migrate-tenant --resume RUN.

    Example: mpm-ops resume 12
    """
    with mpm_ops.connect() as ops:
        ops.pause_run(run_id, paused=False)
    data.print(f"Run {run_id} goes on.")


def rollback(
    run_id: Annotated[int, typer.Option("--run", help="The run to undo: mpm-ops runs.")],
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Undo exactly what one run applied, company by company.

    Example: mpm-ops rollback --run 12
    """
    with mpm_ops.connect() as ops:
        found = ops.run(run_id)
        moved = [one for one in found.outcomes if one.before != one.after]
        lost = "lose what is stored in the tables and columns that it made"
        # What a killed run did is not all written: the databases say it, once this one settles it.
        killed = found.ended == "abandoned"
        if moved or killed:
            whose = "all companies that it came to" if killed else counted(len(moved), "company")
            consent(f"Undo run {run_id} in {whose}, and {lost}. Go on?", force=force)
        with progress("Undoing") as hooks:
            report = ops.rollback_run(run_id, hooks=hooks)
    print_end(report, as_json=as_json)


def history(company: CompanyTerm, as_json: AsJson = False) -> None:
    """Tell which revision a company got on which day, and by whom.

    Example: mpm-ops history 1
    """
    with mpm_ops.connect() as ops:
        found = ops.history(company)
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "when": f"{one.at:%Y-%m-%d %H:%M:%S}" if one.at else "",
            "what": one.direction,
            "revision": one.revision,
            "sql": one.hash,
            "who": one.operator,
            "run": one.run_id,
        }
        for one in found
    ]
    print_table(rows, ["when", "what", "revision", "sql", "who", "run"])
