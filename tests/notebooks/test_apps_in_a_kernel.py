"""Both apps in a real kernel: shown, at work while cells run, and saved with the notebook."""

from __future__ import annotations

import json
from collections.abc import Callable

import nbformat.v4 as nb
import psycopg
import pytest
from nbclient import NotebookClient

from mpm_ops import Company, Settings
from tests.integration.test_register import environment

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Jupyter's own
VIEW = "application/vnd.jupyter.widget-view+json"

CELLS = [
    """
import time
import mpm_ops

def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)

ops = mpm_ops.connect()
app = ops.explore()
app
""",
    """
until(lambda: app.picker.companies)
app.picker.box.value = "Acme"
app.asking.editor.value = "SELECT count(*) FROM generate_series(1, 10000000000)"
app.asking.run.click()
""",
    """
assert app.asking.work.is_running
until(lambda: "1 s" in app.asking.status.value)
app.asking.stop.click()
until(lambda: not app.asking.run.disabled, seconds=2)
assert "Stopped" in app.asking.status.value
app.asking.editor.value = "SELECT 6 * 7 AS answer"
app.asking.run.click()
until(lambda: "42" in app.answer.rows.value)
until(lambda: not app.asking.run.disabled)
app.picker.box.value = "All companies"
app.asking.editor.value = "SELECT pg_sleep(1.5) IS NULL, 40 + n AS n FROM generate_series(1, 4) n"
app.asking.run.click()
until(lambda: "44" in app.answer.rows.value)
until(lambda: app.chart.image.value)
""",
    """
board = ops.fleet_board()
board
""",
    """
until(lambda: board.migrating.word)
board.migrating.confirm.value = board.migrating.word
board.migrating.migrate.click()
until(lambda: "skipped" in board.migrating.report.value)
ops.close()
""",
]


def test_both_apps_work_in_a_kernel(
    register: Callable[..., Company], settings: Settings, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register("Acme")
    for name, value in environment(settings).items():
        if name.startswith("MPM_OPS_"):
            monkeypatch.setenv(name, value)
    cells = [nb.new_code_cell(source) for source in CELLS]  # type: ignore[no-untyped-call]  # nbformat has no types
    notebook = nb.new_notebook(cells=cells)  # type: ignore[no-untyped-call]  # nbformat has no types
    NotebookClient(notebook, timeout=60, kernel_name="python3", store_widget_state=True).execute()
    for cell, number in ((cells[0], 1), (cells[3], 1)):
        assert [VIEW in output.data for output in cell.outputs] == [True] * number
    assert not any(cell.outputs for cell in (cells[1], cells[2], cells[4]))
    saved = json.dumps(notebook)
    assert "Answered" in saved
    assert "Revisions" in saved
    secret = psycopg.conninfo.conninfo_to_dict(dsn).get("password")
    assert secret is None or str(secret) not in saved
    assert "postgresql://" not in saved
