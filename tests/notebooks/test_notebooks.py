"""The notebooks: they run from top to bottom, what is committed is what they show, and they read well."""

from __future__ import annotations

import html
import re
from pathlib import Path

import nbformat
import papermill
import pytest
from nbconvert import HTMLExporter

from mpm_ops import Ops, Settings
from tests.integration.test_register import environment
from tests.notebooks import books

NOTEBOOKS = sorted(books.FOLDER.glob("*.ipynb"))
REPORT = books.FOLDER / "04_revenue_report.ipynb"
#: They show many figures; the others teach.
REPORTS = {"04_revenue_report", "06_portfolio"}
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # runs every notebook; Jupyter's own
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each
def test_it_runs_and_shows_what_is_committed(path: Path, demo: Settings, tmp_path: Path) -> None:
    committed = books.read(path)
    shown = books.run(books.read(path), environment=environment(demo), folder=tmp_path)
    for cell, before in zip(shown.cells, committed.cells, strict=True):
        if cell.cell_type == "code":
            assert books.shapes(cell) == books.shapes(before), cell.source
            assert all(output.output_type != "error" for output in cell.outputs)
    assert shown.cells[-1].source.startswith("ops.close()") or path.stem == "dashboard"


@each
def test_it_is_short_and_teaches(path: Path) -> None:
    notebook = books.read(path)
    assert len(notebook.cells) <= (24 if path.stem in REPORTS else 15)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert not re.search(r"^\s*(def|class) ", code(path), re.MULTILINE)


@each
def test_it_is_committed_as_after_a_run_from_top_to_bottom(path: Path) -> None:
    """With outputs, and without what differs from run to run: see CONTRIBUTING.md on `make notebooks`."""
    text = path.read_text()
    notebook = books.read(path)
    nbformat.validate(notebook)
    assert books.normal(books.read(path)) == notebook
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert len(outputs) >= 1
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data", "stream"}
    assert "\\u001b" not in text
    assert len(text) < (600_000 if path.stem in REPORTS else 300_000)


@each
def test_it_holds_neither_secrets_nor_places(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"(?<![\w:/.])/(home|root|tmp|usr|var|work|Users|dev)\b", text)
    assert not re.search(r"postgres(ql)?://|password\s*=|passwd|BEGIN PRIVATE|@[\w.-]+:5432", text, re.IGNORECASE)
    words = [word for cell in books.read(path).cells for word in re.findall(r"https?://[^\s)\"']+", cell.source)]
    assert words == []


def code(path: Path) -> str:
    return "\n".join(cell.source for cell in books.read(path).cells if cell.cell_type == "code")


def test_one_picture_shows_of_one_plot(demo: Settings, tmp_path: Path) -> None:
    """In a kernel: neither the text of the Axes only, nor a second picture by pyplot."""
    cells = [
        "import pandas; from mpm_ops import pictures; from matplotlib import pyplot",
        "pictures.plot(pandas.DataFrame({'name': ['x', 'y'], 'n': [1, 2]}))",
        "ax = pyplot.figure().add_subplot(); pictures.plot(pandas.DataFrame({'n': [1, 2]}), ax=ax)",
        "pyplot.get_fignums()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])  # type: ignore[no-untyped-call]  # no types
    ran = books.run(notebook, environment=environment(demo), folder=tmp_path)
    pictures = [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in ran.cells]
    assert pictures == [0, 1, 1, 0]
    assert ran.cells[-1].outputs[0].data["text/plain"] == "[]"


@pytest.mark.parametrize(
    ("company", "first", "last", "months"),
    [(2, "2026-03", "2026-04", {"2026-03", "2026-04"}), ("info@himal-urja.example.com", "2026-10", "", {"2026-10"})],
)
def test_the_report_is_rendered_for_a_company(
    demo: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    company: int | str,
    first: str,
    last: str,
    months: set[str],
) -> None:
    for name, value in environment(demo).items():
        monkeypatch.setenv(name, value)
    made = tmp_path / "report.ipynb"
    papermill.execute_notebook(
        REPORT,
        made,
        parameters={"company": company, "first_month": first, "last_month": last},
        cwd=tmp_path,
        kernel_name="python3",
        progress_bar=False,
    )
    page, _ = HTMLExporter(exclude_input=True).from_filename(str(made))  # type: ignore[no-untyped-call]  # no types
    with Ops(demo) as ops:
        name = ops.get_company(company).name
        # What was paid is written down twice: by payment, and by what it was for.
        paid = ops.company(company).read_sql(
            """
            SELECT to_char(created_at, 'YYYY-MM') AS month, sum(amount)::numeric(20, 2) AS revenue
            FROM payment_histories GROUP BY month
            """
        )
    assert html.escape(name) in page
    assert set(re.findall(r"<th>(2026-\d\d)</th>", page)) == months
    for month, revenue in zip(paid["month"], paid["revenue"], strict=True):
        assert (month in months) == (f"<td>{revenue:,.2f}</td>" in page), month
    assert page.count("<img") == 6
    assert "pd.concat" not in page
