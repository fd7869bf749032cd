"""Shared runs that break off, and members that meet: one end, one leader, one account that is true."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest

from mpm_ops import Company, Ops
from mpm_ops.postgres.server import Server
from tests.integration.test_fleet import FAST, column, held, revise, statuses
from tests.integration.test_fleet_broken_off import at_work, wait_until, waiting
from tests.integration.test_migrations import core_head, truth
from tests.integration.test_register import environment
from tests.integration.test_shared_runs import applied, taken

LEADER = """
import mpm_ops
with mpm_ops.connect() as ops, ops.share_run(policy=mpm_ops.Policy(workers=1, lock_timeout=0), batch=2) as leader:
    while leader.take(mpm_ops.Hooks()):
        pass
"""


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
