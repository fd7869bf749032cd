"""The commands of MPM for migrations, with MPM's names: of the central database, and of one company's or all."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import Annotated

import typer

import mpm_ops
from mpm_ops.cli.lint import lint_new
from mpm_ops.cli.options import AsJson, Autogenerate, Force, MigrationName, OneOrAll, Own, Workers
from mpm_ops.cli.output import (
    consent,
    data,
    print_dry_run,
    print_end,
    print_json,
    print_table,
    talk,
)
from mpm_ops.cli.policy import (
    Canary,
    Gate,
    LockTimeout,
    Match,
    MaxFailures,
    OneTransaction,
    Only,
    Outage,
    PreflightMode,
    Skip,
    Soak,
    StatementTimeout,
    Wave,
    make_policy,
    terms,
)
from mpm_ops.cli.progress import progress
from mpm_ops.cli.rehearsal import print_rehearsal
from mpm_ops.errors import InvalidInput, UsageError
from mpm_ops.records import counted
from mpm_ops.shipped import is_checkout

#: Only a checkout's trees are there to be written to.
_OWN = not is_checkout()


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("make-migration")(make_migration)
    app.command("make-migration-tenant")(make_migration_tenant)
    app.command("migrate")(migrate)
    app.command("migrate-tenant")(migrate_tenant)
    app.command("migrate-tenant-status")(migrate_tenant_status)


def make_migration(name: MigrationName, autogenerate: Autogenerate = False, own: Own = _OWN) -> None:
    """Make a new migration of the central database.

    Example: mpm-ops make-migration add_company_website
    """
    with mpm_ops.connect() as ops:
        typer.echo(ops.make_migration(name, autogenerate=autogenerate, own=own).path)


def make_migration_tenant(
    name: MigrationName,
    autogenerate: Autogenerate = False,
    own: Own = _OWN,
    plugin: Annotated[str, typer.Option("--plugin", help="On the branch of this plugin, in its folder.")] = "",
) -> None:
    """Make a new migration of the company databases.

    Example: mpm-ops make-migration-tenant add_meter_phase
    """
    with mpm_ops.connect() as ops:
        made = ops.make_migration_tenant(name, autogenerate=autogenerate, own=own, plugin=plugin)
        typer.echo(made.path)
        if autogenerate:
            lint_new(ops, made)
        else:
            talk.print(f"Once it is filled in: mpm-ops lint-migrations {made.id}")


def migrate(force: Force = False) -> None:
    """Make the central database where it is missing, and migrate it.

    Example: mpm-ops migrate
    """
    with mpm_ops.connect() as ops:
        _in_production(ops, "Migrate the central database?", force=force)
        applied = ops.migrate()
    for revision in applied:
        typer.echo(f"{revision.id} {revision.message}")
    talk.print(
        "The central database is up to date." if not applied else f"{counted(len(applied), 'revision')} applied."
    )


def migrate_tenant(
    company: OneOrAll = None,
    force: Force = False,
    workers: Workers = None,
    verify: Annotated[bool, typer.Option("--verify", help="Read every alembic_version; trust no stamp.")] = False,
    create_missing: Annotated[
        bool, typer.Option("--create-missing", help="Give companies whose database is gone an empty one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the SQL, and for whom it is.")] = False,
    rehearse: Annotated[
        int | None,
        typer.Option("--rehearse", min=1, help="Only try it, on clones of so many companies: the largest and oldest."),
    ] = None,
    resume: Annotated[int | None, typer.Option("--resume", help="Finish this run: who it left, failed or not.")] = None,
    cause: Annotated[
        int | None, typer.Option("--cause", min=1, help="With --resume: only who failed of this cause.")
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Only when no other run of the fleet is under way; else exit code 1.")
    ] = False,
    only: Only = None,
    skip: Skip = None,
    match: Match = None,
    canary: Canary = "",
    wave: Wave = "",
    gate: Gate = "",
    soak: Soak = 0,
    max_failures: MaxFailures = "",
    preflight: PreflightMode = "stop",
    one_transaction: OneTransaction = False,
    outage: Outage = 60,
    lock_timeout: LockTimeout = 2_000,
    statement_timeout: StatementTimeout = 0,
    as_json: AsJson = False,
) -> None:
    """Migrate one company database, or all of them. `mpm-ops pause RUN` pauses it from another terminal.

    Exit codes: 0 done or nothing to do, 1 some failed or busy, 3 halted by budget, gate or preflight, 130 interrupted.

    Example: mpm-ops migrate-tenant --canary 3 --max-failures 5%
    """
    with mpm_ops.connect() as ops:
        policy = make_policy(
            ops,
            workers=workers,
            skip=skip,
            match=match,
            canary=canary,
            wave=wave,
            gate=gate,
            soak=soak,
            max_failures=max_failures,
            preflight=preflight,
            one_transaction=one_transaction,
            outage=outage,
            lock_timeout=lock_timeout,
            statement_timeout=statement_timeout,
        )
        if rehearse is not None:
            _refuse_with("rehearse", dry_run=dry_run, resume=resume, verify=verify, create_missing=create_missing)
        if dry_run:
            _refuse_with("dry-run", resume=resume, create_missing=create_missing)
        if alone:
            _refuse_with("alone", dry_run=dry_run, rehearse=rehearse)
        if resume is not None:
            _refuse_with("resume", verify=verify, create_missing=create_missing)
        if cause is not None:
            _refuse_with("cause", company=company, only=only)
        named = terms(company, only) if cause is None else _of_cause(ops, resume, cause)
        if rehearse is not None:
            with progress("Rehearsing") as hooks:
                rehearsal = ops.rehearse(named, count=rehearse, policy=policy, hooks=hooks)
            print_rehearsal(rehearsal, as_json=as_json)
            return
        if dry_run:
            print_dry_run(ops.dry_run(named, policy=policy, verify=verify), as_json=as_json)
            return
        whose = counted(len(named), "company") if named else "all companies"
        _in_production(ops, f"Migrate the databases of {whose}?", force=force)
        with ops.alone() if alone else nullcontext(), progress("Migrating") as hooks:
            if resume is not None:
                report = ops.resume_run(resume, companies=named, policy=policy, hooks=hooks)
            else:
                report = ops.migrate_tenant(
                    named, policy=policy, hooks=hooks, verify=verify, create_missing=create_missing
                )
    print_end(report, as_json=as_json)


def migrate_tenant_status(
    company: OneOrAll = None,
    verify: Annotated[bool, typer.Option("--verify", help="Read every alembic_version; trust no stamp.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell which revision each company database is at, and what is pending. Exit code 1 when one is behind.

    Example: mpm-ops migrate-tenant-status
    """
    with mpm_ops.connect() as ops:
        states = ops.tenant_states(_one(company), verify=verify)
        if as_json:
            print_json(states)
        else:
            rows = [{**dataclasses.asdict(state), "pending": len(state.pending)} for state in states]
            print_table(rows, ["company_id", "company", "database", "heads", "pending", "state"])
            _print_revisions(ops, states)
    raise typer.Exit(0 if all(state.state == "current" for state in states) else 1)


def _of_cause(ops: mpm_ops.Ops, run_id: int | None, cause: int) -> list[int | str]:
    """Return who failed in a run of the cause with this number, as `mpm-ops run` counts them."""
    causes = ops.run(run_id).causes if run_id is not None else []
    if cause > len(causes):
        raise UsageError(
            f"run {run_id} has {len(causes)} causes" if run_id is not None else "--cause goes with --resume",
            hint="`mpm-ops run ID` shows them.",
        )
    return list(causes[cause - 1].company_ids)


def _refuse_with(option: str, **others: object) -> None:
    """Raise InvalidInput for one of the others that would be forgotten about beside `option`."""
    for name, value in others.items():
        if value is not None and value is not False and value != []:
            what = "a company" if name == "company" else f"--{name.replace('_', '-')}"
            raise InvalidInput(f"--{option} and {what} do not go together")


def _in_production(ops: mpm_ops.Ops, question: str, *, force: bool) -> None:
    if ops.settings.env == "production":
        consent(question, force=force)


def _one(company: str | None) -> list[int | str] | None:
    return None if company is None else [company]


def _print_revisions(ops: mpm_ops.Ops, states: list[mpm_ops.CompanyState]) -> None:
    """Under a status of one company: every revision, and whether it ran."""
    if len(states) == 1:
        pending = set(states[0].pending)
        known = states[0].state != "unknown revision"
        for revision in ops.tenant_revisions(states[0].heads or () if known else ()):
            mark = "pending" if revision.id in pending else "ran"
            data.print(f"{mark:8} {revision.id} {revision.message}", markup=False, highlight=False)
