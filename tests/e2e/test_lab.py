"""Analysts and operators in JupyterLab: run the notebooks, ask, stop, migrate."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import psycopg
import pytest
from playwright.sync_api import expect

from mpm_ops import Ops, Settings
from mpm_ops.postgres.server import Server
from tests.e2e.browser import RUN, Visit
from tests.notebooks.driving import until

pytestmark = pytest.mark.filterwarnings("default")  # Playwright's and Jupyter's own

BOMB = "SELECT count(*) FROM generate_series(1, 10000000000)"


def active(connection: psycopg.Connection) -> int:
    """Return how many questions the server works on."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'mpm_ops/read%' AND state = 'active'"
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def test_an_analyst_asks_and_stops(visit: Visit, server: Server) -> None:
    visit.open("01_quickstart.ipynb")
    visit.run_all()
    app = visit.page.locator(".mpm-explore")
    app.scroll_into_view_if_needed()
    visit.shoot("01-quickstart")

    app.locator(".mpm-company input").fill("Ziwa Umeme Ltd")
    app.locator(".mpm-company input").press("Enter")
    expect(app.locator(".mpm-table select option").first).to_be_attached(timeout=RUN)
    editor = app.locator(".mpm-editor textarea")
    editor.fill("SELECT to_char(created_at, 'YYYY-MM') AS month, count(*) AS n FROM transactions GROUP BY 1 ORDER BY 1")
    app.locator(".mpm-run").click()
    expect(app.locator(".mpm-result")).to_contain_text("read-only", timeout=RUN)
    expect(app.locator(".mpm-result td").first).to_have_text("2025-11")
    expect(app.locator("img.mpm-chart")).to_be_visible(timeout=RUN)
    app.scroll_into_view_if_needed()
    visit.shoot("01-explore", app)

    editor.fill("SELECT nme\nFROM people")
    expect(app.locator(".mpm-status")).to_have_text("")
    app.locator(".mpm-run").click()
    expect(app.locator(".mpm-status")).to_contain_text("Did you mean name", timeout=RUN)
    visit.shoot("01-explore-error", app)

    with server.connect("postgres") as connection:
        editor.fill(BOMB)
        expect(app.locator(".mpm-status")).to_have_text("")
        app.locator(".mpm-run").click()
        until(lambda: active(connection) == 1)
        visit.shoot("01-explore-running", app)
        began = time.monotonic()
        app.locator(".mpm-stop").click()
        until(lambda: active(connection) == 0)
        assert time.monotonic() - began < 2
    expect(app.locator(".mpm-run")).to_be_enabled(timeout=RUN)
    editor.fill("SELECT 41 + 1 AS answer")
    expect(app.locator(".mpm-status")).to_have_text("")
    app.locator(".mpm-run").click()
    expect(app.locator(".mpm-result td").first).to_have_text("42", timeout=RUN)


def test_a_cell_is_stopped_with_the_kernel_s_own_button(visit: Visit, server: Server) -> None:
    visit.open("01_quickstart.ipynb")
    page = visit.page
    cell = page.locator(".jp-CodeCell .cm-content").first
    cell.click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type(f"import mpm_ops; mpm_ops.connect().company(1).query('{BOMB}').df")
    page.keyboard.press("Shift+Enter")
    with server.connect("postgres") as connection:
        until(lambda: active(connection) == 1, seconds=60)
        began = time.monotonic()
        page.get_by_title("Interrupt the kernel").first.click()
        until(lambda: active(connection) == 0)
        assert time.monotonic() - began < 2
    shown = page.locator(".jp-CodeCell").first.locator(".jp-OutputArea-output")
    expect(shown).to_contain_text("the question was broken off")
    visit.shoot("stopped-cell")


def test_an_operator_migrates_the_fleet_from_the_board(visit: Visit, demo: Settings, server: Server) -> None:
    visit.open("05_operate_the_fleet.ipynb")
    visit.run_all()
    board = visit.page.locator(".mpm-board")
    with Ops(demo) as ops:
        assert ops.rollback_tenant(step=1).ok
        behind: Callable[[], int] = lambda: sum(bool(one.pending) for one in ops.tenant_states())  # noqa: E731 once
        assert behind() == 3
        board.locator(".mpm-refresh").click()
        expect(board.locator(".mpm-state")).to_contain_text("3", timeout=RUN)
        board.locator(".mpm-dry-run").click()
        expect(board).to_contain_text("ALTER TABLE people", timeout=RUN)
        visit.shoot("05-board-dry-run", board)
        expect(board.locator(".mpm-migrate")).to_be_disabled()
        board.locator(".mpm-confirm input").fill("3")
        with server.connect(ops.get_company(1).database) as users, users.transaction():
            # For which the migration waits: the others are through meanwhile.
            users.execute("LOCK TABLE people IN ACCESS SHARE MODE")
            board.locator(".mpm-migrate").click()
            expect(board.locator(".mpm-status")).to_contain_text("2 of 3", timeout=RUN)
            visit.shoot("05-board-under-way", board)
            assert behind() == 1
        expect(board.locator(".mpm-report")).to_contain_text("3 done", timeout=RUN)
        expect(board.locator(".mpm-progress .progress-bar")).to_have_attribute("style", re.compile("width: 100%"))
        visit.shoot("05-board-migrated", board)
        assert behind() == 0
    visit.shoot("05-operate")
