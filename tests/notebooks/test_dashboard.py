"""Voila serves notebooks/dashboard.ipynb, the app for analysts, as a page without cells."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Route, sync_playwright

from mpm_ops import Company, Settings
from tests.integration.test_register import environment
from tests.notebooks import books
from tests.notebooks.driving import until

NOTEBOOK = books.FOLDER / "dashboard.ipynb"
CHROMIUM = shutil.which("chromium")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


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


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_a_visitor_sees_the_companies(register: Callable[..., Company], settings: Settings, tmp_path: Path) -> None:
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
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.route("**/*", ours)
        page.goto(address)
        page.get_by_text("2 companies to choose from").wait_for(timeout=60_000)
        assert page.get_by_text("import mpm_ops").count() == 0
        browser.close()
