"""Voila serves notebooks/dashboard.ipynb, the app for analysts, as a page without cells."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect, sync_playwright

from mpm_ops import Company, Settings
from tests.e2e.browser import QUIET, SHOTS, chromium
from tests.integration.test_register import environment
from tests.notebooks import books
from tests.notebooks.driving import until
from tests.notebooks.lab import free_port

NOTEBOOK = books.FOLDER / "dashboard.ipynb"
pytestmark = pytest.mark.filterwarnings("default")  # Jupyter's own


def fetched(address: str) -> str:
    """Return the page that is served; empty while nobody listens."""
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


@contextmanager
def served(settings: Settings, folder: Path) -> Iterator[str]:
    """Serve the dashboard as the README says; lend its address."""
    port = free_port()
    voila = subprocess.Popen(
        [sys.executable, "-m", "voila", "--no-browser", f"--port={port}", str(NOTEBOOK)],
        env=environment(settings) | {"JUPYTER_RUNTIME_DIR": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        voila.terminate()
        voila.wait(20)


def test_the_explorer_is_a_dashboard(register: Callable[..., Company], settings: Settings, tmp_path: Path) -> None:
    register("Acme")
    with served(settings, tmp_path) as address:
        shown = until(lambda: fetched(address), seconds=60)
    assert books.WIDGET in shown
    assert "Traceback" not in shown
    assert "postgresql://" not in shown
    for cell in books.read(NOTEBOOK).cells:
        if cell.cell_type == "code":
            assert json.dumps(cell.source)[1:-1] not in shown
            assert "import mpm_ops" not in shown


def test_a_visitor_asks(register: Callable[..., Company], settings: Settings, tmp_path: Path) -> None:
    register("Acme")
    register("Zeta")

    def ours(route: Route) -> None:
        """Let nothing out of the machine: Voila's template asks others for its icons."""
        if "//127.0.0.1:" in route.request.url:
            route.continue_()
        else:
            route.abort()

    with served(settings, tmp_path) as address, sync_playwright() as playwright:
        until(lambda: fetched(address), seconds=60)
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        page = browser.new_page()
        page.route("**/*", ours)
        page.goto(address)
        page.get_by_text("2 companies to choose from").wait_for(timeout=60_000)
        assert page.get_by_text("import mpm_ops").count() == 0
        page.locator(".mpm-company input").fill("Zeta")
        page.locator(".mpm-company input").press("Enter")
        page.locator(".mpm-editor textarea").fill("SELECT count(*) AS countries FROM countries")
        page.locator(".mpm-run").click()
        expect(page.locator(".mpm-result td")).to_have_text("245", timeout=60_000)
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / "dashboard.png")
        browser.close()
