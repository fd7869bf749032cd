"""The server restarted in the middle of a fleet run, the ledger on it with the companies: nobody lost, nobody wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from mpm_ops import Company, FleetReport, Hooks, Ops, Policy, Settings, Status
from mpm_ops.errors import ServerUnavailable
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX, clean, make_settings, reachable_directory
from tests.integration.test_fleet import column, revise, statuses
from tests.integration.test_migrations import Register, core_head, truth

#: Minutes of killed processes, stopped servers and copies: `make test-slow`.
pytestmark = pytest.mark.slow


NUMBER = 6
PATIENT = Policy(workers=2, attempts=2, backoff=0.01, lock_timeout=0)
Mode = Literal["fast", "immediate"]


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedServer]:
    """A server of these tests' own, which loses in a crash what is not on disk."""
    with reachable_directory() as home:
        embedded = EmbeddedServer(home)
        embedded.start()
        yield embedded
        embedded.stop(mode="immediate")


@pytest.fixture
def server(embedded: EmbeddedServer) -> Iterator[Server]:
    server = Server(embedded.start())
    yield server
    server.close()


@pytest.fixture
def settings(embedded: EmbeddedServer, server: Server, tmp_path: Path) -> Iterator[Settings]:
    settings = make_settings(embedded.start(), tmp_path, central=f"{PREFIX}central")
    with Ops(settings) as ops:
        ops.migrate()
    yield settings
    embedded.start()
    clean(server, f"{PREFIX}company_", settings.central_database)


@pytest.fixture
def fleet(ops: Ops, register: Register) -> list[Company]:
    """Companies that are three revisions behind."""
    fleet = [register(f"Company {n}") for n in range(NUMBER)]
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.add_column('meters', sa.Column('y', sa.Text()))")
    column(ops, "o3", "o2")
    return fleet


class Restart(threading.Thread):
    """Stops the server when all workers of a run are stuck at its second revision, and starts it again."""

    def __init__(
        self, embedded: EmbeddedServer, server: Server, fleet: list[Company], *, mode: Mode, seconds: float
    ) -> None:
        super().__init__()
        self.embedded, self.mode, self.seconds = embedded, mode, seconds
        #: What they are stuck at ends with the server.
        self.holders = [server.open(company.database) for company in fleet[2:]]
        for holder in self.holders:
            holder.execute("BEGIN; LOCK TABLE meters")
        self.watcher = server.open("postgres")
        self.start()

    def run(self) -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while self.watcher.execute(query).fetchone() != (PATIENT.workers,):
            pass
        self.embedded.stop(mode=self.mode)
        time.sleep(self.seconds)
        self.embedded.start()
        for connection in (self.watcher, *self.holders):
            connection.close()


def check(ops: Ops, server: Server, fleet: list[Company], *reports: FleetReport) -> None:
    """See that everybody is at the head, in every place, and got each revision once."""
    for company in fleet:
        assert truth(server, company) == (("o3",), ("o3",))
        assert [(one.revision, one.direction) for one in reversed(ops.history(company.id)[:-1])] == [
            ("o1", "upgrade"),
            ("o2", "upgrade"),
            ("o3", "upgrade"),
        ]
    assert all(one.clean for one in ops.drift())
    for report in reports:
        assert list(ops.run(report.run_id or 0).outcomes) == list(report.outcomes)


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_run_rides_out_a_restart(
    ops: Ops, server: Server, fleet: list[Company], embedded: EmbeddedServer, mode: Mode
) -> None:
    notes: list[str] = []
    restart = Restart(embedded, server, fleet, mode=mode, seconds=1.5)
    report = ops.migrate_tenant(policy=PATIENT, hooks=Hooks(on_note=notes.append))
    restart.join()
    assert statuses(report) == "d" * NUMBER, report
    # Two were under way, and begun again; the time that the server was away costs nobody an attempt.
    assert sorted(one.attempts for one in report.outcomes) == [1, 1, 1, 1, 2, 2]
    assert {one.before for one in report.outcomes} == {(core_head(),)}
    assert "server main does not answer" in notes[0]
    assert notes[1:] == ["server main answers again"]
    assert (report.ended, [run.state for run in ops.runs()]) == ("finished", ["finished"])
    check(ops, server, fleet, report)


def test_a_server_that_stays_away_halts_the_run(
    ops: Ops, server: Server, fleet: list[Company], embedded: EmbeddedServer
) -> None:
    restart = Restart(embedded, server, fleet, mode="immediate", seconds=3)
    report = ops.migrate_tenant(policy=PATIENT.model_copy(update={"outage": 0.5}))
    restart.join()
    assert (report.ended, report.reason) == ("halted", "server main has not answered for 0.5 s")
    assert (report.counts[Status.FAILED], report.counts[Status.BUSY]) == (PATIENT.workers, 0)
    assert report.counts[Status.UNTOUCHED] >= 2
    for company, outcome in zip(fleet, report.outcomes, strict=True):
        # Where it was left is what was on disk, whatever the run saw being committed.
        assert truth(server, company) == (outcome.after, outcome.after)
    assert list(ops.run(report.run_id or 0).outcomes) == list(report.outcomes)
    again = ops.resume_run(report.run_id or 0)
    assert statuses(again) == "d" * (NUMBER - report.counts[Status.DONE])
    check(ops, server, fleet, report, again)


def test_a_run_that_could_not_write_its_end_is_completed_by_the_next(
    ops: Ops, server: Server, fleet: list[Company], embedded: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mpm_ops.companies.account._PATIENCE", 0.5)
    restart = Restart(embedded, server, fleet, mode="immediate", seconds=6)
    report = ops.migrate_tenant(policy=PATIENT.model_copy(update={"outage": 0.5}))
    assert "looks abandoned" in report.notes[0]
    restart.join()
    assert ops.runs()[0].state == "abandoned"
    again = ops.migrate_tenant(policy=PATIENT)
    assert again.ok
    assert f"run {report.run_id} was killed" in again.notes[0]
    assert ops.run(report.run_id or 0).ended == "interrupted"
    check(ops, server, fleet, again)


def test_a_server_that_is_down_from_the_beginning_makes_nobody_wait(ops: Ops, embedded: EmbeddedServer) -> None:
    embedded.stop()
    with pytest.raises(ServerUnavailable, match="No such file or directory"):
        ops.migrate_tenant()


def test_a_change_before_a_crash_is_seen_though_the_server_counts_from_nothing_again(
    ops: Ops, server: Server, register: Register, embedded: EmbeddedServer
) -> None:
    company = register()
    crash(embedded)
    for _ in range(2):
        assert [(one.error, one.clean) for one in ops.drift()] == [("", True)]
    with server.connect(company.database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN by_hand text")
    crash(embedded)
    assert len(ops.drift()[0].differences) == 1


def crash(embedded: EmbeddedServer) -> None:
    embedded.stop(mode="immediate")
    embedded.start()
