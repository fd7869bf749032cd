"""Loans: added up by hand, and by pandas."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, get_args

import pandas as pd
import pytest

from mpm_ops import CompanyReader, Result
from mpm_ops.figures.figures import Figures
from mpm_ops.figures.loans import Kind
from tests.integration.figures.raw import Raw, answered, grouped, periods, rows, within

#: Of small_company.sql.
JANUARY = ("2026-01-01", "2026-02-01")
FEBRUARY = ("2026-02-01", "2026-03-01")
#: A day of the demo.
ON = "2026-10-20"
#: Of the demo: begins and ends in the middle of weeks and months.
SPAN = ("2026-01-15", "2026-09-10")


def test_loans(figures: Figures[Result]) -> None:
    names = ("group_name", "payment_type", "loans", "total_cost", "down_payments", "paid", "outstanding", "overdue")
    assert rows(figures.loans("2026-02-15"), *names, "overdue_loans") == [
        ("Electronics", "energy_service", 1, 900, 0, None, None, None, 0),
        ("Electronics", "installment", 1, 600, 0, 0, 600, 300, 1),
        ("Solar Home System", "installment", 1, 13000, 1000, 7000, 5000, 1000, 1),
    ]
    # On the day itself a rate is not overdue, and what is sold later is not there.
    assert rows(figures.loans("2026-02-05", by="appliance"), "group_name", "overdue", "overdue_loans") == [
        ("Home 400", 1000, 1),
        ("Radio", None, 0),
        ("Radio", 0, 0),
    ]
    assert rows(figures.loans("2026-01-05"), "group_name", "loans") == [("Solar Home System", 1)]


def test_portfolio_at_risk(figures: Figures[Result]) -> None:
    # Cleo is 45 days late with 5000 outstanding, Ada 10 days with 600.
    names = ("more_than_days", "loans", "at_risk", "outstanding", "share")
    assert rows(figures.portfolio_at_risk("2026-02-15"), *names) == [
        (0, 2, 5600, 5600, 1),
        (30, 1, 5000, 5600, Decimal("0.892857")),
        (60, 0, 0, 5600, 0),
        (90, 0, 0, 5600, 0),
    ]
    thirty = {day: rows(figures.portfolio_at_risk(day), *names)[1] for day in ("2026-01-31", "2026-02-01")}
    assert thirty == {"2026-01-31": (30, 0, 0, 5600, 0), "2026-02-01": (30, 1, 5000, 5600, Decimal("0.892857"))}
    by_village = figures.portfolio_at_risk("2026-02-15", by="village")
    assert rows(by_village, "group_name", *names)[0] == ("Hilltop", 0, 1, 600, 600, 1)


def test_collection_rate(figures: Figures[Result]) -> None:
    months = figures.collection_rate("2026-01-01", "2026-03-01", per="month")
    assert rows(months, "period", "rates", "due", "paid", "collection_rate") == [
        (dt.date(2026, 1, 1), 1, 4000, 3000, Decimal("0.75")),
        (dt.date(2026, 2, 1), 1, 300, 0, 0),
    ]
    whole = figures.collection_rate("2026-01-01", "2026-03-01")
    assert whole.rows == [("TZS", None, None, None, 2, 4300, 3000, Decimal("0.697674"))]


def loans(raw: Raw, on: str) -> pd.DataFrame:
    """The loans that there were on a day, with what of them is paid, outstanding, overdue; and for how many days."""
    day = pd.Timestamp(on, tz="UTC")
    sold = raw["appliance_people"]
    sold = sold[sold["created_at"] < day].set_index("id").join(raw.homes, on="person_id")
    appliance = sold["appliance_id"]
    sold["appliance"] = appliance.map(raw.names("appliances"))
    kinds = appliance.map(raw.names("appliances", "appliance_type_id"))
    sold["appliance_type"] = kinds.map(raw.names("appliance_types"))
    rates = raw["appliance_rates"]
    late = rates[(rates["due_date"] < day) & (rates["remaining"] > 0)]
    sold["paid"] = (rates["rate_cost"] - rates["remaining"]).groupby(rates["appliance_person_id"]).sum()
    sold["outstanding"] = rates.groupby("appliance_person_id")["remaining"].sum()
    sold["overdue"] = late.groupby("appliance_person_id")["remaining"].sum()
    sold["days"] = (day - late.groupby("appliance_person_id")["due_date"].min().dt.floor("D")).dt.days
    return sold


@pytest.mark.parametrize("by", [None, *get_args(Kind)])
def test_loans_are_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any) -> None:
    names = ["total_cost", "down_payments", "paid", "outstanding", "overdue"]
    sold = loans(raw, ON).rename(columns={"down_payment": "down_payments"})
    expected = grouped(
        sold, [by], lambda part: (len(part), *(part[name].dropna().sum() for name in names), part["overdue"].count())
    )
    result = ziwa.figures.loans(ON, by=by)
    assert answered(result, ["group_name"], ["loans", *names, "overdue_loans"]) == expected


@pytest.mark.parametrize("by", [None, *get_args(Kind)])
def test_the_portfolio_at_risk_is_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any) -> None:
    sold = loans(raw, ON)
    sold = sold[sold["outstanding"] > 0]
    expected: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for more_than in (0, 30, 60, 90):
        late = sold["days"] > more_than

        def at_risk(part: pd.DataFrame, late: pd.Series = late) -> tuple[Any, ...]:
            risk, whole = part["outstanding"][late[part.index]].sum(), part["outstanding"].sum()
            return int(late[part.index].sum()), risk, whole, round(risk / whole, 6)

        expected |= {(*key, more_than): value for key, value in grouped(sold, [by], at_risk).items()}
    result = ziwa.figures.portfolio_at_risk(ON, by=by)
    names = ["loans", "at_risk", "outstanding", "share"]
    assert answered(result, ["group_name", "more_than_days"], names) == expected
    assert any(number for number, *_ in expected.values())


@pytest.mark.parametrize("by", [None, *get_args(Kind)])
def test_the_collection_rate_is_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any) -> None:
    sold = loans(raw, "2030-01-01")[list(get_args(Kind))]
    due = within(raw["appliance_rates"], *SPAN, "due_date").join(sold, on="appliance_person_id")

    def collected(part: pd.DataFrame) -> tuple[Any, ...]:
        whole, left = part["rate_cost"].sum(), part["remaining"].sum()
        return len(part), whole, whole - left, round((whole - left) / whole, 6)

    expected = grouped(due, [periods(due["due_date"], "month"), by], collected)
    result = ziwa.figures.collection_rate(*SPAN, per="month", by=by)
    assert answered(result, ["period", "group_name"], ["rates", "due", "paid", "collection_rate"]) == expected
