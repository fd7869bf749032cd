"""A fleet of 200 companies as operators run it: schedules, alerts, killed workers, a restarted server, and the UI.

Everything is real: Prefect's server and workers are processes, the companies are on a server of these tests' own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg
import pytest
import yaml
from playwright.sync_api import Page, expect, sync_playwright

from mpm_ops import Company, Ops, Settings
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.postgres.server import Server
from tests.conftest import make_settings, reachable_directory
from tests.e2e.browser import QUIET, SHOTS, START, chromium, open_page
from tests.flows.site import ROOT, Site, killed, webhook
from tests.integration.test_fleet import column, revise
from tests.integration.test_register import environment
from tests.notebooks.driving import until

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(900)]  # Prefect's own; a fleet takes time
SIZE = 200
BROKEN = (20, 120, 199)


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedServer]:
    with reachable_directory() as home:
        embedded = EmbeddedServer(home)
        embedded.start()
        yield embedded
        embedded.stop(mode="immediate")


@pytest.fixture(scope="module")
def server(embedded: EmbeddedServer) -> Iterator[Server]:
    server = Server(embedded.start())
    yield server
    server.close()


@pytest.fixture(scope="module")
def settings(embedded: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_settings(embedded.start(), tmp_path_factory.mktemp("home"), central="fleet_central")


@pytest.fixture(scope="module")
def ops(settings: Settings) -> Iterator[Ops]:
    with Ops(settings) as ops:
        ops.migrate()
        yield ops


@pytest.fixture(scope="module")
def fleet(ops: Ops) -> list[Company]:
    """Companies that are one revision behind; three of them cannot be migrated, for two reasons."""
    fleet = [
        ops.register(
            name=f"Company {number}",
            email=f"{number}@example.com",
            admin_email=f"admin-{number}@example.com",
            admin_password="correct horse",
        )
        for number in range(SIZE)
    ]
    column(ops, "o1", None)
    return fleet


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    with webhook() as (url, told):
        yield url, told


@pytest.fixture(scope="module")
def site(
    settings: Settings, told: tuple[str, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Prefect's server with all deployments, and an alert; nothing is scheduled yet."""
    home = tmp_path_factory.mktemp("site")
    given = {**environment(settings), "MPM_OPS_ALERT_URL": told[0], "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    with Site(home, given) as site:
        declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())
        for one in declared["deployments"]:
            for schedule in one.get("schedules", []):
                schedule["active"] = False
        (home / "prefect.yaml").write_text(yaml.safe_dump(declared))
        site.run("-m", "prefect", "work-pool", "create", "mpm-ops", "--type", "process")
        site.run("-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(home / "prefect.yaml"))
        site.run("flows/alerts.py", "--silent-after", "60")
        yield site


def worker(site: Site, name: str) -> subprocess.Popen[bytes]:
    """Start a worker that carries out one run at a time."""
    return site.start(name, "worker", "start", "--pool", "mpm-ops", "--name", name, "--limit", "1")


@contextmanager
def schedule(site: Site, deployment: str, cron: str) -> Iterator[None]:
    """Have a deployment run by a schedule for a block."""
    identity = site.deployments()[deployment]
    (made,) = site.asked(
        f"/deployments/{identity}/schedules", [{"schedule": {"cron": cron, "timezone": "UTC"}, "active": True}]
    )
    try:
        yield
    finally:
        site.asked(f"/deployments/{identity}/schedules/{made['id']}", method="DELETE")


@contextmanager
def locked(server: Server, company: Company, table: str = "people") -> Iterator[psycopg.Connection]:
    """Hold a table of a company for a block, so that a run comes to a halt there."""
    with server.connect(company.database) as other:
        other.execute(f"BEGIN; LOCK TABLE {table}".encode())
        yield other
        other.execute("ROLLBACK")


def stuck(server: Server, company: Company) -> bool:
    """Whether somebody waits for a lock in a company."""
    with server.connect("postgres") as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        return connection.execute(query, [company.database]).fetchone() == (1,)


def test_a_night_fires_by_itself_and_three_of_200_fail(
    site: Site, ops: Ops, server: Server, fleet: list[Company], told: tuple[str, list[dict[str, Any]]]
) -> None:
    for number in BROKEN[:2]:
        with server.connect(fleet[number].database) as tenant:
            tenant.execute("ALTER TABLE people ADD COLUMN o1 text")
    with server.connect(fleet[BROKEN[2]].database) as tenant:
        tenant.execute("DROP TABLE people CASCADE")
    night = worker(site, "night")
    with schedule(site, "migrate-companies", "* * * * *"):
        until(lambda: site.runs("migrate-companies", states=("RUNNING",)), seconds=120)
    (run,) = site.runs("migrate-companies", states=("RUNNING",))
    run = site.over(run["id"])
    message = run["state"]["message"]
    assert (run["state_type"], run["auto_scheduled"]) == ("FAILED", True)
    assert message.startswith("3/200 companies failed: 2 causes; 2 × column")
    assert run["name"] == "migrate-companies: 200 to o1"
    left = site.artifacts(run["id"])
    assert {"migrate-companies-report", "migrate-companies-failures", "fleet-progress"} <= set(left)
    assert left["fleet-progress"] == 100
    for number in BROKEN:
        assert f"Company {number}" in str(left["migrate-companies-failures"])
    report = ops.run(ops.runs(limit=1)[0].id)
    assert [one.company_id for one in report.failed] == [fleet[number].id for number in BROKEN]
    assert len(site.asked("/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})) <= 20
    looked_at(site, run["id"])
    # Prefect holds alerts of runs back for a while that were scheduled less than five minutes before they began.
    again = site.over(site.begin("migrate-companies"))
    assert again["state"]["message"].startswith("3/200 companies failed: 2 causes")
    until(lambda: told[1], seconds=60)
    assert told[1][0]["message"] == again["state"]["message"]
    assert "2 × column" in told[1][0]["text"]
    killed(night)


def test_a_killed_worker_s_run_is_finished_by_a_second_one(
    site: Site, ops: Ops, server: Server, fleet: list[Company], told: tuple[str, list[dict[str, Any]]]
) -> None:
    revise(ops, "o2", "o1", "op.add_column('meters', sa.Column('o2', sa.Text()))", "op.drop_column('meters', 'o2')")
    sound = [one.id for number, one in enumerate(fleet) if number not in BROKEN]
    workers = {name: worker(site, name) for name in ("one", "two")}
    with locked(server, fleet[5], "meters"):
        run_id = site.begin(
            "migrate-companies", {"companies": sound, "machines": 2, "batch_size": 200, "lock_timeout": 0}
        )
        until(lambda: stuck(server, fleet[5]), seconds=120)
        # Beside it another one is refused.
        second = site.over(site.begin("migrate-companies", {"companies": sound}))
        assert second["state_type"] == "CANCELLED"
        until(lambda: site.runs("take-batches", states=("RUNNING",)), seconds=120)
        pid = int(site.flow_run(run_id)["infrastructure_pid"].rpartition(":")[2])
        leading = next(one for one in workers.values() if pid in {c.pid for c in children(one)})
        killed(leading)
    (helper,) = site.runs("take-batches", states=("RUNNING", "COMPLETED", "FAILED"))
    ended = site.over(helper["id"])
    assert ended["state_type"] == "COMPLETED"
    assert "197 done of 197 companies" in ended["state"]["message"]
    (run, *_) = ops.runs(limit=1)
    assert (run.state, dict(run.counts)) == ("finished", {"done": 197})
    assert {tuple(one.heads or ()) for one in ops.tenant_states(sound)} == {("o2",)}
    for company in (fleet[0], fleet[5], fleet[198]):
        assert [one.revision for one in ops.history(company.id)].count("o2") == 1
    # What was killed is missed, told, and keeps nobody from running any more.
    assert site.over(run_id)["state_type"] == "CRASHED"
    until(lambda: "Crashed" in {one["state"] for one in told[1]}, seconds=60)
    for one in workers.values():
        if one.poll() is None:
            killed(one)


def children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return list(psutil.Process(process.pid).children(recursive=True))


def test_a_run_survives_a_restart_of_the_database_server(
    site: Site, ops: Ops, embedded: EmbeddedServer, server: Server, fleet: list[Company]
) -> None:
    revise(ops, "o3", "o2", "op.add_column('meters', sa.Column('o3', sa.Text()))")
    sound = [one.id for number, one in enumerate(fleet) if number not in BROKEN]
    worker(site, "three")
    holder = server.open(fleet[5].database)
    holder.execute("BEGIN; LOCK TABLE meters")
    run_id = site.begin("migrate-companies", {"companies": sound, "lock_timeout": 0})
    until(lambda: stuck(server, fleet[5]), seconds=120)
    embedded.stop(mode="fast")
    embedded.start()
    holder.close()
    run = site.over(run_id)
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert {tuple(one.heads or ()) for one in ops.tenant_states(sound)} == {("o3",)}


def looked_at(site: Site, run_id: str) -> None:
    """Take pictures of the deployments, of the run with its tasks, and of what it left."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        page = browser.new_page(viewport={"width": 1500, "height": 1100})
        SHOTS.mkdir(parents=True, exist_ok=True)
        open_page(page, f"{site.url}/deployments", seen="migrate-companies")
        page.screenshot(path=SHOTS / "prefect-fleet-deployments.png")
        open_page(page, f"{site.url}/runs/flow-run/{run_id}", seen="batch of run")
        page.screenshot(path=SHOTS / "prefect-fleet-run.png")
        artifacts(page)
        browser.close()


def artifacts(page: Page) -> None:
    """Look at the content of what a run left: it is behind a tab, and behind each one's link."""
    page.get_by_text("Artifacts", exact=True).last.click(timeout=START)
    page.get_by_text("migrate-companies-report").first.click(timeout=START)
    expect(page.get_by_text("2 causes").first).to_be_visible(timeout=START)
    seen = page.get_by_alt_text("How the run went on")
    expect(seen).to_be_visible(timeout=START)
    assert seen.evaluate("image => image.naturalWidth") > 0
    page.screenshot(path=SHOTS / "prefect-fleet-summary.png", full_page=True)
    page.go_back()
    page.get_by_text("Artifacts", exact=True).last.click(timeout=START)
    page.get_by_text("migrate-companies-failures").first.click(timeout=START)
    expect(page.get_by_text("Company 120").first).to_be_visible(timeout=START)
    page.screenshot(path=SHOTS / "prefect-fleet-outcomes.png", full_page=True)
