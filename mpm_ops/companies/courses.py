"""Where each company is to go: its plan, the reason for none, or an error; one plan per distinct state (D2, D3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from mpm_ops.central import history, ledger
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.killed import refuse_at_work, settle_all
from mpm_ops.companies.states import Stamps, missing, mistaken, read_stamps
from mpm_ops.errors import (
    InvalidInput,
    MigrationError,
    MpmOpsError,
    RevisionError,
    ServerUnavailable,
    UnknownState,
)
from mpm_ops.records import Company, Outcome
from mpm_ops.schema.plan import Plan

if TYPE_CHECKING:
    from mpm_ops.schema.trees import Tree

#: A plan for a company in a state, the reason why there is nothing to do, or an error that was met before.
Planner = Callable[[Company, tuple[str, ...]], Plan | str | MpmOpsError]


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
    #: Statements that write rows at the end of a company's plan, by company id.
    rows: Mapping[int, str] = field(default_factory=dict)
    #: What was found of plugins that a plan takes away and brings back, by company id: the ledger keeps it meanwhile.
    plugins: Mapping[int, Mapping[str, object]] = field(default_factory=dict)

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

    return plot(installation, "migrate-tenant", companies, lambda *_: plan, verify=verify, notes=notes)


def rollback(installation: Installation, companies: Sequence[Company], *, step: int | None) -> Course:
    """Plan to undo the last `step` revisions; without a number, what the last migrate-tenant run applied to each.

    Raises InvalidInput for a number below 1: the last 0 of a list are all of it.
    """
    if step is not None and step < 1:
        raise InvalidInput(f"{step} is not a number of revisions to undo", hint="Begin with 1, the newest.")
    tree = installation.tenant_tree

    def planner(connection: psycopg.Connection, stamps: Stamps) -> Planner:
        del stamps
        settle_all(installation, connection)  # what a killed run applied is to be undone too
        batches = {} if step else {company.id: ledger.batches(connection, company.id) for company in companies}

        def plan(company: Company, heads: tuple[str, ...]) -> Plan | str:
            if step is not None:
                # A plugin is taken away by uninstalling it: its rows are worth a snapshot.
                undo = [one.id for one in tree.applied(heads) if not tree.begins_plugin(one.id)][-step:]
            else:
                found = _last_batch(tree, batches[company.id], heads)
                if found is None:
                    return "no run brought it to this state: name the number of revisions with --step"
                undo = found
            return tree.downgrade_plan(heads, undo[::-1]) if undo else "nothing to roll back"

        return plan

    back = f" --step {step}" if step else ""
    return plot(installation, f"migrate-tenant-rollback{back}", companies, planner)


def undo(installation: Installation, companies: Sequence[Company], run_id: int) -> Course:
    """Plan to undo exactly what one run applied, company by company. Raises Busy while a server still applies it."""
    tree = installation.tenant_tree

    def planner(connection: psycopg.Connection, stamps: Stamps) -> Planner:
        del stamps
        settle_all(installation, connection)
        for killed in history.abandoned(connection):
            if run_id in (killed.id, killed.part_of):
                refuse_at_work(installation, connection, killed.id, companies)
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
            undo = None
            with suppress(UnknownState):  # told below, with where the run left it
                undo = _last_batch(tree, [(outcome.before, outcome.after)], heads)
                if undo is None and not _still_there(tree, outcome, heads):
                    return f"nothing that run {run_id} applied is there any more"
            if undo is None:
                left, now = (", ".join(one) or "base" for one in (outcome.after, heads))
                raise MigrationError(
                    f"run {run_id} left it at {left}, and it is at {now} now",
                    hint=f"Undo the later runs first: mpm-ops history {company.id}",
                )
            return tree.downgrade_plan(heads, undo[::-1])

        return plan

    return plot(installation, f"rollback --run {run_id}", companies, planner)


def plot(
    installation: Installation,
    action: str,
    companies: Sequence[Company],
    planner: Callable[[psycopg.Connection, Stamps], Planner],
    *,
    verify: bool = False,
    notes: Sequence[str] = (),
) -> Course:
    """Ask the planner, which gets the stamps of all, where each company is to go; `verify` trusts no stamp."""
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


def _last_batch(
    tree: Tree, batches: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], heads: tuple[str, ...]
) -> list[str] | None:
    """Return what the last of these runs applied, oldest first, if it brought a company to `heads`; else None.

    Plugins may have been installed or uninstalled since.
    """
    applied = [revision.id for revision in tree.applied(heads)]

    def without_plugins(ids: Sequence[str]) -> set[str]:
        return {one for one in ids if not tree.is_of_plugin(one)}

    for before, after in batches:
        with suppress(UnknownState):
            reached = [revision.id for revision in tree.applied(after)]
            if without_plugins(reached) == without_plugins(applied):
                new = _above(tree.applied(before), reached)
                if undo := [one for one in new if one in applied]:
                    return undo
    return None


def _still_there(tree: Tree, outcome: Outcome, heads: tuple[str, ...]) -> bool:
    """Whether any of what a run applied is: a plugin that it brought further may be gone. Raises UnknownState."""
    new = _above(tree.applied(outcome.before), [one.id for one in tree.applied(outcome.after)])
    return not {one.id for one in tree.applied(heads)}.isdisjoint(new)


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
