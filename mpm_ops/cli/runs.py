"""Commands about fleet runs: list, show, pause, go on, undo; what happened to one company; status and drift."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

import mpm_ops
from mpm_ops.cli.options import AsJson, CompanyTerm, Force
from mpm_ops.cli.output import consent, data, print_json, print_report, print_table, progress

RunId = Annotated[int, typer.Argument(metavar="RUN", help="Its number: mpm-ops runs.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("runs")(runs)
    app.command("run")(run)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("rollback")(rollback)
    app.command("history")(history)
    app.command("status")(status)
    app.command("drift")(drift)


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


def run(run_id: RunId, as_json: AsJson = False) -> None:
    """Show the account of one run. Its exit code is the run's.

    Example: mpm-ops run 12
    """
    with mpm_ops.connect() as ops:
        found = ops.run(run_id)
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
        moved = [one for one in ops.run(run_id).outcomes if one.before != one.after]
        lost = "lose what is stored in the tables and columns that it made"
        if moved:
            consent(f"Undo run {run_id} in {len(moved)} companies, and {lost}. Go on?", force=force)
        with progress("Undoing") as hooks:
            report = ops.rollback_run(run_id, hooks=hooks)
    print_report(report, as_json=as_json)


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


def status(
    verify: Annotated[bool, typer.Option("--verify", help="Read every alembic_version; trust no stamp.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell how many companies are at which revision, and who needs attention. Exit code 1 when somebody does.

    Example: mpm-ops status
    """
    with mpm_ops.connect() as ops:
        found = ops.status(verify=verify)
    astray = [one for one in found.states if one.state != "current"]
    if as_json:
        spread = [{"heads": heads, "companies": number} for heads, number in found.revisions.items()]
        print_json({**dataclasses.asdict(found), "revisions": spread})
    else:
        rows = [
            {
                "at": ", ".join(heads) or "base",
                "companies": number,
                "share": "█" * max(1, round(30 * number / len(found.states))),
                "": "newest" if heads == found.newest else "",
            }
            for heads, number in found.revisions.items()
        ]
        print_table(rows, ["at", "companies", "share", ""])
        told = {"busy": found.busy, "failed last": found.failed_last}
        for state in sorted({one.state for one in astray}):
            told[state] = [one.company for one in astray if one.state == state]
        for what, who in told.items():
            if who:
                more = f" and {len(who) - 10} more" if len(who) > 10 else ""
                data.print(f"{what}: {len(who)} ({', '.join(who[:10])}{more})", soft_wrap=True, markup=False)
    raise typer.Exit(1 if astray or found.failed_last else 0)


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
        data.print(f"{clean} of {len(found)} companies are as their revision says.")
    raise typer.Exit(0 if clean == len(found) else 1)
