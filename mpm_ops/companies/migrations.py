"""Migrating company databases: one plan per distinct state, applied to many, with an outcome for each (D2, D3, D7)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

import psycopg

from mpm_ops.central import history, ledger
from mpm_ops.central.ledger import Planned
from mpm_ops.companies.account import Account, Hooks, Job, account
from mpm_ops.companies.grants import after_step, before_step
from mpm_ops.companies.groups import make_groups, outdated
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.killed import refuse_at_work, settle_all
from mpm_ops.companies.preflight import preflight
from mpm_ops.companies.states import Stamps, heads_of, missing, mistaken, put_right, read_stamps
from mpm_ops.companies.template import sweep_replaced
from mpm_ops.errors import (
    InvalidInput,
    MigrationError,
    MpmOpsError,
    PreflightFailed,
    QueryError,
    RevisionError,
    ServerError,
    ServerUnavailable,
)
from mpm_ops.fleet.attempts import failure_of
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change
from mpm_ops.records import Company, DryRun, FleetReport, Outcome, PlannedSql, Status, counted
from mpm_ops.schema.apply import Manner, apply
from mpm_ops.schema.live import LivePool
from mpm_ops.schema.plan import Plan

#: A plan for a company in a state, or the reason why there is nothing to do.
Planner = Callable[[Company, tuple[str, ...]], Plan | str]
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True, kw_only=True)
class Course:
    """What a run is going to do: who stands where, and a plan, a reason or an error for each."""

    action: str
    companies: Sequence[Company]
    stamps: Stamps
    found: Mapping[int, Plan | str | MpmOpsError]
    notes: Sequence[str] = ()
    #: Whose stamp is wrong, by company id, and how; the run puts it right before it begins.
    wrong: Mapping[int, str] = field(default_factory=dict)

    @property
    def plans(self) -> dict[int, Plan]:
        """The plans by company id."""
        return {company_id: plan for company_id, plan in self.found.items() if isinstance(plan, Plan)}

    @property
    def distinct(self) -> dict[str, Plan]:
        """The plans by hash: as many as there are states."""
        return {plan.hash: plan for plan in self.plans.values()}


def upgrade(
    installation: Installation, companies: Sequence[Company], *, verify: bool = False, notes: Sequence[str] = ()
) -> Course:
    """Plan what is pending. A company with nothing pending needs no connection to its database. Read-only.

    `notes` is what the operator should know of what was done before.
    """
    tree = installation.tenant_tree
    tree.heads()  # a tree that is not in order stops the run before the first company

    def plan(_: Company, heads: tuple[str, ...]) -> Plan | str:
        found = tree.upgrade_plan(heads)
        return found if found.steps else "nothing to migrate"

    return _course(installation, "migrate-tenant", companies, lambda *_: plan, verify=verify, notes=notes)


def rollback(installation: Installation, companies: Sequence[Company], *, step: int | None) -> Course:
    """Plan to undo the last `step` revisions; without a number, what the last migrate-tenant run applied to each.

    Raises InvalidInput for a number below 1: the last 0 of a list are all of it.
    """
    if step is not None and step < 1:
        raise InvalidInput(f"{step} is not a number of revisions to undo", hint="Begin with 1, the newest.")
    tree = installation.tenant_tree

    def planner(connection: psycopg.Connection, stamps: Stamps) -> Planner:
        settle_all(installation, connection)  # what a killed run applied is to be undone too
        ids = {company.id: heads_of(stamps, company) for company in companies}
        batches = {} if step else {one: ledger.last_batch(connection, one, heads) for one, heads in ids.items()}

        def plan(company: Company, heads: tuple[str, ...]) -> Plan | str:
            applied = [revision.id for revision in tree.applied(heads)]
            if step is not None:
                undo = applied[-step:]
            else:
                target = batches[company.id]
                if target is None:
                    return "no run brought it to this state: name the number of revisions with --step"
                undo = _above(tree.applied(target), applied)
            return tree.downgrade_plan(heads, undo[::-1]) if undo else "nothing to roll back"

        return plan

    back = f" --step {step}" if step else ""
    return _course(installation, f"migrate-tenant-rollback{back}", companies, planner)


def undo(installation: Installation, companies: Sequence[Company], run_id: int) -> Course:
    """Plan to undo exactly what one run applied, company by company. Raises Busy while a server still applies it."""
    tree = installation.tenant_tree

    def planner(connection: psycopg.Connection, stamps: Stamps) -> Planner:
        del stamps
        settle_all(installation, connection)
        if history.run(connection, run_id).state == "abandoned":
            refuse_at_work(installation, connection, run_id, companies)
        moved = {one.company_id: one for one in history.outcomes(connection, run_id) if one.before != one.after}
        replaced = history.replaced_after(connection, run_id)

        def plan(company: Company, heads: tuple[str, ...]) -> Plan | str:
            outcome = moved.get(company.id)
            if outcome is None:
                return f"run {run_id} applied nothing to it"
            if company.id in replaced:
                return f"its database was replaced since, by run {replaced[company.id]}"
            if heads == outcome.before:
                return f"what run {run_id} applied is undone already"
            if heads != outcome.after:
                left, now = (", ".join(one) or "base" for one in (outcome.after, heads))
                raise MigrationError(
                    f"run {run_id} left it at {left}, and it is at {now} now",
                    hint=f"Undo the later runs first: mpm-ops history {company.id}",
                )
            applied = [revision.id for revision in tree.applied(heads)]
            return tree.downgrade_plan(heads, _above(tree.applied(outcome.before), applied)[::-1])

        return plan

    return _course(installation, f"rollback --run {run_id}", companies, planner)


def reset(installation: Installation, companies: Sequence[Company]) -> Course:
    """Plan to roll every revision back: the databases end without tables, and their rows are gone."""
    tree = installation.tenant_tree

    def plan(_: Company, heads: tuple[str, ...]) -> Plan | str:
        back = [revision.id for revision in reversed(tree.applied(heads))]
        return tree.downgrade_plan(heads, back) if back else "nothing to roll back"

    return _course(installation, "migrate-tenant-reset", companies, lambda *_: plan)


def refresh(installation: Installation, companies: Sequence[Company]) -> Course:
    """Plan to roll every revision back and migrate again: the databases end as new ones, without their rows."""

    def plan(_: Company, heads: tuple[str, ...]) -> Plan | str:
        return installation.tenant_tree.rebuild_plan(heads)

    return _course(installation, "migrate-tenant-refresh", companies, lambda *_: plan)


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
    settled: Sequence[Company] = (),
) -> FleetReport:
    """Take the companies along their plans, with an outcome for each.

    `settled` are those that the run which it `resumes` is done with: the gate is asked of a canary among them.
    """
    misled, failing = _put_right(installation, course)
    if policy.preflight != "off":
        failing |= preflight(installation, course.plans, course.companies, policy=policy)
    refused = ""
    if policy.preflight == "stop" and (bad := sum(isinstance(exc, PreflightFailed) for exc in failing.values())):
        refused = f"an assertion failed in {counted(bad, 'company')}"
    owner = installation.settings.owner_role
    older = outdated(installation, [one for one in course.companies if one.id in course.plans])

    #: How many steps of their plans companies have behind them that are tried again.
    come: dict[int, int] = {}

    def work(company: Company, pages: Account) -> Change:
        plan = course.found[company.id]
        if isinstance(plan, MpmOpsError):
            raise plan
        if isinstance(plan, str):
            raise MigrationError(plan)
        manner = Manner(
            lock_timeout=policy.lock_timeout,
            statement_timeout=policy.statement_timeout,
            one_transaction=policy.one_transaction,
            application=pages.application,
            before=before_step,
            after=lambda step: after_step(step, company.database),
        )
        if company.id in older:
            make_groups(installation, company.server, company.database)
        since = come.get(company.id, 0)
        try:
            server = installation.server_of(company)
            done = apply(server, company.database, plan, owner=owner, manner=manner, live=live, since=since)
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
        idle=_idle(course, failing),
        plans=[_summary(plan) for plan in course.distinct.values()],
        notes=[*course.notes, *(f"{one}: {course.wrong[one.id]}; put right" for one in misled)],
        refused=refused,
        resumes=resumes,
        settled=settled,
    )
    with closing(LivePool()) as live:
        report = account(installation, job, policy=policy, hooks=hooks)
    _sweep_templates(installation, [one for one in course.companies if one.id in course.plans])
    return report


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


def _course(
    installation: Installation,
    action: str,
    companies: Sequence[Company],
    planner: Callable[[psycopg.Connection, Stamps], Planner],
    *,
    verify: bool = False,
    notes: Sequence[str] = (),
) -> Course:
    stamps = read_stamps(installation, companies, verify=verify)
    with installation.central() as connection:
        plan = planner(connection, stamps)
        found = {company.id: _found(plan, company, stamps) for company in companies}
        plans = {one.hash: one for one in found.values() if isinstance(one, Plan)}
        edited = _edited(connection, list(plans.values())) if plans else []
    wrong = mistaken(installation, companies, stamps) if verify else {}
    return Course(action=action, companies=companies, stamps=stamps, found=found, notes=[*notes, *edited], wrong=wrong)


def _found(planner: Planner, company: Company, stamps: Stamps) -> Plan | str | MpmOpsError:
    """Return the company's plan, the reason for none, or the error that is its outcome."""
    heads = stamps.get(company.database)
    if heads is None:
        return missing(company)
    if isinstance(heads, MpmOpsError):
        if isinstance(heads, ServerUnavailable):
            heads.away = False  # it was asked before the run, which has no plan to try again with
        return heads
    try:
        return planner(company, heads)
    except RevisionError:
        raise  # the tree is not in order, whoever the company is
    except MigrationError as exc:
        return exc


def _above(kept: Sequence[object], applied: Sequence[str]) -> list[str]:
    """Return the revisions of `applied`, oldest first, that are not among the `kept` ones."""
    ids = {getattr(revision, "id", "") for revision in kept}
    return [revision for revision in applied if revision not in ids]


def _edited(connection: psycopg.Connection, plans: Sequence[Plan]) -> list[str]:
    """Tell which revisions have other SQL now than when they were applied to other companies."""
    known = history.hashes(connection)
    return [
        f"revision {step.revision} was edited: it was applied with other SQL before ({', '.join(sorted(before))}, "
        f"now {step.hash}); `mpm-ops drift` shows what differs"
        for step in {step.revision: step for plan in plans for step in plan.steps}.values()
        if (before := known.get((step.revision, step.direction), set()) - {step.hash})
    ]


def _planned(course: Course, company: Company) -> Planned:
    plan = course.found[company.id]
    digest = plan.hash if isinstance(plan, Plan) else ""
    return Planned(company=company, before=heads_of(course.stamps, company), plan=digest)


def _idle(course: Course, failing: Mapping[int, MpmOpsError]) -> list[Outcome]:
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


def _summary(plan: Plan) -> dict[str, object]:
    steps = [
        {"revision": step.revision, "direction": step.direction, "hash": step.hash, "after": step.after}
        for step in plan.steps
    ]
    return {"hash": plan.hash, "from": plan.before, "to": plan.after, "steps": steps}
