"""The lake without a server: names, folders, portions, accounts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from mpm_ops.lake import layout, months
from mpm_ops.lake.layout import Place
from mpm_ops.lake.months import Month
from mpm_ops.lake.shapes import LEVELS
from mpm_ops.records import Exported, ExportedTable
from mpm_ops.tenant.models import metadata
from mpm_ops.tenant.readable import READABLE


def test_every_table_has_a_name_that_folders_may_have() -> None:
    assert [name for name in READABLE if not layout.NAME.match(name)] == []


def test_no_column_is_called_as_a_level_of_folders() -> None:
    named = [f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.columns]
    assert len(named) > 500
    assert [name for name in named if name.partition(".")[2].casefold() in LEVELS] == []


@pytest.mark.parametrize(
    ("month", "path"),
    [
        (dt.date(2026, 3, 1), "people/company=12/month=2026-03/data.parquet"),
        (dt.date(1, 1, 1), "people/company=12/month=0001-01/data.parquet"),
        (None, "people/company=12/month=__HIVE_DEFAULT_PARTITION__/data.parquet"),
    ],
)
def test_a_month_has_its_folder(month: Month, path: str) -> None:
    place = Place(Path("lake"), "people", 12)
    assert place.file(month, has_months=True) == Path("lake", path)
    assert place.file(month, has_months=False) == Path("lake/people/company=12/data.parquet")


def test_portions_are_as_large_as_can_be_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(months, "SORTED", 10)
    one, two, three, four = (dt.date(2026, month, 1) for month in range(1, 5))
    assert months.portions({}) == []
    assert months.portions({None: 1, two: 4, one: 6, three: 30, four: 9}) == [[one, two], [three], [four, None]]


def test_an_account_tells_who_failed_and_why() -> None:
    def of(company: str, table: str, **more: object) -> ExportedTable:
        return ExportedTable(company_id=len(company), company=company, table=table, **more)  # type: ignore[arg-type]  # a record's

    tables = [
        of("A", "people", written=2, rows=1500, bytes=3 << 20),
        of("A", "odd", error="refused"),
        of("BB", "", error="gone"),
        of("CCC", "people", skipped="not there", removed=1),
    ]
    account = Exported(lake="lake", tables=tables, seconds=1.25)
    assert account.errors == {"A": "refused", "BB": "gone"}
    assert str(account) == (
        "2 files written, 0 kept, 1 removed; 1,500 rows, 3.0 MB of 3 companies in 1.2 s; 2 companies failed"
    )
    assert [(row["tables"], row["what"]) for row in account.rows()] == [
        ("1", "odd: refused"),
        ("0", "gone"),
        ("0", "people: not there"),
    ]
    assert repr(account) == "Exported(lake='lake', seconds=1.25, strays=())"
