"""The replay of fleet runs in simulated time: it tells what was measured, loses nobody, and more is never slower."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from flows import sharing
from flows.migrate_companies import MigratePolicy
from tests.benchmarks.machines import RESERVED
from tests.benchmarks.recorded import SharedRun, load, save
from tests.benchmarks.recording import QUIET
from tests.benchmarks.replay import LOOK, Replay
from tests.benchmarks.replayed import Replayed, Site
from tests.benchmarks.scaling import HEAD, row, sites, table
from tests.benchmarks.simulation import Process, Resource, Simulation

RECORDING = load()
DOCS = Path(__file__).parents[2] / "deploy" / "README.md"


def replayed(**site: object) -> Replayed:
    return Replay(RECORDING, Site(**{"companies": 2_000, **site})).run()  # type: ignore[arg-type]  # a site's fields


@pytest.mark.parametrize("run", RECORDING.runs, ids=lambda run: f"{run.processes} x {run.threads}")
def test_it_takes_as_long_as_was_measured(run: SharedRun) -> None:
    site = Site(
        companies=run.companies,
        batch=run.batch,
        workers=run.processes,
        threads=run.threads,
        together=True,
        others=run.others,
    )
    found = Replay(RECORDING, site).run()
    # What others had of the machine makes the measured seconds so much less certain.
    noise = run.others if run.others > QUIET else 0.0
    assert found.seconds == pytest.approx(run.seconds, rel=0.15 + noise)


def test_one_worker_was_measured_while_others_left_the_machine_alone() -> None:
    assert any(run.processes == 1 and run.others <= QUIET for run in RECORDING.runs)


@pytest.mark.parametrize(("workers", "servers"), [(1, 1), (4, 1), (1, 4), (16, 4), (16, 16)])
def test_each_company_is_taken_along_once(workers: int, servers: int) -> None:
    found = replayed(workers=workers, servers=servers)
    assert found.taken == dict.fromkeys(range(2_000), 1)
    assert max(found.connections) <= 100 - RESERVED


@pytest.mark.slow
def test_more_than_one_of_anything_is_never_slower() -> None:
    for companies in (1_000, 4_000):
        few = replayed(companies=companies, workers=1, servers=1).seconds
        for workers, servers in ((4, 1), (1, 4), (4, 4), (16, 4), (16, 16)):
            assert replayed(companies=companies, workers=workers, servers=servers).seconds <= few * 1.01
    assert replayed(server_cores=16, servers=1, workers=4).seconds <= replayed(servers=1, workers=4).seconds


def test_the_network_costs_time_and_not_companies() -> None:
    near, far = replayed(latency=0.0), replayed(latency=0.02)
    assert far.seconds > near.seconds
    assert far.taken == near.taken


def test_a_full_server_refuses_nobody_for_good() -> None:
    found = replayed(workers=16, servers=1, max_connections=80)
    assert found.taken.total() == 2_000
    assert max(found.connections) <= 80 - RESERVED


def test_there_is_a_task_for_each_batch_and_each_worker_comes_too_late_for_one_at_most() -> None:
    alone, many = replayed(companies=10_000), replayed(companies=10_000, workers=4)
    assert (alone.tasks, alone.empty) == (100, 0)
    assert many.tasks - many.empty == 100
    assert many.empty < 4
    assert many.behind < 1.0
    assert LOOK == sharing.LOOK


@pytest.mark.parametrize("companies", [40, 1_000, 10_000])
def test_batches_have_the_size_that_the_flow_gives_them(companies: int) -> None:
    assert replayed(companies=companies).tasks == -(-companies // MigratePolicy().size(companies))


@pytest.mark.slow
def test_another_worker_is_never_slower() -> None:
    took = [replayed(companies=20_000, workers=workers, servers=4).seconds for workers in (1, 2, 4, 8)]
    assert all(more <= 1.02 * few for few, more in itertools.pairwise(took)), took


def test_the_table_of_the_docs_is_what_is_replayed() -> None:
    shown = DOCS.read_text().splitlines()
    small = [site for site in sites() if site.companies == 1_000 or site.latency]
    assert [line for line in table(Replay(RECORDING, site).run() for site in small) if line not in shown] == []


def test_the_same_seed_tells_the_same() -> None:
    assert asdict(replayed(workers=4, servers=4)) == asdict(replayed(workers=4, servers=4))


def test_a_ledger_of_a_size_between_costs_something_between() -> None:
    few, between, many = (RECORDING.of_ledger("fleet", size).server for size in (10_000, 50_000, 100_000))
    assert few < between < many
    assert RECORDING.of_ledger("fleet", 190_000).server == pytest.approx(many + (many - few))


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "recorded.json"
    save(RECORDING, file)
    assert load(file) == RECORDING


def test_a_row_names_what_it_waits_for() -> None:
    found = replayed()
    cells = dict(zip(HEAD, row(replace(found, utilisation={"database CPU": 0.9, "connections": 0.2})), strict=True))
    assert cells["what it waits for"] == "database CPU, 90%"
    idle = replace(found, utilisation={"database CPU": 0.3}, threads=0.6, between=0.1)
    assert idle.bottleneck == ("worker threads", 0.6)
    assert [line.count("|") for line in table(iter([found]))] == [7, 7, 7]


def test_a_resource_is_had_by_so_many_at_a_time() -> None:
    clock, desk = Simulation(), Resource("desk", 2)
    ended = []

    def at_desk(name: str) -> Process:
        yield desk, 1.0
        ended.append((name, clock.now))

    for name in "abc":
        clock.start(at_desk(name))
    clock.run()
    assert ended == [("a", 1.0), ("b", 1.0), ("c", 2.0)]
    assert desk.utilisation(2.0) == 0.75
