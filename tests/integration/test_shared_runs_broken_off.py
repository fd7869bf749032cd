"""Shared runs that break off, and members that meet: one end, one leader, one account that is true."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from mpm_ops import Company, FleetReport, Hooks, Ops, Policy, Settings
from mpm_ops.companies.member import RunMember
from mpm_ops.errors import UnknownRun, UsageError
from mpm_ops.postgres import locks
from mpm_ops.postgres.server import Server
from tests.integration.test_fleet import FAST, column, held, revise, statuses
from tests.integration.test_fleet_broken_off import at_work, wait_until, waiting
from tests.integration.test_migrations import core_head, truth
from tests.integration.test_register import environment
from tests.integration.test_shared_runs import applied, taken

pytestmark = pytest.mark.slow  # kills processes, ends sessions

#: A company that waits for a lock waits as long as the test wants.
WAITS = Policy(workers=1, lock_timeout=0)
LEADER = """
import mpm_ops
with mpm_ops.connect() as ops, ops.share_run(policy=mpm_ops.Policy(workers=1, lock_timeout=0), batch=2) as leader:
    while leader.take(mpm_ops.Hooks()):
        pass
"""


def cut(maintenance: psycopg.Connection, settings: Settings) -> None:
    """End all sessions in the central database, as a restart of its server does."""
    query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
    maintenance.execute(query, [settings.central_database])


def has_asked(central: psycopg.Connection) -> bool:
    """Whether a runner has asked whether it may go on, well after the first run was over."""
    row = central.execute(
        """
        SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT r.paused%'
        AND query_start > (SELECT finished_at + interval '0.1 s' FROM ops.runs ORDER BY id LIMIT 1)
        """
    ).fetchone()
    return row == (True,)


@contextmanager
def at_a_batch(
    member: RunMember, maintenance: psycopg.Connection, server: Server, company: Company
) -> Iterator[list[FleetReport | None]]:
    """Have a member be at the batch of this company for a block; yields what came of it, once the block is over."""
    found: list[FleetReport | None] = []
    thread = threading.Thread(target=lambda: found.append(member.take(Hooks())))
    with held(server, company, "LOCK TABLE people"):
        thread.start()
        wait_until(lambda: waiting(maintenance, company))
        yield found
    thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["migrate_tenant", "resume_run", "rollback_run"])
def test_a_run_killed_in_the_middle_of_a_batch_is_in_nobodys_way(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection, verb: str
) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.add_column('meters', sa.Column('o2', sa.Text()))")
    with held(server, fleet[0], "LOCK TABLE meters"):
        process = subprocess.Popen([sys.executable, "-c", LEADER], env=environment(ops.settings))
        try:
            wait_until(lambda: waiting(maintenance, fleet[0]))
        finally:
            process.kill()
            process.wait()
    (run,) = ops.runs()
    wait_until(lambda: ops.runs()[0].state == "abandoned" and not at_work(maintenance, run.id + 1))
    report = ops.migrate_tenant() if verb == "migrate_tenant" else getattr(ops, verb)(run.id)
    assert report.ok
    assert (ops.run(run.id).ended, ops.run(run.id).reason) == ("interrupted", "its process was killed")
    came = truth(server, fleet[1])[0]
    assert came == ((core_head(),) if verb == "rollback_run" else ("o2",))
    assert {truth(server, company) for company in fleet} == {(came, came)}


def test_what_another_run_did_meanwhile_is_not_this_runs_to_undo(
    ops: Ops, fleet: list[Company], server: Server
) -> None:
    column(ops, "o1", None)
    with ops.share_run(policy=FAST, batch=2) as leader:
        other = ops.migrate_tenant([fleet[0].id])
        assert taken(leader) == ["sd", "dd"]
        report = leader.end()
    assert report.outcomes[0].before == report.outcomes[0].after == ("o1",)
    assert statuses(ops.rollback_run(leader.run_id)) == "sddd"
    assert truth(server, fleet[0]) == (("o1",), ("o1",))
    assert applied(ops, fleet[0]) == [("o1", other.run_id)]


def test_nobody_takes_part_in_what_is_not_shared(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    with pytest.raises(UnknownRun):
        ops.join_run(999)
    column(ops, "o1", None)
    with ops.share_run([fleet[0].id], policy=WAITS) as leader, at_a_batch(leader, maintenance, server, fleet[0]):
        with pytest.raises(UsageError, match="is none that processes share"):
            ops.join_run(leader.run_id + 1)  # the part, which is a run as any other
        assert ops.run(leader.run_id + 1).under_way


def test_a_share_for_a_budget_is_one_of_those_who_have_something_to_do(
    ops: Ops, fleet: list[Company], server: Server
) -> None:
    column(ops, "o1", None)
    ops.migrate_tenant([one.id for one in fleet[:2]])
    for company in fleet[2:]:
        with server.connect(company.database) as tenant:
            tenant.execute("ALTER TABLE people ADD COLUMN o1 text")
    policy = Policy(workers=1, max_failures="50%")
    with ops.share_run(policy=policy, batch=1) as leader:
        assert taken(leader) == ["f"]
        shared = leader.end()
    assert statuses(shared) == statuses(ops.migrate_tenant(policy=policy)) == "ssfu"


def test_after_the_central_server_was_restarted_one_leads(
    ops: Ops, settings: Settings, fleet: list[Company], maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    with ops.share_run(policy=FAST) as leader, ops.join_run(leader.run_id) as member:
        cut(maintenance, settings)
        assert [member.lead(), leader.lead(), member.lead()] == [True, False, True]
        member.close()
        wait_until(leader.lead)


def test_a_batch_whose_claim_was_lost_with_the_server_is_not_free_while_its_part_goes_on(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    with ops.share_run(policy=WAITS, batch=2) as leader, ops.join_run(leader.run_id) as member:
        with at_a_batch(leader, maintenance, server, fleet[0]) as found:
            cut(maintenance, settings)
            wait_until(lambda: member.state().free == 1)
            assert taken(member) == ["dd"]
        assert [statuses(one) for one in found] == ["dd"]
        assert (leader.end().ended, statuses(member.end())) == ("finished", "dddd")
    assert [len(applied(ops, company)) for company in fleet] == [1] * 4


def test_the_first_end_of_a_run_is_its_end(ops: Ops, fleet: list[Company], monkeypatch: pytest.MonkeyPatch) -> None:
    column(ops, "o1", None)
    with ops.share_run(policy=FAST, batch=2) as leader, ops.join_run(leader.run_id) as member:
        late = member.state()
        # What a member has read is old when another one ends the run in between.
        monkeypatch.setattr(member, "state", lambda: late)
        assert leader.end(reason="cancelled").ended == "interrupted"
        assert member.take(Hooks()) is None
        report = member.end(reason="another reason")
    assert (report.ended, report.reason, statuses(report)) == ("interrupted", "cancelled", "uuuu")


def test_who_is_at_a_batch_begins_no_further_company_once_the_run_is_over(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    with server.connect(fleet[2].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN o1 text")
    policy = WAITS.model_copy(update={"max_failures": "1"})
    with ops.share_run(policy=policy, batch=2) as leader, ops.join_run(leader.run_id) as member:
        with at_a_batch(member, maintenance, server, fleet[0]) as found:
            assert taken(leader) == ["fu"]
            state = leader.state()
            assert (state.state, state.left, state.held) == ("halted", 0, 1)
            with server.connect(ops.settings.central_database) as central:
                wait_until(lambda: has_asked(central))
        assert [statuses(one) for one in found] == ["du"]
        assert statuses(leader.end()) == "dufu"
    assert "halted: 1 companies failed" in str(ops.run(leader.run_id + 1).reason)


def test_a_batch_whose_account_could_not_be_written_is_taken_up_again(
    ops: Ops,
    settings: Settings,
    fleet: list[Company],
    maintenance: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    column(ops, "o1", None)
    monkeypatch.setattr("mpm_ops.companies.account._PATIENCE", 0.2)

    def door(*, is_open: bool) -> None:
        maintenance.execute(f"ALTER DATABASE {settings.central_database} ALLOW_CONNECTIONS {is_open}".encode())

    def on_outcome(_: object) -> None:
        door(is_open=False)
        cut(maintenance, settings)

    with ops.share_run(policy=Policy(workers=1), batch=2) as leader:
        opens = threading.Timer(3, door, kwargs={"is_open": True})
        opens.start()
        part = leader.take(Hooks(on_outcome=on_outcome))
        opens.join()
        assert "looks abandoned" in str(part and part.notes)
        assert leader.state().free == 2
        assert taken(leader) == ["", "dd"]
        report = leader.end()
    assert (report.ended, statuses(report)) == ("finished", "dddd")
    assert [len(applied(ops, company)) for company in fleet] == [1] * 4


def test_who_is_not_active_any_more_is_told(ops: Ops, settings: Settings, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    with ops.share_run(policy=FAST, batch=2) as leader:
        with server.connect(settings.central_database) as central:
            central.execute("UPDATE companies SET status = 'provisioning' WHERE id = %s", [fleet[0].id])
        assert taken(leader) == ["d", "dd"]
        report = leader.end()
    assert (statuses(report), report.outcomes[0].reason) == ("uddd", "is not active any more")


def test_a_silent_session_is_not_ended_at_a_long_batch(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    with server.connect("postgres") as connection:
        timeout = f"ALTER DATABASE {settings.central_database} SET idle_session_timeout = '300ms'"
        connection.execute(timeout.encode())
    with (
        ops.share_run([one.id for one in fleet[:2]], policy=WAITS) as leader,
        at_a_batch(leader, maintenance, server, fleet[0]) as found,
    ):
        silent = server.open(settings.central_database)  # later than the others
        wait_until(lambda: not is_there(maintenance, silent.info.backend_pid))
        silent.close()
        with server.connect(settings.central_database) as central:
            keys = [f"run {leader.run_id}", f"run {leader.run_id} lead", f"run {leader.run_id} batch 1"]
            assert [locks.free(central, key) for key in keys] == [False] * 3
    assert [statuses(one) for one in found] == ["dd"]


def is_there(maintenance: psycopg.Connection, pid: int) -> bool:
    """Whether there is a session of this process on the server."""
    return maintenance.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() == (1,)
