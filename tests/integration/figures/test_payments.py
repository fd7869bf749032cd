"""What was paid and what it bought: added up by hand, and by pandas."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any, get_args

import pandas as pd
import pytest

from mpm_ops import CompanyReader, Result
from mpm_ops.figures.asking import Part
from mpm_ops.figures.figures import Figures
from mpm_ops.figures.payments import Source
from tests.integration.figures.raw import Raw, answered, grouped, periods, rows, within

#: Of small_company.sql.
JANUARY = ("2026-01-01", "2026-02-01")
FEBRUARY = ("2026-02-01", "2026-03-01")
#: Of the demo: begins and ends in the middle of weeks and months.
SPAN = ("2026-01-15", "2026-09-10")


def test_revenue_counts_what_succeeded_from_the_first_moment_to_the_last(figures: Figures[Result]) -> None:
    # 1000 + 500 + 2000 + 400.25 + 600 + 250; not the pending 700, the failed 800, the plugin's 900.
    assert figures.revenue(*JANUARY).rows == [("TZS", None, None, None, 6, Decimal("4750.25"))]
    assert figures.revenue(*FEBRUARY).rows == [("TZS", None, None, None, 1, 300)]
    assert figures.revenue("2026-03-01", "2026-04-01").rows == []


def test_revenue_by_month_and_week(figures: Figures[Result]) -> None:
    monthly = figures.revenue("2026-01-01", "2026-04-01", per="month")
    assert rows(monthly, "period", "payments", "revenue") == [
        (dt.date(2026, 1, 1), 6, Decimal("4750.25")),
        (dt.date(2026, 2, 1), 1, 300),
    ]
    # The year begins on the Thursday of a week that is 2026-W01.
    weekly = figures.revenue("2026-01-01", "2026-01-12", per="week")
    assert rows(weekly, "period", "revenue") == [(dt.date(2025, 12, 29), 1000), (dt.date(2026, 1, 5), 600)]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("village", [(1, "Hilltop", 2, 1500), (2, "Lakeside", 2, 850), (None, None, 2, Decimal("2400.25"))]),
        ("mini_grid", [(1, "Hill", 2, 1500), (2, "Lake", 2, 850), (None, None, 2, Decimal("2400.25"))]),
        ("cluster", [(1, "North", 4, 2350), (None, None, 2, Decimal("2400.25"))]),
        ("tariff", [(31, "Day", 3, 2100), (32, "Night", 1, 250), (None, None, 2, Decimal("2400.25"))]),
        (
            "connection_type",
            [(12, "Business", 1, 250), (11, "Household", 3, 2100), (None, None, 2, Decimal("2400.25"))],
        ),
        ("connection_group", [(21, "Homes", 3, 2100), (22, "Shops", 1, 250), (None, None, 2, Decimal("2400.25"))]),
        (
            "provider",
            [
                (None, "agent_transaction", 1, 250),
                (None, "cash_transaction", 2, Decimal("1400.25")),
                (None, "swifta_transaction", 1, 2000),
                (None, "third_party_transaction", 2, 1100),
            ],
        ),
    ],
)
def test_revenue_by_part(figures: Figures[Result], by: Any, expected: list[tuple[Any, ...]]) -> None:
    assert rows(figures.revenue(*JANUARY, by=by), "group_id", "group_name", "payments", "revenue") == expected


def test_what_succeeded_is_the_same_for_a_year_as_for_its_months(ziwa: CompanyReader, figures: Figures[Result]) -> None:
    """Of short spans the providers' rows are found otherwise than of long ones."""
    edges = [dt.date(2026, month, 1) for month in range(1, 12)]
    for company in (ziwa.figures, figures):
        apart = [
            row
            for month in itertools.pairwise(edges)
            for row in company.revenue(*month, per="month", by="provider").rows
        ]
        assert company.revenue(edges[0], edges[-1], per="month", by="provider").rows == apart
        assert apart


def test_energy_is_of_payments_that_succeeded_and_counts_kilowatt_hours_only(figures: Figures[Result]) -> None:
    # 10 + 4 + 12 + 5.125 + 3; not the 99 of a payment that failed, not 30 days of a solar home system.
    assert figures.energy(*JANUARY).rows == [(None, None, None, 5, Decimal("34.125"))]
    by_group = figures.energy(*JANUARY, by="connection_group")
    assert rows(by_group, "group_name", "tokens", "energy_kwh") == [("Homes", 4, 29), ("Shops", 1, Decimal("5.125"))]


def test_revenue_per_user(figures: Figures[Result]) -> None:
    # Ada 1500, Ben 250, Cleo 2000, Dan 600; nobody has the device of the 400.25.
    assert figures.arpu(*JANUARY).rows == [("TZS", None, None, None, 4, 4350, Decimal("1087.5"))]
    by_tariff = figures.arpu(*JANUARY, by="tariff")
    assert rows(by_tariff, "group_name", "customers", "arpu") == [("Day", 2, 1050), ("Night", 1, 250), (None, 1, 2000)]


def test_the_flow_of_payments_goes_by_the_time_of_the_payment(figures: Figures[Result]) -> None:
    flow = figures.payment_flow(*JANUARY, per="month")
    january = dt.date(2026, 1, 1)
    assert flow.rows == [
        ("TZS", january, "access rate", None, None, 1, 100),
        ("TZS", january, "energy", None, None, 4, 2250),
        ("TZS", january, "installment", None, None, 1, 2000),
    ]


def test_an_agents_payments_are_those_the_agent_took(small: CompanyReader, figures: Figures[Result]) -> None:
    flow = figures.payment_flow("2026-01-01", "2026-03-01", by="agent")
    of_agents = [row for row in rows(flow, "payment_type", "group_id", "amount") if row[1]]
    assert sorted(of_agents) == [("energy", 1, 300), ("energy", 2, 250)]
    assert not {"Eve Five", "Gil Seven"} & set(flow.arrow["group_name"].to_pylist())


@pytest.mark.parametrize("per", [None, "week", "month", "quarter"])
@pytest.mark.parametrize("by", [None, *get_args(Source)])
def test_revenue_is_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any, per: Any) -> None:
    paid = within(raw.payments, *SPAN)
    expected = grouped(paid, [periods(paid["created_at"], per), by], lambda part: (len(part), part["amount"].sum()))
    result = ziwa.figures.revenue(*SPAN, per=per, by=by)
    assert answered(result, ["period", "group_name"], ["payments", "revenue"]) == expected
    assert expected


@pytest.mark.parametrize("by", [None, *get_args(Part)])
def test_energy_is_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any) -> None:
    tokens = raw["tokens"].set_index("transaction_id")[["token_amount", "token_type", "token_unit"]]
    paid = within(raw.payments, *SPAN).join(tokens, on="id", how="inner")
    paid = paid[(paid["token_type"] == "energy") & (paid["token_unit"] == "kWh") & (paid["device_type"] == "meter")]
    expected = grouped(
        paid,
        [periods(paid["created_at"], "month"), by],
        lambda part: (len(part), pytest.approx(Decimal(part["token_amount"].sum()), abs=Decimal("0.001"))),
    )
    result = ziwa.figures.energy(*SPAN, per="month", by=by)
    assert answered(result, ["period", "group_name"], ["tokens", "energy_kwh"]) == expected


@pytest.mark.parametrize("by", [None, *get_args(Part)])
def test_revenue_per_user_is_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any) -> None:
    paid = within(raw.payments, *SPAN).dropna(subset="person_id")

    def per_user(part: pd.DataFrame) -> tuple[Any, ...]:
        users = part["person_id"].nunique()
        return users, part["amount"].sum(), round(part["amount"].sum() / users, 4)

    expected = grouped(paid, [periods(paid["created_at"], "quarter"), by], per_user)
    result = ziwa.figures.arpu(*SPAN, per="quarter", by=by)
    assert answered(result, ["period", "group_name"], ["customers", "revenue", "arpu"]) == expected


def test_the_flow_of_payments_is_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw) -> None:
    split = raw["payment_histories"][["transaction_id", "amount", "payment_type"]]
    paid = within(raw.payments, *SPAN)
    paid = paid.drop(columns="amount").merge(split, left_on="id", right_on="transaction_id")
    flow = ziwa.figures.payment_flow(*SPAN, per="week", by="provider")
    assert answered(flow, ["period", "payment_type", "group_name"], ["payments", "amount"]) == grouped(
        paid,
        [periods(paid["created_at"], "week"), "payment_type", "provider"],
        lambda part: (part["id"].nunique(), part["amount"].sum()),
    )
    of_agents = ziwa.figures.payment_flow(*SPAN, by="agent")
    assert answered(of_agents, ["payment_type", "group_id"], ["payments", "amount"]) == grouped(
        paid, ["payment_type", "agent_id"], lambda part: (part["id"].nunique(), part["amount"].sum())
    )
    # All that comes in is for something.
    assert sum(flow.df["amount"]) == ziwa.figures.revenue(*SPAN).df["revenue"].iloc[0]
