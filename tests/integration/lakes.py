"""What the tests of lakes share: two companies with payments in four months, and looks at what is in a lake."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mpm_ops import Company, CompanyReader, Ops
from mpm_ops.postgres.server import Server
from mpm_ops.records import Exported

ROOT = Path(__file__).parents[2]
Register = Callable[..., Company]
Edit = Callable[..., None]

#: A hundred, 20 hours apart, by seven payers.
PAYMENTS = """
    INSERT INTO transactions
        (original_transaction_id, original_transaction_type, amount, sender, message, created_at, updated_at)
    SELECT n, 'cash_transaction', n * 1.25, '+255' || n % 7, 'SM-' || n, at, at
    FROM (SELECT n, timestamptz '2026-01-15' + n * interval '20 hours' AS at FROM generate_series(1, 100) n) made
"""
#: Columns whose numeric has no declared number of places: floats in the lake.
LOOSE = ("energy_commission", "appliance_commission", "vat_energy", "vat_appliance", "value")
#: Those of the payments.
MONTHS = ["2026-01", "2026-02", "2026-03", "2026-04"]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def edit(server: Server) -> Edit:
    """Change a company's rows as somebody does meanwhile."""

    def edit(one: Company, *statements: str) -> None:
        with server.connect(one.database) as tenant:
            for statement in statements:
                tenant.execute(statement.encode())

    return edit


@pytest.fixture
def acme(register: Register, edit: Edit) -> Company:
    """A company with payments in four months."""
    acme = register("Acme Power")
    edit(acme, PAYMENTS)
    return acme


@pytest.fixture
def sun(register: Register, edit: Edit) -> Company:
    """Another one, with as many."""
    sun = register("Sun Hill")
    edit(sun, PAYMENTS)
    return sun


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A company with a hundred payments, and a lake of its own."""

    ops: Ops
    company: Company
    lake: Path
    edit: Callable[[str], None]


Scenes = Iterator[Scene]


@pytest.fixture
def scenes(ops: Ops, acme: Company, tmp_path: Path, edit: Edit) -> Scenes:
    """The same company with its payments anew, and another lake, each time."""

    def made() -> Scenes:
        for number in count():
            edit(acme, "TRUNCATE transactions RESTART IDENTITY CASCADE", PAYMENTS)
            yield Scene(ops=ops, company=acme, lake=tmp_path / f"lake{number}", edit=lambda one: edit(acme, one))

    return made()


def rows(lake: Path, table: str, company: Company) -> list[dict[str, Any]]:
    """What the lake has of a company's table, without the levels of folders."""
    files = sorted((lake / table / f"company={company.id}").rglob("*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def same(lake: Path, table: str, reader: CompanyReader) -> bool:
    """Whether the lake has the rows that the database has, in whatever order."""
    asked = reader.table(table, max_rows=None).df
    for name, kind in asked.dtypes.items():
        if name in LOOSE and "decimal" in str(kind):
            asked[name] = asked[name].astype("float64[pyarrow]")
    expected = [dict(zip(asked, row, strict=True)) for row in zip(*(asked[name] for name in asked), strict=True)]
    found = rows(lake, table, reader.company)
    return sorted(map(_shown, found)) == sorted(map(_shown, expected))


def _shown(row: Mapping[Any, Any]) -> str:
    return repr({name: None if value is None or value is pd.NA else str(value) for name, value in row.items()})


def files(account: Exported) -> tuple[int, int, int]:
    """How many files were written, kept and removed."""
    return (
        sum(one.written for one in account.tables),
        sum(one.kept for one in account.tables),
        sum(one.removed for one in account.tables),
    )


def paths(lake: Path) -> dict[str, int]:
    """The files of rows with what a file keeps until it is replaced."""
    return {str(path.relative_to(lake)): path.stat().st_ino for path in sorted(lake.rglob("*.parquet"))}


@contextmanager
def no_room_for(size: int) -> Iterator[None]:
    """Let this process write no file that is larger, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
