"""demo: the main job from nothing, on three made-up companies."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import mpm_ops
from mpm_ops.cli.output import talk
from mpm_ops.cli.query import print_frame
from mpm_ops.demo.profiles import PROFILES, Profile
from mpm_ops.errors import AlreadyExists, MpmOpsError, Refused, UnknownCompany
from mpm_ops.harmless import harmless
from mpm_ops.shipped import is_checkout, shipped

if TYPE_CHECKING:
    import pandas as pd

MIGRATION = "demo_preferred_language"

_UPGRADE = """# A constant default is in the catalog: no row is written.
    op.add_column("people", sa.Column("preferred_language", sa.Text(), server_default="en", nullable=False))"""
_DOWNGRADE = 'op.drop_column("people", "preferred_language")'

#: Months whose revenue is shown, and villages of each company.
_MONTHS, _VILLAGES = 6, 3
#: All days of a business.
_EVER = ("2000-01-01", "2100-01-01")


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("demo")(demo)


def demo() -> None:
    """Show the main job from nothing: three companies, a migration of them through Prefect, two questions.

    Running it twice works: what is there is kept, and the migration is rolled back and out again.

    Example: mpm-ops demo
    """
    with mpm_ops.connect() as ops:
        if ops.settings.env == "production":
            raise Refused("the demo does not run in production", hint="Unset MPM_OPS_ENV.")
        with talk.status("Starting the server and the central database ..."):
            ops.migrate()
        _say("1", f"The central database {ops.settings.central_database} is ready.")
        companies = [_company(ops, profile) for profile in PROFILES]
        revision = _new_migration(ops, companies)
        _say("3", f"A tenant migration to roll out: {revision.path}")
        _roll_out(ops, companies, revision.id)
        _ask(ops, companies)
    _try_next(companies)


def _say(step: str, text: str) -> None:
    talk.print(f"[bold cyan]{step}[/] ", end="")
    talk.print(text, markup=False, highlight=False, soft_wrap=True)


def _company(ops: mpm_ops.Ops, profile: Profile) -> mpm_ops.Company:
    """Register a company of the demo and fill it, unless an earlier run did."""
    try:
        company, what = ops.get_company(profile.email), "is there already"
    except UnknownCompany:
        with talk.status(f"Registering {profile.name} ..."):
            company, what = ops.register(**_registration(profile)), "registered"
    try:
        with talk.status(f"Filling {profile.name} ..."):
            # A year that ended last night: the same rows all day long.
            rows = ops.fill_demo(company, profile, until=dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1))
            what += f" and filled with {rows:,} rows"
    except AlreadyExists:
        what += " with its data"
    _say("2", f"{company.name} {what}; its database is {company.database}")
    return company


def _registration(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "email": profile.email,
        "address": profile.address,
        "phone": profile.phone,
        "admin_name": profile.admin_name,
        "admin_email": profile.admin_email,
        # Nobody needs it: the demo asks as the operator.
        "admin_password": secrets.token_urlsafe(12),
        "usage_type": profile.usage_type,
        "plugins": profile.plugins,
    }


def _new_migration(ops: mpm_ops.Ops, companies: list[mpm_ops.Company]) -> mpm_ops.Revision:
    """Make the demo's migration as an operator would, or undo it where an earlier demo applied it."""
    existing = [revision for revision in ops.tenant_revisions() if Path(revision.path).stem.endswith(MIGRATION)]
    if not existing:
        made = ops.make_migration_tenant(MIGRATION, own=True)
        path = Path(made.path)
        path.write_text(path.read_text().replace("pass", _UPGRADE, 1).replace("pass", _DOWNGRADE, 1))
        ops.forget_revisions()
        return made
    for state in ops.tenant_states([company.id for company in companies]):
        if not state.pending and state.heads:
            with talk.status(f"Rolling {state.company} back, to migrate it again ..."):
                ops.rollback_tenant([state.company_id], step=1)
    return existing[0]


def _roll_out(ops: mpm_ops.Ops, companies: list[mpm_ops.Company], revision: str) -> None:
    """Run the Prefect flow in a process of its own, and show from the databases' stamps how far it is."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with (
        Progress(*columns, console=talk) as bar,
        subprocess.Popen(  # noqa: S603 - this Python and a file of ours
            [sys.executable, str(shipped("flows") / "migrate_companies.py")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_flow_environment(ops),
        ) as flow,
    ):
        task = bar.add_task("Prefect starts its server (about 25 s), then migrates", total=len(companies))
        with ThreadPoolExecutor(1) as pool:
            talked = pool.submit(flow.communicate)
            while not wait([talked], timeout=0.5).done:
                bar.update(task, completed=_migrated(ops, companies, revision))
        bar.update(task, completed=_migrated(ops, companies, revision))
    out, err = talked.result()
    typer.echo(harmless(out.rstrip()))
    if flow.returncode:
        raise MpmOpsError("the flow failed", hint=err.strip().splitlines()[-1] if err.strip() else "")


def _migrated(ops: mpm_ops.Ops, companies: list[mpm_ops.Company], revision: str) -> int:
    states = ops.tenant_states([company.id for company in companies])
    return sum(state.heads is not None and revision not in state.pending for state in states)


def _flow_environment(ops: mpm_ops.Ops) -> dict[str, str]:
    """Prefect's settings for a run without a server of its own; what the user has set stays."""
    ours = {
        "PREFECT_HOME": str(ops.settings.home / "prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_API_URL": "",
    }
    return {**ours, **os.environ, "MPM_OPS_HOME": str(ops.settings.home)}


def _ask(ops: mpm_ops.Ops, companies: list[mpm_ops.Company]) -> None:
    _say("4", f"One question to {companies[0].name}: what came in, by month?")
    print_frame(monthly_revenue(ops.company(companies[0].id)))
    _say("5", "And one to all three: which villages bring most?")
    print_frame(best_villages(ops, companies))


def monthly_revenue(company: mpm_ops.CompanyReader) -> pd.DataFrame:
    """Return what came in at a company in its last months, the newest first."""
    found = company.figures.revenue(*_EVER, per="month").df.iloc[::-1].head(_MONTHS)
    found["month"] = found["period"].astype("string").str[:7]
    return _readable(found, "month", "payments", "revenue", "currency")


def best_villages(ops: mpm_ops.Ops, companies: list[mpm_ops.Company]) -> pd.DataFrame:
    """Return the villages of each company that brought most; nothing is added up or compared over currencies."""
    figures = ops.figures.asked_with(companies=[company.id for company in companies])
    found = figures.revenue(*_EVER, by="village").df.rename(columns={"group_name": "village"})
    best = found.sort_values("revenue", ascending=False).groupby("company").head(_VILLAGES)
    best = best.sort_values("company", kind="stable")
    return _readable(best, "company", "village", "payments", "revenue", "currency")


def _readable(found: pd.DataFrame, *columns: str) -> pd.DataFrame:
    return found.assign(revenue=found["revenue"].map("{:,.2f}".format))[[*columns]]


def _try_next(companies: list[mpm_ops.Company]) -> None:
    command = "mpm-ops" if not is_checkout() else ".venv/bin/mpm-ops"
    talk.print("\n[bold]Try next[/]")
    for line, what in (
        ("companies", "the companies and their databases"),
        ("migrate-tenant-status", "which revision each is at"),
        (f'query {companies[0].id} "TABLE tariffs"', "ask one company"),
        ('query all "SELECT count(*) FROM people"', "ask all of them"),
        ("run 1 --report html --output run.html", "how the migration went, as a page"),
        ("migrate-tenant-rollback --step 1", "undo the new migration"),
        ("server stop", "stop the embedded server; it starts again by itself"),
    ):
        talk.print(f"  {command} {line}", markup=False, highlight=False, soft_wrap=True, end="")
        talk.print(f"   [dim]# {what}[/]", soft_wrap=True)
