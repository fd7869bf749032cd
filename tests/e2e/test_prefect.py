"""`make ui`: Prefect's server, the deployments, a worker, an alert; Ctrl-C ends all of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect, sync_playwright

from mpm_ops import Settings
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX
from tests.e2e.browser import QUIET, SHOTS, START, chromium, open_page
from tests.flows.site import asked, webhook
from tests.integration.test_register import environment
from tests.notebooks.driving import until
from tests.notebooks.lab import ROOT, free_port

pytestmark = pytest.mark.filterwarnings("default")  # Prefect's own


def test_a_fleet_is_looked_after_by_deployments(demo: Settings, server: Server, tmp_path: Path) -> None:
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    with webhook() as (url, told), (tmp_path / "ui.log").open("wb") as log:
        ui = subprocess.Popen(
            [sys.executable, str(ROOT / "flows" / "ui.py"), "--port", str(port)],
            env={**environment(demo), "MPM_OPS_ALERT_URL": url, "PREFECT_HOME": str(tmp_path / "prefect")},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(lambda: ui.poll() is not None or b"Ctrl-C ends" in (tmp_path / "ui.log").read_bytes(), seconds=200)
            names = {one["name"]: one["id"] for one in asked(api, "/deployments/filter", {})}
            assert {"migrate-companies", "nightly-health", "reap"} <= set(names)
            # Its scheduler has made runs of what has a schedule.
            until(lambda: asked(api, "/flow_runs/filter", {"flow_runs": {"state": {"name": {"any_": ["Scheduled"]}}}}))
            with server.connect("postgres") as connection:
                databases.create(connection, f"{PREFIX}company_99", owner=demo.owner_role)
            run = asked(api, f"/deployments/{names['nightly-health']}/create_flow_run", {})
            until(lambda: asked(api, f"/flow_runs/{run['id']}")["state_type"] in ("FAILED", "COMPLETED"), seconds=120)
            ended = asked(api, f"/flow_runs/{run['id']}")
            assert (ended["state_type"], ended["state"]["message"].split(":")[0]) == ("FAILED", "needs attention")
            until(lambda: told, seconds=60)
            assert told[0]["message"] == ended["state"]["message"]
            assert "audit 1" in told[0]["text"]
            look(port, run["id"])
            assert b"TypeError" not in (tmp_path / "ui.log").read_bytes()
        finally:
            family = [psutil.Process(ui.pid), *psutil.Process(ui.pid).children(recursive=True)]
            os.kill(ui.pid, signal.SIGINT)
            assert ui.wait(60) == 0
            # Shown by pytest where the test fails.
            sys.stdout.write((tmp_path / "ui.log").read_text(errors="replace")[-20_000:])
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive


def look(port: int, run: str) -> None:
    """Take pictures of the deployments, and of the run with what it found."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        open_page(page, f"http://127.0.0.1:{port}/deployments", seen="migrate-companies")
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / "prefect-deployments.png")
        open_page(page, f"http://127.0.0.1:{port}/runs/flow-run/{run}", seen="Artifacts")
        page.get_by_text("Artifacts", exact=True).last.click(timeout=START)
        expect(page.get_by_text("nightly-health-findings").first).to_be_visible(timeout=START)
        page.screenshot(path=SHOTS / "prefect-run.png")
        browser.close()
