"""Runs after the fact: taken up again, undone, paused from another terminal, told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import psycopg

from mpm_ops.central import history, ledger
from mpm_ops.central.ledger import Part
from mpm_ops.companies import courses, migrations, selection
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.killed import settle, settle_all
from mpm_ops.companies.states import heads_of, read_stamps
from mpm_ops.errors import Busy, UnknownRun, UsageError
from mpm_ops.fleet.policy import Policy
from mpm_ops.postgres import locks
from mpm_ops.records import Applied, Company, FleetReport, Run, Status

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
    under_way = run.state in ("running", "paused")
    until = run.finished_at or (dt.datetime.now(dt.UTC) if under_way else run.started_at)
    seconds = (until - run.started_at).total_seconds()
    return FleetReport(
        run_id=run_id,
        action=run.action,
        outcomes=outcomes,
        seconds=seconds,
        ended=run.state,
        reason=run.reason,
        started_at=run.started_at,
        notes=[f"this is a batch of a run that several share: mpm-ops run {run.part_of}"] if run.part_of else [],
    )


def of_company(installation: Installation, company: Company) -> list[Applied]:
    """List which revision was applied to a company, or undone, when and by whom; newest first. Read-only.

    The last in the list is its registration, with the heads that it was made with: what the first run to change
    something found, else where it is.
    """
    with installation.central() as connection:
        applied = history.of_company(connection, company.id)
        heads = history.found_after(connection, 0).get(company.id) or ()
    if not applied:
        heads = heads_of(read_stamps(installation, [company]), company)
    made = [
        Applied(revision=head, direction="registered", hash="", at=company.created_at, operator="", run_id=None)
        for head in heads or ("",)
    ]
    return applied + made


def pause(installation: Installation, run_id: int, *, paused: bool) -> None:
    """Ask a run under way to begin no further company, or to go on. Raises UnknownRun, UsageError when it is over."""
    with installation.central() as connection:
        run = history.run(connection, run_id)
        if run.state not in ("running", "paused") or not ledger.pause(connection, run_id, paused=paused):
            raise UsageError(
                f"run {run_id} is {run.state}: there is nothing to {'pause' if paused else 'go on with'}",
                hint=f"What failed or was left: mpm-ops migrate-tenant --resume {run_id}",
            )


def resume(
    installation: Installation,
    run_id: int,
    chosen: Sequence[Company],
    *,
    policy: Policy,
    hooks: Hooks,
    part: Part | None = None,
) -> FleetReport:
    """Finish a migrate-tenant run that was killed, halted or had failures: those of `chosen` that it did not settle.

    It is a run of its own, or a `part` of the shared one that the other was a part of. Raises Busy while that is under
    way, or a server still at work for it after it was killed.
    """
    with installation.central() as connection:
        _migration(connection, run_id, "resumed")
        with locks.try_lock(connection, ledger.lock_key(run_id)) as alone:
            if not alone:
                raise Busy(f"run {run_id} is under way in another process", hint="Wait for it to end.")
            settle(installation, connection, run_id)
            settle_all(installation, connection)  # its parts, when it was shared
        left = {one.company_id for one in history.outcomes(connection, run_id) if one.status not in _SETTLED}
    course = courses.upgrade(installation, [company for company in chosen if company.id in left])
    settled = [company for company in chosen if company.id not in left]
    return migrations.go(installation, course, policy=policy, hooks=hooks, resumes=run_id, part=part, settled=settled)


def chosen_of(installation: Installation, run_id: int) -> Sequence[Company]:
    """Return the active companies of a run that can be undone. Raises UnknownRun, UsageError. Read-only."""
    with installation.central() as connection:
        _migration(connection, run_id, "undone")
        ids = {one.company_id for one in history.outcomes(connection, run_id)}
    if not ids:
        raise UnknownRun(f"run {run_id} had no companies")
    return [company for company in selection.chosen(installation, None) if company.id in ids]


def _migration(connection: psycopg.Connection, run_id: int, what: str) -> Run:
    """Return the run; only one that applies revisions can be resumed or undone. Raises UnknownRun, UsageError."""
    run = history.run(connection, run_id)
    if run.action != "migrate-tenant":
        raise UsageError(f"run {run_id} is a {run.action}", hint=f"Only a migrate-tenant run can be {what}.")
    return run
