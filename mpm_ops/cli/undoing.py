"""The commands of MPM that roll company databases back; each names what is lost, and whose it is, and asks first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

import mpm_ops
from mpm_ops.cli.options import AsJson, Force, OneOrAll
from mpm_ops.cli.output import consent, print_end
from mpm_ops.cli.policy import Only, terms
from mpm_ops.cli.progress import progress
from mpm_ops.records import counted


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("migrate-tenant-rollback")(migrate_tenant_rollback)
    app.command("migrate-tenant-refresh")(migrate_tenant_refresh)
    app.command("migrate-tenant-fresh")(migrate_tenant_fresh)
    app.command("migrate-tenant-reset")(migrate_tenant_reset)


def migrate_tenant_rollback(
    company: OneOrAll = None,
    step: Annotated[
        int | None, typer.Option("--step", min=1, help="Undo so many revisions; without it, the last run's.")
    ] = None,
    only: Only = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Undo what the last run applied to one company or to all, or the last N revisions.

    Example: mpm-ops migrate-tenant-rollback 1 --step 1
    """
    what = f"the last {counted(step, 'revision')}" if step else "the revisions of the last run"
    _destructive(
        terms(company, only),
        f"Undo {what}, and lose what is stored in the tables and columns that they made,",
        lambda ops, chosen, hooks: ops.rollback_tenant(chosen, step=step, hooks=hooks),
        force=force,
        as_json=as_json,
    )


def migrate_tenant_refresh(
    company: OneOrAll = None, only: Only = None, force: Force = False, as_json: AsJson = False
) -> None:
    """Roll all revisions back and migrate again; every row is lost.

    Example: mpm-ops migrate-tenant-refresh 1
    """
    _destructive(
        terms(company, only),
        "Roll back, migrate again and lose every row",
        lambda ops, chosen, hooks: ops.refresh_tenant(chosen, hooks=hooks),
        force=force,
        as_json=as_json,
    )


def migrate_tenant_fresh(
    company: OneOrAll = None, only: Only = None, force: Force = False, as_json: AsJson = False
) -> None:
    """Replace the database by a new one; every row and hand-made table is lost.

    Example: mpm-ops migrate-tenant-fresh 1
    """
    _destructive(
        terms(company, only),
        "Replace the database by a new one and lose every row and hand-made table",
        lambda ops, chosen, hooks: ops.fresh_tenant(chosen, hooks=hooks),
        force=force,
        as_json=as_json,
    )


def migrate_tenant_reset(
    company: OneOrAll = None, only: Only = None, force: Force = False, as_json: AsJson = False
) -> None:
    """Roll all revisions back; every table and row is lost.

    Example: mpm-ops migrate-tenant-reset 1
    """
    _destructive(
        terms(company, only),
        "Roll everything back and lose every table and row",
        lambda ops, chosen, hooks: ops.reset_tenant(chosen, hooks=hooks),
        force=force,
        as_json=as_json,
    )


def _destructive(
    companies: list[int | str] | None,
    what: str,
    run: Callable[[mpm_ops.Ops, list[int | str] | None, mpm_ops.Hooks], mpm_ops.FleetReport],
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Name what will be lost and whose it is, ask, run, report."""
    with mpm_ops.connect() as ops:
        states = ops.tenant_states(companies)
        names = ", ".join(state.company for state in states[:5]) + (" and others" if len(states) > 5 else "")
        if states:
            consent(f"{what} of {counted(len(states), 'company')}: {names}. Go on?", force=force)
        with progress("Working") as hooks:
            report = run(ops, companies, hooks)
    print_end(report, as_json=as_json)
