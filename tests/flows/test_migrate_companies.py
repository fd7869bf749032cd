"""A migration that flows share: dry runs, names, other members, a leader that is gone, Dask; one ledger always."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from prefect import task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType

from flows.conduct import report_of
from flows.migrate_companies import MOST_TASKS, MigratePolicy, migrate_companies
from flows.take_batches import TakePolicy, take_batches
from mpm_ops import Company, Hooks, Ops, Policy
from mpm_ops.postgres.server import Server
from tests.integration.test_fleet import column, held, statuses
from tests.integration.test_fleet_broken_off import wait_until, waiting
from tests.integration.test_migrations import core_head, truth

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # as in test_flows.py


@pytest.fixture
def fleet(ops: Ops, register: Callable[..., Company]) -> list[Company]:
    """Six companies that are one revision behind."""
    fleet = [register(f"Company {number}") for number in range(6)]
    column(ops, "o1", None)
    return fleet


def ledger(ops: Ops) -> list[tuple[Any, ...]]:
    """What the last run's account says, without times."""
    report = ops.run(ops.runs()[0].id)
    return [(one.company_id, one.status, one.before, one.after, one.reason, one.attempts) for one in report.outcomes]


def artifacts(key: str) -> list[Any]:
    with get_client(sync_client=True) as client:
        found: list[Any] = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        return found


def names() -> set[str]:
    with get_client(sync_client=True) as client:
        return {run.name for run in client.read_flow_runs()}


def test_a_dry_run_changes_nothing_and_shows_the_sql(ops: Ops, fleet: list[Company], server: Server) -> None:
    state = migrate_companies(MigratePolicy(dry_run=True), return_state=True)
    assert (state.is_completed(), state.message) == (True, "dry run: 6 companies would go through 1 plan")
    assert truth(server, fleet[0])[0] == (core_head(),)
    assert ops.runs() == []
    (found, *_) = artifacts("migrate-companies-dry-run")
    assert "ADD COLUMN o1" in str(found.data)


def test_a_run_is_named_after_what_it_does(ops: Ops, fleet: list[Company]) -> None:
    assert migrate_companies(return_state=True).is_completed()
    assert "migrate-companies: 6 to o1" in names()
    state = migrate_companies(MigratePolicy(companies=[]), return_state=True)
    assert "6 skipped of 6 companies" in str(state.message)
    assert migrate_companies(MigratePolicy(companies=[1]), return_state=True).is_completed()
    assert "migrate-companies: 1 to o1" in names()


def test_on_dask_the_ledger_is_the_same(
    ops: Ops, fleet: list[Company], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.connect(fleet[4].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN o1 text")
    accounts = []
    for runner in ("thread", "dask"):
        policy = MigratePolicy(task_runner=runner, dask_workers=2, batch_size=2)
        state = migrate_companies(policy, return_state=True)
        assert str(state.message).startswith("1/6 companies failed: 1 cause")
        accounts.append(ledger(ops))
        assert statuses(ops.rollback_run(ops.runs()[0].id)) == "ddddsd"
    assert accounts[0] == accounts[1]


def test_who_takes_part_ends_the_run_when_its_leader_is_gone(ops: Ops, fleet: list[Company], server: Server) -> None:
    leader = ops.share_run(policy=Policy(workers=2, lock_timeout=0), batch=2)
    found: list[Any] = []
    member = threading.Thread(
        target=lambda: found.append(take_batches(TakePolicy(run_id=leader.run_id), return_state=True))
    )
    with held(server, fleet[5], "LOCK TABLE people"):
        member.start()
        wait_until(lambda: leader.progress()[0] >= 4)
        leader.close()
    member.join(120)
    assert str(found[0].message).startswith(f"run {leader.run_id}, migrate-tenant: 6 done of 6 companies")
    assert ops.run(leader.run_id).ended == "finished"


def test_who_takes_part_leaves_the_end_to_the_leader(ops: Ops, fleet: list[Company]) -> None:
    with ops.share_run(batch=3) as leader:

        def end() -> None:
            wait_until(lambda: not leader.state().left)
            leader.end()

        ended = threading.Thread(target=end)
        ended.start()
        state = take_batches(TakePolicy(run_id=leader.run_id), return_state=True)
        ended.join(60)
    assert (state.is_completed(), state.message) == (True, f"run {leader.run_id} has nothing left to take")
    assert statuses(ops.run(leader.run_id)) == "dddddd"


def test_other_workers_are_called_by_a_deployment_that_has_to_be_there(ops: Ops, fleet: list[Company]) -> None:
    state = migrate_companies(MigratePolicy(machines=2), return_state=True)
    assert state.is_failed()
    assert "no deployment take-batches" in str(state.message)
    assert ops.runs() == []  # nothing that somebody would have to settle


def test_who_comes_when_it_is_over_ends_and_reports_nothing(ops: Ops, fleet: list[Company]) -> None:
    with ops.share_run(batch=3) as leader:
        leader.end(reason="cancelled")
    reports = len(artifacts("migrate-companies-report"))
    state = take_batches(TakePolicy(run_id=leader.run_id), return_state=True)
    assert (state.is_completed(), state.message) == (True, f"run {leader.run_id} has nothing left to take")
    assert len(artifacts("migrate-companies-report")) == reports


def test_who_leads_waits_for_what_others_have_begun_before_it_reports(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    with server.connect(fleet[2].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN o1 text")
    found: list[Any] = []
    leader = ops.share_run(policy=Policy(workers=1, lock_timeout=0, max_failures="1"), batch=2)
    leads = threading.Thread(
        target=lambda: found.append(take_batches(TakePolicy(run_id=leader.run_id), return_state=True))
    )
    with ops.join_run(leader.run_id) as member:
        other = threading.Thread(target=lambda: member.take(Hooks()))
        with held(server, fleet[0], "LOCK TABLE people"):
            other.start()
            wait_until(lambda: waiting(maintenance, fleet[0]))
            leader.close()
            leads.start()
            wait_until(lambda: ops.run(leader.run_id).ended == "halted")
            assert leads.is_alive()
        other.join()
    leads.join(120)
    told = statuses(report_of(found[0]))
    # The second one is begun when the other process has not heard of the end yet.
    assert told in ("dufuuu", "ddfuuu")
    assert told == statuses(ops.run(leader.run_id))


def test_one_that_cannot_take_a_batch_leaves_the_run_to_the_others(
    ops: Ops, fleet: list[Company], monkeypatch: pytest.MonkeyPatch
) -> None:
    @task
    def cannot(run_id: int) -> str:
        raise OSError(f"this machine is broken, for run {run_id} too")

    monkeypatch.setattr("flows.sharing.take_batch", cannot)
    leader = ops.share_run(batch=3)
    with ops.join_run(leader.run_id) as member:
        leader.close()
        state = take_batches(TakePolicy(run_id=leader.run_id), return_state=True)
        assert state.is_failed()
        assert "this machine is broken" in str(state.message)
        wait_until(member.lead)
        while member.take(Hooks()):
            pass
        assert statuses(member.end()) == "dddddd"
    ops.rollback_run(leader.run_id)
    state = migrate_companies(return_state=True)
    assert "6 untouched; interrupted: a batch could not be run" in str(state.message)


@pytest.mark.parametrize("changed", [False, True])
def test_what_is_done_is_what_was_approved(ops: Ops, fleet: list[Company], server: Server, changed: bool) -> None:
    found: list[Any] = []
    done = ops.migrate_tenant([fleet[0].id])
    flow = threading.Thread(
        target=lambda: found.append(migrate_companies(MigratePolicy(approval=60), return_state=True))
    )
    flow.start()
    paused = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))
    with get_client(sync_client=True) as client:
        wait_until(lambda: bool(client.read_flow_runs(flow_run_filter=paused)))
        if changed:
            assert ops.rollback_run(done.run_id or 0).ok
        client.resume_flow_run(client.read_flow_runs(flow_run_filter=paused)[0].id)
    flow.join(120)
    assert found[0].is_completed() is not changed
    assert truth(server, fleet[1])[0] == ((core_head(),) if changed else ("o1",))
    if changed:
        assert "1 company would go through what nobody has looked at" in str(found[0].message)


def test_wrong_stamps_are_found_afterwards(ops: Ops, fleet: list[Company], server: Server) -> None:
    ops.migrate_tenant()
    with server.connect(fleet[0].database) as tenant:
        tenant.execute("UPDATE alembic_version SET version_num = %s", [core_head()])
    state = migrate_companies(MigratePolicy(verify=True), return_state=True)
    assert state.is_failed()
    assert "1 wrong stamp" in str(state.message)


def test_large_fleets_have_larger_batches() -> None:
    policy = MigratePolicy()
    assert [policy.size(number) for number in (0, 3, 5_000, 5_001, 100_000)] == [50, 50, 50, 51, 1_000]
    assert 100_000 / policy.size(100_000) <= MOST_TASKS
