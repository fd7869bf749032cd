"""Migrating company databases: each is taken along its plan, with an outcome for each (D3, D7)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress

from mpm_ops.central.ledger import Part, Planned
from mpm_ops.companies.account import Account, Job, account
from mpm_ops.companies.courses import Course
from mpm_ops.companies.groups import make_groups, outdated
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.preflight import preflight
from mpm_ops.companies.rows import Rows
from mpm_ops.companies.states import heads_of, put_right
from mpm_ops.companies.template import sweep_replaced
from mpm_ops.errors import (
    MigrationError,
    MpmOpsError,
    PreflightFailed,
    QueryError,
    ServerError,
)
from mpm_ops.fleet.attempts import failure_of
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change
from mpm_ops.records import Company, DryRun, FleetReport, Outcome, PlannedSql, Status, counted
from mpm_ops.schema.apply import Manner, apply
from mpm_ops.schema.live import LivePool
from mpm_ops.schema.plan import Plan

_LOCK_NOT_AVAILABLE = "55P03"


def dry_run(course: Course, *, notes: Sequence[str] = ()) -> DryRun:
    """Tell what a run would do: the SQL of each distinct plan, and who would go through it. Read-only."""
    plans = [
        PlannedSql(
            hash=digest,
            before=plan.before,
            after=plan.after,
            sql=plan.sql,
            companies=[str(one) for one in course.companies if course.found[one.id] is plan],
        )
        for digest, plan in course.distinct.items()
    ]
    others = {str(one): str(found) for one in course.companies if not isinstance(found := course.found[one.id], Plan)}
    wrong = [f"{one}: {course.wrong[one.id]}" for one in course.companies if one.id in course.wrong]
    return DryRun(action=course.action, plans=plans, others=others, notes=[*course.notes, *wrong, *notes])


def go(
    installation: Installation,
    course: Course,
    *,
    policy: Policy,
    hooks: Hooks,
    resumes: int | None = None,
    part: Part | None = None,
    settled: Sequence[Company] = (),
) -> FleetReport:
    """Take the companies along their plans, with an outcome for each.

    `settled` are those that the run which it `resumes` is done with: the gate is asked of a canary among them. A `part`
    is a batch of a shared run.
    """
    misled, failing = _put_right(installation, course)
    if policy.preflight != "off":
        failing |= preflight(installation, course.plans, course.companies, policy=policy)
    refused = refusal(failing) if policy.preflight == "stop" else ""
    owner, reading = installation.settings.owner_role, installation.reading
    older = outdated(installation, [one for one in course.companies if one.id in course.plans])

    #: How many steps of their plans companies have behind them that are tried again.
    come: dict[int, int] = {}

    def work(company: Company, pages: Account) -> Change:
        plan = course.found[company.id]
        if isinstance(plan, MpmOpsError):
            raise plan
        if isinstance(plan, str):
            raise MigrationError(plan)
        rows = Rows(plan=plan, after=course.rows.get(company.id, ""))
        manner = Manner(
            lock_timeout=policy.lock_timeout,
            statement_timeout=policy.statement_timeout,
            one_transaction=policy.one_transaction,
            application=pages.application,
            before=reading.before_step,
            after=lambda step: [*reading.after_step(step, company.database), *rows.after_step(step)],
        )
        if company.id in older:
            make_groups(installation, company.server, company.database)
        since = come.get(company.id, 0)
        try:
            server = installation.server_of(company)
            done = apply(server, company.database, plan, owner=owner, manner=manner, live=live, since=since)
            rows.write(server, company.database, owner=owner, application=pages.application)
        except MpmOpsError as exc:
            come[company.id] = max(since, exc.taken)
            if isinstance(exc, QueryError) and exc.sqlstate == _LOCK_NOT_AVAILABLE:
                exc.blocker = pages.watch.blocker(company)
            raise
        if not done.steps:
            return Change(before=done.before, after=done.before, skipped="another run has done it meanwhile")
        return Change(before=done.before, after=plan.after)

    job = Job(
        action=course.action,
        planned=[_planned(course, company) for company in course.companies],
        work=work,
        idle=idle(course, failing),
        plans=_summaries(course),
        notes=[*course.notes, *(f"{one}: {course.wrong[one.id]}; put right" for one in misled)],
        refused=refused,
        resumes=resumes,
        part=part,
        settled=settled,
    )
    with closing(LivePool()) as live:
        report = account(installation, job, policy=policy, hooks=hooks)
    _sweep_templates(installation, [one for one in course.companies if one.id in course.plans])
    return report


def refusal(failing: Mapping[int, MpmOpsError]) -> str:
    """Say why nobody may be begun after a preflight; empty when all may."""
    bad = sum(isinstance(exc, PreflightFailed) for exc in failing.values())
    return f"an assertion failed in {counted(bad, 'company')}" if bad else ""


def _sweep_templates(installation: Installation, migrated: Sequence[Company]) -> None:
    """Drop, on the servers of these companies, the templates that a newer one has replaced."""
    for server in by_server(migrated):
        # The run is over, and what is left is swept the next time.
        with suppress(ServerError, QueryError), installation.maintenance(server) as connection:
            sweep_replaced(installation, connection)


def _put_right(installation: Installation, course: Course) -> tuple[list[Company], dict[int, MpmOpsError]]:
    """Put wrong stamps right; return whose, and by company id why it did not go where nothing else would tell."""
    right: list[Company] = []
    failing: dict[int, MpmOpsError] = {}
    for company in course.companies:
        if company.id in course.wrong:
            try:
                if put_right(installation, company):
                    right.append(company)
            except MpmOpsError as exc:
                if company.id not in course.plans:  # else its turn in the run tells why
                    what = f"{course.wrong[company.id]}, which could not be put right: {exc}"
                    failing[company.id] = MigrationError(what, company=company.name)
    return right, failing


def _planned(course: Course, company: Company) -> Planned:
    plan = course.found[company.id]
    digest = plan.hash if isinstance(plan, Plan) else ""
    return Planned(company=company, before=heads_of(course.stamps, company), plan=digest)


def idle(course: Course, failing: Mapping[int, MpmOpsError]) -> list[Outcome]:
    """Return the outcomes that are known before the run: nothing to do, or an error of the company's own."""
    found = []
    for company in course.companies:
        heads = heads_of(course.stamps, company)
        plan = course.found[company.id]
        outcome = Outcome(company_id=company.id, company=company.name, status=Status.SKIPPED, before=heads, after=heads)
        if exc := failing.get(company.id):
            found.append(dataclasses.replace(outcome, status=Status.FAILED, failure=failure_of(exc)))
        elif isinstance(plan, str):
            found.append(dataclasses.replace(outcome, reason=plan))
    return found


def _summaries(course: Course) -> list[dict[str, object]]:
    """Return what the ledger has to know of a course's plans, and of what they would lose of a company on the way."""
    having: dict[str, list[int]] = {}
    for company_id, plan in course.plans.items():
        having.setdefault(plan.hash, []).append(company_id)
    found = []
    for digest, plan in course.distinct.items():
        apart = any(Rows(plan=plan, after=course.rows.get(one, "")).apart for one in having[digest])
        plugins = {one: course.plugins[one] for one in having[digest] if one in course.plugins}
        found.append(summary(plan, apart=apart) | ({"plugins": plugins} if plugins else {}))
    return found


def summary(plan: Plan, *, apart: bool = False) -> dict[str, object]:
    """Return what the ledger has to know of a plan; `apart` is whether rows are written after it, by themselves."""
    steps = [
        {"revision": step.revision, "direction": step.direction, "hash": step.hash, "after": step.after}
        for step in plan.steps
    ]
    told: dict[str, object] = {"hash": plan.hash, "from": plan.before, "to": plan.after, "steps": steps}
    return told | ({"apart": True} if apart else {})
