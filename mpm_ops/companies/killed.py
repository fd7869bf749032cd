"""Killed runs: what one did and could not write any more is completed from the databases."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress

import psycopg

from mpm_ops.central import history, ledger, registry
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.states import read_stamps
from mpm_ops.errors import Busy, MpmOpsError
from mpm_ops.postgres import databases, locks, sessions
from mpm_ops.records import MAIN, Company, Failure, Outcome, Run, Status
from mpm_ops.schema.apply import at_work

#: The heads at which a run left its companies, by id; None where it has not moved them.
_Left = Mapping[int, tuple[str, ...] | None]


def settle_all(installation: Installation, connection: psycopg.Connection) -> list[str]:
    """Complete the account of every run whose process is gone; tell which they were, and whom one waits for."""
    notes = []
    for run in history.abandoned(connection):
        with locks.try_lock(connection, ledger.lock_key(run.id)) as alone:
            if not alone:
                continue
            with suppress(Busy):  # the server has not noticed yet, and may still commit for it
                unread = settle(installation, connection, run.id)
                told = f"waits for {', '.join(map(str, unread))}" if unread else "is now what the databases say"
                notes.append(f"run {run.id} was killed; its account {told}")
    return notes


def settle(installation: Installation, connection: psycopg.Connection, run_id: int) -> Sequence[Company]:
    """Write into the account of a killed run what it did. The connection holds the run's lock.

    Who was moved by another run since is where the killed one left it in the account of that run. Returns whom nobody
    can tell about yet, because its database cannot be read or somebody is at it: the run stays open for them.
    Raises Busy while a server is still at work for the run.
    """
    run = history.run(connection, run_id)
    if run.finished_at is not None:
        return []  # somebody has settled it meanwhile
    ends = {str(plan["hash"]): tuple(plan["to"]) for plan in run.plans}
    # The parts of a shared run have the plans, and are settled one by one.
    outcomes = [one for one in history.outcomes(connection, run_id) if one.plan in ends]
    open_ones = {one.company_id: one for one in outcomes if _is_open(one)}
    companies = [one for one in registry.companies(connection, status=None) if one.id in open_ones]
    refuse_at_work(installation, connection, run_id, companies)
    left, unread = (_replaced if _oids(run) else _left)(installation, connection, run, companies)
    apart = {str(plan["hash"]) for plan in run.plans if plan.get("apart")}
    found = [
        _found(open_ones[one], at, end=ends[open_ones[one].plan], apart=open_ones[one].plan in apart)
        for one, at in left.items()
    ]
    with connection.transaction():
        ledger.record(connection, run_id, found)
        if not unread:
            ledger.close_run(connection, run_id, state="interrupted", reason="its process was killed")
    return unread


def refuse_at_work(
    installation: Installation, connection: psycopg.Connection, run_id: int, companies: Sequence[Company]
) -> None:
    """Raise Busy while a server of the companies has a session of a killed run. Read-only.

    A server that does not answer is not waited for: its companies cannot be read either.
    """
    application = ledger.application(installation.settings.prefix, run_id)
    for server in by_server(companies):
        working = 0
        with suppress(MpmOpsError), ExitStack() as stack:
            asked = connection if server == MAIN else stack.enter_context(installation.maintenance(server))
            working = sessions.count(asked, application)
        if working:
            raise Busy(f"run {run_id} was killed, and a server is still at work for it", hint="Wait for that to end.")


def _is_open(outcome: Outcome) -> bool:
    """Whether the run may have done something to it that it could not write; who is known untouched has a reason."""
    return outcome.status is Status.UNTOUCHED and not outcome.reason


def _left(
    installation: Installation, connection: psycopg.Connection, run: Run, companies: Sequence[Company]
) -> tuple[_Left, Sequence[Company]]:
    """Return where the run left its companies, and those of whom that is not known yet.

    Of a company without a database there is nothing to be known, now or later.
    """
    # In this order: who begins after the reading is told by its lock, and who has ended by then by its account.
    stamps = read_stamps(installation, companies, verify=True)
    in_hand = _in_hand(installation, connection, run, companies)
    before = {one.company_id: one.before for one in history.outcomes(connection, run.id)}
    after = history.found_after(connection, run.id)
    left: dict[int, tuple[str, ...] | None] = {}
    unread = []
    for company in companies:
        heads = after.get(company.id, stamps.get(company.database))
        if company.id not in after and (company.id in in_hand or isinstance(heads, MpmOpsError)):
            unread.append(company)
        elif isinstance(heads, tuple):
            left[company.id] = None if heads == before[company.id] else heads
    return left, unread


def _in_hand(
    installation: Installation, connection: psycopg.Connection, run: Run, companies: Sequence[Company]
) -> set[int]:
    """Return the ids of the companies that somebody else is at: what is there now may be half of what they do."""
    found = history.planned_elsewhere(connection, run.id)
    for server, there in by_server(companies).items():
        held: Collection[str] = [company.database for company in there]
        with suppress(MpmOpsError), ExitStack() as stack:
            asked = connection if server == MAIN else stack.enter_context(installation.maintenance(server))
            held = at_work(asked)
        found |= {company.id for company in there if company.database in held}
    return found


def _replaced(
    installation: Installation, connection: psycopg.Connection, run: Run, companies: Sequence[Company]
) -> tuple[_Left, Sequence[Company]]:
    """Return the same for a migrate-tenant-fresh run: whose database is another than before has what the run gave it.

    Heads do not tell: they may be the same. Of one that another run has replaced since, nothing is to be known.
    """
    before = _oids(run)
    since = history.replaced_after(connection, run.id)
    left: dict[int, tuple[str, ...] | None] = {}
    unread: list[Company] = []
    ends = {int(one): tuple(plan["to"]) for plan in run.plans for one in plan["oids"]}
    in_hand = _in_hand(installation, connection, run, companies)
    for server, there in by_server(companies).items():
        try:
            with installation.maintenance(server) as asked:
                replacing = {one.id for one in there if not locks.free(asked, f"fresh {one.database}")}
                now = databases.oids(asked, [company.database for company in there])
        except MpmOpsError:
            unread += there
            continue
        unread += [one for one in there if one.id in in_hand | replacing]
        known = [one for one in there if one.database in now and one.id not in {*in_hand, *replacing, *since}]
        left |= {one.id: ends[one.id] if before.get(one.id) not in (None, now[one.database]) else None for one in known}
    return left, unread


def _oids(run: Run) -> dict[int, int]:
    """Return the OIDs of the databases that a run was to replace, by company id."""
    return {int(company_id): oid for plan in run.plans for company_id, oid in plan.get("oids", {}).items()}


def _found(outcome: Outcome, left: tuple[str, ...] | None, *, end: tuple[str, ...], apart: bool) -> Outcome:
    """Return the outcome of a company that was left there; None is where it was.

    Rows that are written `apart` from the last revision leave no trace in the heads.
    """
    if apart and (outcome.before if left is None else left) == end:
        failure = Failure(message="the run was killed, perhaps before it wrote its rows: run it again", kind="Killed")
        return dataclasses.replace(outcome, status=Status.FAILED, after=end, attempts=1, failure=failure)
    if left is None:
        return dataclasses.replace(outcome, reason="found as it was after the run was killed")
    its = dataclasses.replace(outcome, after=left, attempts=1)
    if left == end:
        return dataclasses.replace(its, status=Status.DONE, reason="found done after the run was killed")
    failure = Failure(message="the run was killed on the way", kind="Killed")
    return dataclasses.replace(its, status=Status.FAILED, failure=failure)
