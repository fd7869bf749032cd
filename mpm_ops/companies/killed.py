"""Killed runs: what one did and could not write any more is completed from the databases."""

from __future__ import annotations

import psycopg

from mpm_ops.central import history, ledger, registry
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.states import read_stamps
from mpm_ops.postgres import locks, sessions
from mpm_ops.records import Failure, Outcome, Run, Status


def settle_all(installation: Installation, connection: psycopg.Connection) -> list[str]:
    """Complete the account of every run whose process is gone; tell which they were."""
    notes = []
    for run in history.abandoned(connection):
        if sessions.count(connection, ledger.application(run.id)):
            continue  # the server has not noticed yet, and may still commit for it
        with locks.try_lock(connection, ledger.lock_key(run.id)) as alone:
            if alone:
                settle(installation, connection, run)
                notes.append(f"run {run.id} was killed; its account is now what the databases say")
    return notes


def settle(installation: Installation, connection: psycopg.Connection, run: Run) -> None:
    """Write into the account of a killed run what it did. The connection holds the run's lock.

    Who was moved by another run since is where the killed one left it in the account of that run.
    """
    open_ones = {
        one.company_id: one
        for one in history.outcomes(connection, run.id)
        if one.status is Status.UNTOUCHED and one.plan
    }
    left = history.found_after(connection, run.id)
    unmoved = [one for one in registry.companies(connection) if one.id in open_ones and one.id not in left]
    stamps = read_stamps(installation, unmoved, verify=True)
    # Who cannot be read, or has another database by now, stays untouched: nothing is known.
    left |= {one.id: heads for one in unmoved if isinstance(heads := stamps.get(one.database), tuple)}
    ends = {str(plan["hash"]): tuple(plan["to"]) for plan in run.plans}
    found = [
        _found(one, heads, done=heads == ends.get(one.plan))
        for one in open_ones.values()
        if (heads := left.get(one.company_id)) is not None and heads != one.before
    ]
    with connection.transaction():
        ledger.record(connection, run.id, found)
        ledger.close_run(connection, run.id, state="interrupted", reason="its process was killed")


def _found(outcome: Outcome, heads: tuple[str, ...], *, done: bool) -> Outcome:
    return Outcome(
        company_id=outcome.company_id,
        company=outcome.company,
        status=Status.DONE if done else Status.FAILED,
        before=outcome.before,
        after=heads,
        reason="found done after the run was killed" if done else "",
        failure=None if done else Failure(message="the run was killed on the way", kind="Killed"),
        attempts=1,
        plan=outcome.plan,
    )
