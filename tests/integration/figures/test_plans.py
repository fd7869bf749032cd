"""How the figures of a company with many payments are found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from mpm_ops import CompanyReader, Ops
from mpm_ops.figures.figures import Figures
from mpm_ops.figures.statements import statement
from mpm_ops.postgres.server import Server
from tests.integration.figures.conftest import registered
from tests.integration.figures.many import make_payments

pytestmark = pytest.mark.slow  # 100 000 payments


JUNE = ("2026-06-01", "2026-07-01")
#: Of the figures that go through the payments, the ways that join most.
ASKED: dict[str, Mapping[str, Any]] = {
    "revenue": {"per": "week", "by": "tariff"},
    "energy": {"per": "week", "by": "village"},
    "arpu": {"by": "connection_group"},
    "payment_flow": {"per": "day", "by": "agent"},
    "targets": {},
    "agents": {},
}


@pytest.fixture(scope="module")
def company(site: Ops, server: Server) -> CompanyReader:
    reader = registered(site, "Many Payments")
    with server.connect(reader.company.database) as connection:
        make_payments(connection, 100_000)
    return reader


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("personal_data", [False, True])
def test_a_month_is_found_by_the_index(site: Ops, company: CompanyReader, name: str, personal_data: bool) -> None:
    reader = site.company(company.id, personal_data=personal_data)
    asked: dict[str, Any] = {}

    def note(sql: str, *, params: Mapping[str, Any], max_rows: int | None) -> None:
        asked.update(sql=sql, params=params)

    getattr(Figures(note), name)(*JUNE, **ASKED[name])
    plan = reader.explain(asked["sql"], params=asked["params"])
    assert re.search(r"using ix_transactions_created_at on transactions\b|on ix_transactions_created_at", plan), plan
    assert not re.search(r"Seq Scan on (transactions|third_party_transactions)\b", plan), plan


def test_no_figure_of_payments_is_left_out() -> None:
    names = [name for name in dir(Figures) if name[0] != "_" and name != "asked_with"]
    assert {name for name in names if "FROM transactions" in statement(name)} == {*ASKED}


def test_the_month_is_the_twelfth_of_what_there_is(company: CompanyReader) -> None:
    payments = company.figures.revenue(*JUNE).arrow["payments"].to_pylist()
    assert payments == [pytest.approx(100_000 * 30 / 364 * 29 / 30, rel=0.01)]
