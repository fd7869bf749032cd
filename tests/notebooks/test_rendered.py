"""A company's report as files: what is in them, what is not, and what stays when it fails."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from mpm_ops import Company, Ops, Settings
from mpm_ops.errors import NotebookFailed, UnknownCompany, UsageError
from mpm_ops.postgres.server import Server


@contextmanager
def shut(maintenance: psycopg.Connection, company: Company) -> Iterator[None]:
    """Keep everybody out of a company's database for a block."""
    change = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    maintenance.execute(change.format(sql.Identifier(company.database), sql.SQL("false")))
    try:
        yield
    finally:
        maintenance.execute(change.format(sql.Identifier(company.database), sql.SQL("true")))


pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # a kernel for each report; Jupyter's own


def test_a_company_gets_a_page_and_its_tables(demo: Settings, tmp_path: Path) -> None:
    with Ops(demo) as ops:
        made = ops.revenue_report(2, tmp_path / "new", first_month="2026-03", last_month="2026-04")
        # What was paid is written down twice: by payment, and by what it was for.
        paid = (
            ops.company(2)
            .query(
                """
            SELECT to_char(created_at, 'YYYY-MM') AS month, sum(amount)::numeric(20, 2)
            FROM payment_histories WHERE created_at >= '2026-03-01' AND created_at < '2026-05-01' GROUP BY 1 ORDER BY 1
            """
            )
            .rows
        )
        name = ops.get_company(2).name
    names = ["2-by_month.parquet", "2-by_tariff.parquet", "2-payments.parquet", "2.html"]
    assert sorted(one.name for one in (tmp_path / "new").iterdir()) == names
    assert [one.name for one in [*made.tables, made.page]] == names
    assert (made.company_id, made.company) == (2, name)
    months = pq.read_table(made.tables[0]).to_pydict()
    assert list(zip(months["month"], months["revenue"], strict=True)) == paid
    page = made.page.read_text()
    assert f"<title>{name}: Company report</title>" in page
    assert "<h1>Company report</h1>" in page
    assert all(f"<td>{revenue:,.2f}</td>" in page for _, revenue in paid)
    headings = ["By month", "Where it came from", "Connections and customers", "Loans", "Targets", "Agents and tickets"]
    assert re.findall(r"<h2>([^<]*)</h2>", page) == headings
    assert re.findall(r'<img[^>]* alt="([^"]*)"', page) == [f"Chart: {heading}" for heading in headings]
    assert_nothing_else(page, demo, tmp_path)


def assert_nothing_else(page: str, settings: Settings, folder: Path) -> None:
    """No code, no parameter, no warning, no place, no secret; nothing that runs or that is fetched."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    parts = conninfo_to_dict(url)
    secrets = [url, *(str(parts[name]) for name in ("password", "host") if name in parts)]
    secrets += [str(folder), str(settings.home), settings.central_database]
    code = ["pd.concat", "mpm_ops.connect", "first_month", "save_tables", "papermill", "nbconvert"]
    assert [word for word in [*secrets, *code] if word in page] == []
    assert re.findall(r"<(script|link|iframe|object|form)\b", page) == []
    assert re.findall(r"""<[^<>]*\s(?:(?:src|href)=["'](?!data:image/png;base64,)|on\w+=)|url\(|@import""", page) == []
    assert "default-src &#x27;none&#x27;" in page


def test_what_a_company_has_written_is_text(demo: Settings, server: Server, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    with Ops(demo) as ops:
        with server.connect(ops.get_company(3).database) as tenant:
            tenant.execute("UPDATE tariffs SET name = %s || id", [hostile])
        page = ops.revenue_report(3, tmp_path).page.read_text()
    assert page.count(html.escape(hostile)) >= 2
    assert_nothing_else(page, demo, tmp_path)


def test_reports_are_made_side_by_side_and_anew(demo: Settings, tmp_path: Path) -> None:
    with Ops(demo) as ops, ThreadPoolExecutor(2) as pool:
        (tmp_path / "1.html").write_text("of before")
        made = list(pool.map(lambda one: ops.revenue_report(one, tmp_path), [1, 3]))
        names = [ops.get_company(one).name for one in (1, 3)]
    for one, name, other in zip(made, names, reversed(names), strict=True):
        assert name in one.page.read_text()
        assert other not in one.page.read_text()
    assert len(list(tmp_path.iterdir())) == 8


def test_of_a_notebook_that_fails_nothing_is_left_and_the_files_of_before_stay(
    demo: Settings, maintenance: psycopg.Connection, tmp_path: Path
) -> None:
    (tmp_path / "1.html").write_text("of before")
    with Ops(demo) as ops:
        company = ops.get_company(1)
        with shut(maintenance, company), pytest.raises(NotebookFailed, match="not currently accepting") as failed:
            ops.revenue_report(1, tmp_path)
    assert failed.value.company == company.name
    assert len(failed.value.lines()) == 1
    assert [one.read_text() for one in tmp_path.iterdir()] == ["of before"]


def test_a_cell_that_takes_too_long_is_ended(demo: Settings, server: Server, tmp_path: Path) -> None:
    with Ops(demo) as ops, server.connect(ops.get_company(1).database) as other, other.transaction():
        other.execute("LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(NotebookFailed, match="longer than 3 s"):
            ops.revenue_report(1, tmp_path, cell_seconds=3)
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_that_dies_is_told(demo: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What every kernel does as its first deed.
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "ipykernel_launcher.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    with Ops(demo) as ops, pytest.raises(NotebookFailed, match="did not start, or died"):
        ops.revenue_report(1, tmp_path / "new")


def test_it_is_made_where_a_loop_is_running_as_in_a_notebook(demo: Settings, tmp_path: Path) -> None:
    async def cell() -> Path:
        with Ops(demo) as ops:
            return ops.revenue_report(1, tmp_path, last_month="2026-03").page

    assert "2026-03" in asyncio.run(cell()).read_text()


def test_what_cannot_be_is_refused(demo: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Ops(demo) as ops:
        with pytest.raises(UsageError, match="cannot be written"):
            ops.revenue_report(1, tmp_path / "file")
        with pytest.raises(UnknownCompany):
            ops.revenue_report("nobody", tmp_path)


def test_a_company_that_has_sold_nothing_yet_has_a_report(demo: Settings, tmp_path: Path) -> None:
    with Ops(demo) as ops:
        company = ops.register(
            name="<b>New</b> Power",
            email="new@example.com",
            admin_email="a@example.com",
            admin_password="correct horse",
        )
        made = ops.revenue_report(company.id, tmp_path)
    assert "&lt;b&gt;New&lt;/b&gt; Power" in made.page.read_text()
    assert "<b>New" not in made.page.read_text()
