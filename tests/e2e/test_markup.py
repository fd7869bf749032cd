"""Markup in data, names and errors stays text in a real browser: nothing of it runs, loads or opens."""

from __future__ import annotations

from pathlib import Path

import nbformat
import nbformat.v4 as nb
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from mpm_ops import Ops, Settings
from mpm_ops.postgres.server import Server
from tests.e2e.browser import RUN, Visit
from tests.notebooks.kernels import SCRIPT

pytestmark = pytest.mark.filterwarnings("default")  # Playwright's and Jupyter's own

NAME = f"Evil {SCRIPT}"
COLUMN = SCRIPT.replace('"', '""')
#: A value and a column's name; in Python's source, and in the app's editor.
QUESTION = f"""SELECT '{SCRIPT}' AS "{COLUMN}", 7 AS n UNION ALL SELECT 'plain', 5"""
WRONG = f'SELECT "{COLUMN}" FROM people'

CELLS = [
    f"import mpm_ops\nops = mpm_ops.connect()\ncompany = ops.company({NAME!r})",
    "%load_ext mpm_ops\ncompany",
    f"question = {QUESTION!r}\ncompany.query(question)",
    "company.read_sql(question)",
    "ops.query(question)",
    "print(company.query(question))",
    "company.query(question).plot()",
    "ops.companies()",
    "ops.list_companies()",
    "ops.status()",
    "ops.drift()",
    f"%company {NAME}",
    f"%%mpm\n{QUESTION}",
    "ops.explore()",
    "ops.fleet_board()",
    f"company.read_sql({WRONG!r})",
]


@pytest.fixture
def hostile(demo: Settings, server: Server) -> None:
    """A company whose name is markup, one revision behind."""
    with Ops(demo) as ops:
        company = ops.register(
            name=NAME,
            email="evil@example.com",
            admin_email="eve@example.com",
            admin_name=SCRIPT,
            admin_password="correct horse",
        )
        ops.rollback_tenant([company.id], step=1)


def written(folder: Path) -> str:
    """Write the notebook into JupyterLab's folder, and return its name."""
    cells = [nb.new_code_cell(source) for source in CELLS]  # type: ignore[no-untyped-call]  # nbformat has no types
    # Run All ends at an error, unless it is said to be wanted.
    cells[-1].metadata["tags"] = ["raises-exception"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    book = nb.new_notebook(cells=cells, metadata=kernel)  # type: ignore[no-untyped-call]  # as above
    nbformat.write(book, folder / "markup.ipynb")  # type: ignore[no-untyped-call]  # as above
    return "markup.ipynb"


def test_markup_stays_text(visit: Visit, hostile: None, tmp_path: Path) -> None:
    visit.open(written(visit.folder))
    visit.run_all(errors=1)
    page, app, board = visit.page, visit.page.locator(".mpm-explore"), visit.page.locator(".mpm-board")
    app.locator(".mpm-company input").fill(NAME)
    app.locator(".mpm-company input").press("Enter")
    expect(app).to_contain_text(f"Asking {NAME}", timeout=RUN)
    app.locator(".mpm-editor textarea").fill(QUESTION)
    app.locator(".mpm-run").click()
    expect(app.locator(".mpm-result td").first).to_have_text(SCRIPT, timeout=RUN)
    expect(app.locator(".mpm-result th").first).to_have_text(SCRIPT)
    expect(app.locator("img.mpm-chart")).to_be_visible(timeout=RUN)
    visit.shoot("markup-explore", app)
    downloads = ((".mpm-csv", Path.read_text), (".mpm-parquet", lambda path: str(pq.read_table(path).to_pylist())))
    for button, read in downloads:
        app.locator(button).click()
        with page.expect_download() as waiting:
            app.locator(".mpm-file a").click()
        assert "/" not in waiting.value.suggested_filename
        waiting.value.save_as(tmp_path / "download")
        assert SCRIPT in read(tmp_path / "download")
    app.locator(".mpm-editor textarea").fill(WRONG)
    expect(app.locator(".mpm-status")).to_have_text("")
    app.locator(".mpm-run").click()
    expect(app.locator(".mpm-status")).to_contain_text(f'column "{SCRIPT}" does not exist', timeout=RUN)

    expect(board).to_contain_text(NAME, timeout=RUN)
    board.locator(".mpm-dry-run").click()
    expect(board.locator(".mpm-report")).to_contain_text(NAME, timeout=RUN)
    visit.shoot("markup-board", board)

    # Saved with its widgets, and opened again.
    visit.save()
    visit.open("markup.ipynb")
    expect(page.locator(".jp-OutputArea-output").first).to_be_visible(timeout=RUN)
    assert page.locator(".jp-Notebook script, .jp-Notebook img[src=x]").count() == 0
    assert page.locator(".jp-Notebook").inner_text().count(SCRIPT) > 10
