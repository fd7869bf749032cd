"""Migrating company databases: one plan per distinct state, applied to many, with an outcome for each (D2, D3, D7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mpm_ops.central import ledger, registry
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.register import grant
from mpm_ops.errors import MigrationError, MpmOpsError, UnknownState
from mpm_ops.fleet import runner
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change
from mpm_ops.postgres import databases
from mpm_ops.records import Company, CompanyState, FleetReport, Outcome, Status
from mpm_ops.schema.apply import Timeouts, apply, read_heads
from mpm_ops.schema.plan import Plan
from mpm_ops.settings import operator

#: A plan for a company in a state, or the reason why there is nothing to do.
Planner = Callable[[Company, tuple[str, ...]], Plan | str]
#: Heads by database, or why they cannot be read; a database that does not exist is not in it.
Stamps = Mapping[str, tuple[str, ...] | MpmOpsError]


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What a caller may want to be told while a run is under way; called in the caller's thread."""

    on_start: Callable[[int], None] = field(default=lambda _: None)
    on_outcome: Callable[[Outcome], None] = field(default=lambda _: None)


def states(installation: Installation, companies: Sequence[Company], *, verify: bool = False) -> list[CompanyState]:
    """Tell where each company's database is and what is pending. Read-only.

    One query answers for the whole fleet (D3); `verify` reads every `alembic_version` instead.
    """
    stamps = _stamps(installation, companies, verify=verify)
    return [_state(installation, company, stamps) for company in companies]


def _state(installation: Installation, company: Company, stamps: Stamps) -> CompanyState:
    found = stamps.get(company.database)
    heads = found if isinstance(found, tuple) else None
    pending: tuple[str, ...] = ()
    if found is None:
        state = "no database"
    elif heads is None:
        state = "unreachable"
    else:
        try:
            pending = tuple(revision.id for revision in installation.tenant_tree.pending(heads))
            state = "behind" if pending else "current"
        except UnknownState:
            state = "unknown revision"
    return CompanyState(
        company_id=company.id,
        company=company.name,
        database=company.database,
        heads=heads,
        pending=pending,
        state=state,
    )


def _stamps(installation: Installation, companies: Sequence[Company], *, verify: bool) -> Stamps:
    """Return the heads of every database that exists, or the error that reading them met.

    Only a database without a stamp is opened, and with `verify` every one.
    """
    with installation.central() as connection:
        stamps = databases.stamps(connection, f"{installation.settings.prefix}company_")
    found: dict[str, tuple[str, ...] | MpmOpsError] = {}
    for company in companies:
        if company.database in stamps:
            stamp = stamps[company.database]
            found[company.database] = _read(installation, company) if verify or stamp is None else stamp
    return found


def _read(installation: Installation, company: Company) -> tuple[str, ...] | MpmOpsError:
    try:
        with installation.server.connect(company.database) as connection:
            return read_heads(connection)
    except MpmOpsError as exc:
        # This company's outcome, and no reason for the others to go without theirs.
        return exc


def migrate(
    installation: Installation, companies: Sequence[Company], *, policy: Policy, hooks: Hooks, verify: bool = False
) -> FleetReport:
    """Apply what is pending. A company with nothing pending is skipped without opening its database."""
    tree = installation.tenant_tree
    tree.heads()  # a tree that is not in order stops the run before the first company

    def plan(_: Company, heads: tuple[str, ...]) -> Plan | str:
        found = tree.upgrade_plan(heads)
        return found if found.steps else "nothing to migrate"

    return _run(installation, "migrate-tenant", companies, plan, policy=policy, hooks=hooks, verify=verify)


def rollback(
    installation: Installation, companies: Sequence[Company], *, step: int | None, policy: Policy, hooks: Hooks
) -> FleetReport:
    """Undo the last `step` revisions; without a number, what the last migrate-tenant run applied to each company."""
    tree = installation.tenant_tree
    batches: dict[int, tuple[str, ...] | None] = {}
    if step is None:
        stamps = _stamps(installation, companies, verify=False)
        with installation.central() as connection:
            for company in companies:
                batches[company.id] = ledger.last_batch(connection, company.id, _heads(stamps, company))

    def plan(company: Company, heads: tuple[str, ...]) -> Plan | str:
        applied = [revision.id for revision in tree.applied(heads)]
        if step is not None:
            undo = applied[-step:]
        else:
            target = batches[company.id]
            if target is None:
                return "no run brought it to this state: name the number of revisions with --step"
            kept = {revision.id for revision in tree.applied(target)}
            undo = [revision for revision in applied if revision not in kept]
        return tree.downgrade_plan(heads, undo[::-1]) if undo else "nothing to roll back"

    return _run(installation, "migrate-tenant-rollback", companies, plan, policy=policy, hooks=hooks)


def reset(installation: Installation, companies: Sequence[Company], *, policy: Policy, hooks: Hooks) -> FleetReport:
    """Roll every revision back: the databases end without tables, and their rows are gone."""
    tree = installation.tenant_tree

    def plan(_: Company, heads: tuple[str, ...]) -> Plan | str:
        undo = [revision.id for revision in reversed(tree.applied(heads))]
        return tree.downgrade_plan(heads, undo) if undo else "nothing to roll back"

    return _run(installation, "migrate-tenant-reset", companies, plan, policy=policy, hooks=hooks)


def refresh(installation: Installation, companies: Sequence[Company], *, policy: Policy, hooks: Hooks) -> FleetReport:
    """Roll every revision back and migrate again: the databases end as new ones, without their rows."""

    def plan(_: Company, heads: tuple[str, ...]) -> Plan | str:
        return installation.tenant_tree.rebuild_plan(heads)

    return _run(installation, "migrate-tenant-refresh", companies, plan, policy=policy, hooks=hooks)


def _run(
    installation: Installation,
    action: str,
    companies: Sequence[Company],
    planner: Planner,
    *,
    policy: Policy,
    hooks: Hooks,
    verify: bool = False,
) -> FleetReport:
    stamps = _stamps(installation, companies, verify=verify)
    plans = {company.id: _planned(planner, company, stamps) for company in companies}
    owner = installation.settings.owner_role
    timeouts = Timeouts(lock=policy.lock_timeout, statement=policy.statement_timeout)

    def work(company: Company) -> Change:
        found = plans[company.id]
        if isinstance(found, MpmOpsError):
            raise found
        if isinstance(found, str):
            heads = _heads(stamps, company)
            return Change(before=heads, after=heads, skipped=found)
        apply(
            installation.server,
            company.database,
            found,
            owner=owner,
            timeouts=timeouts,
            afterwards=(lambda connection: grant(connection, owner=owner)) if found.creates_tables else None,
        )
        return Change(before=found.before, after=found.after)

    used = {plan.hash: plan for plan in plans.values() if isinstance(plan, Plan)}
    summary: list[dict[str, object]] = [{"hash": h, "from": plan.before, "to": plan.after} for h, plan in used.items()]
    return account(installation, action, companies, work, policy=policy, hooks=hooks, plans=summary)


def account(
    installation: Installation,
    action: str,
    companies: Sequence[Company],
    work: Callable[[Company], Change],
    *,
    policy: Policy,
    hooks: Hooks,
    plans: Sequence[dict[str, object]] = (),
) -> FleetReport:
    """Run `work` over the companies with the ledger around it: written before the first is touched, and after each."""
    began = time.monotonic()
    hooks.on_start(len(companies))
    with installation.central() as connection:
        run_id = ledger.open_run(
            connection,
            action=action,
            operator=operator(),
            policy=policy.model_dump(mode="json"),
            plans=plans,
            companies=companies,
        )

        def on_outcome(outcome: Outcome) -> None:
            ledger.record(connection, run_id, outcome)
            hooks.on_outcome(outcome)

        outcomes = runner.run(companies, work, policy=policy, on_outcome=on_outcome)
        halted = any(outcome.status is Status.UNTOUCHED for outcome in outcomes)
        ledger.close_run(connection, run_id, interrupted=halted)
    return FleetReport(run_id=run_id, action=action, outcomes=outcomes, seconds=time.monotonic() - began)


def _planned(planner: Planner, company: Company, stamps: Stamps) -> Plan | str | MpmOpsError:
    """Return the company's plan, the reason for none, or the error that is its outcome."""
    heads = stamps.get(company.database)
    if heads is None:
        return MigrationError(
            f"its database {company.database} does not exist", hint="Restore it from a backup.", company=company.name
        )
    if isinstance(heads, MpmOpsError):
        return heads
    try:
        return planner(company, heads)
    except UnknownState as exc:
        return exc


def _heads(stamps: Stamps, company: Company) -> tuple[str, ...]:
    found = stamps.get(company.database)
    return found if isinstance(found, tuple) else ()


def chosen(installation: Installation, terms: Sequence[int | str] | None) -> list[Company]:
    """Return the companies that `terms` name, or all active ones when it is None. Read-only."""
    with installation.central() as connection:
        if terms is None:
            return registry.companies(connection)
        found = [registry.find(connection, term) for term in terms]
    return list({company.id: company for company in found}.values())
