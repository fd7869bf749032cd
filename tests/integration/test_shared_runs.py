"""Runs that several processes share: batches claimed once, taken over from the killed, one account of all."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from mpm_ops import Company, Hooks, Ops, Policy, Status
from mpm_ops.companies.member import RunMember
from mpm_ops.errors import Busy
from mpm_ops.postgres.server import Server
from tests.integration.test_fleet import ADD_X, FAST, column, held, revise, statuses
from tests.integration.test_fleet_broken_off import wait_until, waiting
from tests.integration.test_migrations import core_head, truth
from tests.integration.test_register import environment

MEMBER = """
import sys
import mpm_ops
with mpm_ops.connect() as ops, ops.join_run(int(sys.argv[1])) as member:
    while member.take(mpm_ops.Hooks()):
        pass
"""


@contextmanager
def another_process(ops: Ops, run_id: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that takes batches of a run until none is free."""
    process = subprocess.Popen([sys.executable, "-c", MEMBER, str(run_id)], env=environment(ops.settings))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def taken(member: RunMember) -> list[str]:
    """Take what is free, one after another; return how the companies of each came out."""
    found = []
    while (report := member.take(Hooks())) is not None:
        found.append(statuses(report))
    return found


def applied(ops: Ops, company: Company) -> list[tuple[str, int | None]]:
    return [(one.revision, one.run_id) for one in ops.history(company.id)[:-1]]


def test_members_take_turns_and_the_account_is_one(ops: Ops, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    with ops.share_run(policy=FAST, batch=1) as leader, ops.join_run(leader.run_id) as member:
        state = leader.state()
        assert (state.left, state.free, leader.progress()) == (4, 4, (0, 4))
        assert [member.lead(), leader.lead()] == [False, True]
        assert [statuses(one.take(Hooks())) for one in (leader, member, leader, member)] == ["d"] * 4
        assert leader.take(Hooks()) is None
        report = leader.end(reason="of what is left, and nothing is")
        assert member.state().over
    assert (report.ended, report.reason, statuses(report), list(report.notes)) == ("finished", "", "dddd", [])
    assert [(run.id, run.state, dict(run.counts)) for run in ops.runs()] == [(leader.run_id, "finished", {"done": 4})]
    part = ops.run(leader.run_id + 1)
    assert (len(part.outcomes), part.notes) == (
        1,
        [f"this is a batch of a run that several share: mpm-ops run {leader.run_id}"],
    )
    for company in fleet:
        assert truth(server, company) == (("o1",), ("o1",))
        assert applied(ops, company) == [("o1", leader.run_id)]
    assert statuses(ops.rollback_run(leader.run_id)) == "dddd"
    assert [truth(server, company)[0] for company in fleet] == [(core_head(),)] * 4


def test_who_has_nothing_to_do_is_in_no_batch(ops: Ops, fleet: list[Company]) -> None:
    with ops.share_run() as leader:
        assert leader.state().over
        report = leader.end()
    assert (statuses(report), report.ended) == ("ssss", "finished")
    column(ops, "o1", None)
    ops.migrate_tenant([fleet[0].id, fleet[2].id])
    with ops.share_run(policy=FAST, batch=3) as leader:
        assert leader.state().left == 1
        assert taken(leader) == ["dd"]
        assert statuses(leader.end()) == "sdsd"


def test_the_batch_of_a_killed_member_is_taken_over(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.add_column('meters', sa.Column('o2', sa.Text()))")
    with ops.share_run(policy=Policy(workers=1, lock_timeout=0), batch=2) as leader:
        with (
            held(server, fleet[0], "LOCK TABLE meters"),
            another_process(ops, leader.run_id) as process,
        ):
            wait_until(lambda: waiting(maintenance, fleet[0]))
            assert taken(leader) == ["dd"]  # the batch that nobody had
            assert (leader.state().left, leader.state().free) == (1, 0)
            process.send_signal(signal.SIGKILL)
            process.wait()
        wait_until(lambda: leader.state().free == 1)
        # The server may have committed for the killed one what it waited with.
        assert taken(leader) in (["d"], ["dd"])
        report = leader.end()
    assert (report.ended, statuses(report)) == ("finished", "dddd")
    assert [one.before for one in report.outcomes] == [(core_head(),)] * 4
    assert [dict(run.counts) for run in ops.runs()] == [{"done": 4}]
    for company in fleet:
        assert truth(server, company) == (("o2",), ("o2",))
        assert applied(ops, company) == [("o2", leader.run_id), ("o1", leader.run_id)]
    assert statuses(ops.rollback_run(leader.run_id)) == "dddd"
    assert [truth(server, company)[0] for company in fleet] == [(core_head(),)] * 4


def test_a_member_can_lead_when_the_leader_is_gone(ops: Ops, fleet: list[Company]) -> None:
    column(ops, "o1", None)
    leader = ops.share_run(policy=FAST, batch=2)
    with ops.join_run(leader.run_id) as member:
        assert statuses(leader.take(Hooks())) == "dd"
        leader.close()
        wait_until(member.lead)
        assert taken(member) == ["dd"]
        assert statuses(member.end()) == "dddd"


def test_a_run_whose_members_are_all_gone_is_resumed(ops: Ops, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    with ops.share_run(policy=FAST, batch=2) as leader:
        assert statuses(leader.take(Hooks())) == "dd"
        with pytest.raises(Busy):
            ops.resume_run(leader.run_id)
    wait_until(lambda: ops.run(leader.run_id).ended == "abandoned")
    assert statuses(ops.run(leader.run_id)) == "dduu"
    assert statuses(ops.resume_run(leader.run_id)) == "dd"
    assert ops.run(leader.run_id).ended == "interrupted"
    assert [truth(server, company)[0] for company in fleet] == [("o1",)] * 4


def test_what_is_left_when_it_ends_is_told(ops: Ops, fleet: list[Company]) -> None:
    column(ops, "o1", None)
    with ops.share_run(policy=FAST, batch=2) as leader:
        assert statuses(leader.take(Hooks(stop=lambda: "the worker stops"))) == "uu"
        assert leader.state().free == 2
        assert statuses(leader.take(Hooks())) == "dd"
        report = leader.end(reason="cancelled by an operator")
        with ops.join_run(leader.run_id) as late:
            assert late.take(Hooks()) is None
    assert (report.ended, report.reason, statuses(report)) == ("interrupted", "cancelled by an operator", "dduu")
    assert statuses(ops.resume_run(leader.run_id)) == "dd"


def test_a_gate_stands_between_the_batches(ops: Ops, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    policy = Policy(workers=2, canary="2", gate="SELECT FROM people WHERE o1 IS NOT NULL", soak=0.1)
    with ops.share_run(policy=policy, batch=1) as leader:
        assert leader.state().free == 2
        assert [statuses(leader.take(Hooks())) for _ in range(2)] == ["d", "d"]
        with server.connect(fleet[1].database) as tenant:
            tenant.execute("INSERT INTO people (name, surname, o1) VALUES ('Neema', 'Msuya', 'x')")
        assert leader.state().free == 1
        passed = leader.take(Hooks())
        assert passed is not None
        assert passed.ended == "halted"
        assert leader.take(Hooks()) is None
        report = leader.end()
    assert (report.ended, statuses(report)) == ("halted", "dduu")
    assert report.reason == f"the gate after the canary is closed: {fleet[1]} has 1 rows"
    assert report.outcomes[3].reason == report.reason
    with server.connect(fleet[1].database) as tenant:
        tenant.execute("DELETE FROM people")
    with ops.share_run(policy=policy, batch=50) as leader:
        assert taken(leader) == ["dd", ""]
        assert leader.end().ended == "finished"


def test_the_budget_is_of_all_members(ops: Ops, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    for company in fleet[:2]:
        with server.connect(company.database) as tenant:
            tenant.execute("ALTER TABLE people ADD COLUMN o1 text")
    policy = FAST.model_copy(update={"max_failures": "2"})
    with ops.share_run(policy=policy, batch=1) as leader, ops.join_run(leader.run_id) as member:
        for one in (leader, member):
            assert statuses(one.take(Hooks())) == "f"
        assert member.take(Hooks()) is None
        assert leader.take(Hooks()) is None
        report = leader.end()
    assert (report.ended, statuses(report)) == ("halted", "ffuu")
    assert report.reason == "2 companies failed, and the budget is 2"
    assert len(report.causes) == 1


def test_a_preflight_stops_all_before_the_first(ops: Ops, fleet: list[Company], server: Server) -> None:
    revise(ops, "o1", None, *ADD_X)
    path = next(ops.settings.own_tenant_migrations.rglob("*o1*.py"))
    path.write_text(
        f'{path.read_text()}\npreflight = {{"people without a name": "SELECT FROM people WHERE name = \'\'"}}\n'
    )
    ops.forget_revisions()
    with server.connect(fleet[2].database) as tenant:
        tenant.execute("INSERT INTO people (name, surname) VALUES ('', 'x')")
    with ops.share_run(policy=FAST, batch=1) as leader:
        assert leader.take(Hooks()) is None
        report = leader.end()
    assert (report.ended, statuses(report)) == ("halted", "uufu")
    assert [truth(server, company)[0] for company in fleet] == [(core_head(),)] * 4
    skipping = FAST.model_copy(update={"preflight": "skip"})
    with ops.share_run(policy=skipping, batch=1) as leader:
        assert sorted(taken(leader)) == ["d", "d", "d", "f"]
        assert statuses(leader.end()) == "ddfd"


def test_a_paused_run_gives_nothing_away(ops: Ops, fleet: list[Company]) -> None:
    column(ops, "o1", None)
    with ops.share_run(policy=FAST, batch=2) as leader:
        ops.pause_run(leader.run_id)
        assert (leader.state().free, leader.state().left) == (0, 2)
        assert leader.take(Hooks()) is None
        ops.pause_run(leader.run_id, paused=False)
        assert taken(leader) == ["dd", "dd"]


def test_members_at_once_claim_each_batch_once(ops: Ops, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    found: list[str] = []

    def take(one: Callable[[Hooks], object]) -> None:
        found.append(statuses(one(Hooks())))

    with ops.share_run(policy=FAST, batch=1) as leader:
        members = [ops.join_run(leader.run_id) for _ in fleet]
        threads = [threading.Thread(target=take, args=(member.take,)) for member in members]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for member in members:
            member.close()
        assert [statuses(leader.end()), *found] == ["dddd", *"dddd"]
    assert [len(applied(ops, company)) for company in fleet] == [1] * 4


def test_a_company_that_fails_fails_alone(ops: Ops, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    with server.connect(fleet[1].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN o1 text")
    with ops.share_run(policy=FAST, batch=2) as leader:
        taken(leader)
        report = leader.end()
    assert (report.ended, statuses(report)) == ("finished", "dfdd")
    assert report.counts[Status.FAILED] == 1
    assert ops.status().failed_last == [fleet[1].name]
    with server.connect(fleet[1].database) as tenant:
        tenant.execute("ALTER TABLE people DROP COLUMN o1")
    assert statuses(ops.resume_run(leader.run_id)) == "d"
