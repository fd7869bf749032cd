"""A run that several processes share is written: its companies in batches, a gate behind each stage that has one."""

from __future__ import annotations

from collections.abc import Sequence

from mpm_ops.central import batches, ledger
from mpm_ops.central.batches import Piece
from mpm_ops.central.ledger import Planned
from mpm_ops.companies import migrations
from mpm_ops.companies.account import expected_of, refused
from mpm_ops.companies.courses import Course
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.killed import settle_all
from mpm_ops.companies.member import RunMember, asks_first
from mpm_ops.companies.preflight import preflight
from mpm_ops.companies.seat import opened
from mpm_ops.companies.states import heads_of
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.stages import stages
from mpm_ops.postgres import locks
from mpm_ops.postgres.server import translated
from mpm_ops.records import Company
from mpm_ops.settings import operator


def share(installation: Installation, course: Course, *, policy: Policy, size: int) -> RunMember:
    """Write a shared run of batches of `size` companies; return the member that leads it.

    Companies that have nothing to be done are done with this, and where a preflight stops the run all are.
    """
    failing = preflight(installation, course.plans, course.companies, policy=policy) if asks_first(policy) else {}
    no = migrations.refusal(failing)
    idle = {one.company_id: one for one in migrations.idle(course, failing if no else {})}
    waiting = [one for one in course.companies if one.id not in idle]
    heads = {one.id: heads_of(course.stamps, one) for one in course.companies}
    state = "halted" if no else "" if waiting else "finished"
    connection = opened(installation)
    try:
        with translated():
            settle_all(installation, connection)
            run_id = ledger.open_run(
                connection,
                action=course.action,
                operator=operator(),
                policy=policy.model_dump(mode="json"),
                plans=[],
                # Without a plan: when all its processes were killed there is nothing that it did itself.
                planned=[Planned(company=one, before=heads[one.id]) for one in course.companies],
                idle=idle,
                state=state,
            )
            if no:
                ledger.record(connection, run_id, [one for one in idle.values() if one.failure])
                ledger.record(connection, run_id, refused(waiting, no, heads).outcomes)
                ledger.close_run(connection, run_id, state=state, reason=no)
            elif waiting:
                expected = expected_of(installation, connection, course.action, waiting)
                waiting.sort(key=lambda one: -expected[one.id])
                settled = [one for one in course.companies if one.id in idle]
                batches.write(connection, run_id, divided(waiting, policy, size, settled))
            locks.share(connection, ledger.lock_key(run_id))
            locks.release(connection, ledger.lock_key(run_id))
    except BaseException:
        connection.close()
        raise
    member = RunMember(installation, run_id, connection)
    member.lead()
    return member


def divided(companies: Sequence[Company], policy: Policy, size: int, settled: Sequence[Company]) -> list[Piece]:
    """Divide companies into batches of the stages of a policy, a gate behind each stage when it has one to pass."""
    found: list[Piece] = []
    for stage in stages(companies, policy, settled):
        ids = [one.id for one in stage.companies]
        for at in range(0, len(ids), size):
            found.append(Piece(number=len(found) + 1, companies=ids[at : at + size]))
        if stage.name and (policy.gate or policy.soak):
            asked = [*ids, *(one.id for one in stage.settled)]
            found.append(Piece(number=len(found) + 1, gate=stage.name, companies=asked))
    return found
