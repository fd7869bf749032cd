"""What the tests in a browser share: the demo's companies, `make lab` on copies of the notebooks, and a page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from mpm_ops import Settings
from tests.e2e.browser import QUIET, SHOTS, Visit, chromium
from tests.notebooks.conftest import demo
from tests.notebooks.lab import ROOT, lab

__all__ = ["demo"]


@pytest.fixture(scope="module")
def address(demo: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """JupyterLab's address, its token, and the folder that it shows."""
    folder = tmp_path_factory.mktemp("lab")
    books = folder / "notebooks"
    shutil.copytree(ROOT / "notebooks", books)
    # JupySQL comes along for its tests, and its plugin writes an error of its own into the console.
    config = folder / "config" / "labconfig" / "page_config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"disabledExtensions": {"jupysql-plugin": True}}))
    with lab(demo, folder, f"NOTEBOOKS={books}") as (_, url, token):
        yield url, token, books


@pytest.fixture
def visit(address: tuple[str, str, Path], tmp_path: Path) -> Iterator[Visit]:
    """A visit to JupyterLab in a fresh profile; no request leaves the machine, and the console has no error."""
    url, token, books = address
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium(),
            headless=True,
            args=QUIET,
            viewport={"width": 1400, "height": 1000},
            accept_downloads=True,
        )
        page: Page = context.pages[0]
        visit = Visit(page, url, token, books, SHOTS)
        yield visit
        visit.shoot("last")  # of a test that fails, where it was
        visit.assert_clean()
        context.close()
