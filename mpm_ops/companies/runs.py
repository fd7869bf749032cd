"""Runs after the fact: taken up again, undone, paused from another terminal, told."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from mpm_ops.central import history, ledger
from mpm_ops.companies import migrations, selection
from mpm_ops.companies.account import Hooks
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.states import heads_of, read_stamps
from mpm_ops.errors import Busy, UnknownRun, UsageError
from mpm_ops.fleet.policy import Policy
from mpm_ops.postgres import locks
from mpm_ops.records import Applied, Company, Failure, FleetReport, Outcome, Run, Status

#: Outcomes that leave nothing to do.
_SETTLED = (Status.DONE, Status.SKIPPED)


def runs(installation: Installation, *, limit: int) -> list[Run]:
    """List the last runs, newest first. Read-only."""
    with installation.central() as connection:
        return history.runs(connection, limit=limit)


def report(installation: Installation, run_id: int) -> FleetReport:
    """Return the account of a run as the ledger has it. Raises UnknownRun. Read-only."""
    with installation.central() as connection:
        run = history.run(connection, run_id)
        outcomes = history.outcomes(connection, run_id)
    seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at else 0.0
    return FleetReport(
        run_id=run_id, action=run.action, outcomes=outcomes, seconds=seconds, ended=run.state, reason=run.reason
    )


def of_company(installation: Installation, company: Company) -> list[Applied]:
    """List which revision was applied to a company, or undone, when and by whom; newest first. Read-only."""
    with installation.central() as connection:
        return history.of_company(connection, company.id)


def pause(installation: Installation, run_id: int, *, paused: bool) -> None:
    """Ask a run under way to begin no further company, or to go on. Raises UnknownRun, UsageError when it is over."""
    with installation.central() as connection:
        run = history.run(connection, run_id)
        if run.state not in ("running", "paused") or not ledger.pause(connection, run_id, paused=paused):
            raise UsageError(
                f"run {run_id} is {run.state}: there is nothing to pause",
                hint=f"To finish it: mpm-ops migrate-tenant --resume {run_id}",
            )


def resume(installation: Installation, run_id: int, *, policy: Policy, hooks: Hooks) -> FleetReport:
    """Finish a migrate-tenant run that was killed, halted or had failures: all companies that it did not settle."""
    with installation.central() as connection:
        run = history.run(connection, run_id)
        if run.action != "migrate-tenant":
            raise UsageError(f"run {run_id} is a {run.action}", hint="Only a migrate-tenant run can be resumed.")
        with locks.try_lock(connection, ledger.lock_key(run_id)) as alone:
            if not alone:
                raise Busy(f"run {run_id} is under way in another process", hint="Wait for it to end.")
            if run.state == "abandoned":
                settle(installation, connection, run)
        left = [one.company_id for one in history.outcomes(connection, run_id) if one.status not in _SETTLED]
    active = {company.id: company for company in selection.chosen(installation, None)}
    companies = [active[one] for one in left if one in active]
    course = migrations.upgrade(installation, companies)
    return migrations.go(installation, course, policy=policy, hooks=hooks, resumes=run_id)


def settle(installation: Installation, connection: psycopg.Connection, run: Run) -> None:
    """Write into the account of a killed run what it did and could not write; the databases tell."""
    known = {company.id: company for company in selection.chosen(installation, None)}
    open_ones = [one for one in history.outcomes(connection, run.id) if one.status is Status.UNTOUCHED]
    companies = [known[one.company_id] for one in open_ones if one.company_id in known]
    stamps = read_stamps(installation, companies, verify=True)
    ends = {str(plan["hash"]): tuple(plan["to"]) for plan in run.plans}
    found: list[Outcome] = []
    for outcome in open_ones:
        company = known.get(outcome.company_id)
        heads = heads_of(stamps, company) if company else outcome.before
        if heads != outcome.before:
            done = heads == ends.get(outcome.plan)
            found.append(_found(outcome, heads, done=done))
    with connection.transaction():
        ledger.record(connection, run.id, found)
        ledger.close_run(connection, run.id, state="interrupted", reason="its process was killed")


def _found(outcome: Outcome, heads: tuple[str, ...], *, done: bool) -> Outcome:
    failure = None if done else Failure(message="the run was killed on the way", kind="Killed")
    return Outcome(
        company_id=outcome.company_id,
        company=outcome.company,
        status=Status.DONE if done else Status.FAILED,
        before=outcome.before,
        after=heads,
        reason="found done after the run was killed" if done else "",
        failure=failure,
        attempts=1,
        plan=outcome.plan,
    )


def chosen_of(installation: Installation, run_id: int) -> Sequence[Company]:
    """Return the active companies of a run. Raises UnknownRun. Read-only."""
    with installation.central() as connection:
        history.run(connection, run_id)
        ids = {one.company_id for one in history.outcomes(connection, run_id)}
    if not ids:
        raise UnknownRun(f"run {run_id} had no companies")
    return [company for company in selection.chosen(installation, None) if company.id in ids]
