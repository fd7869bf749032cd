"""Connections, targets and customers: counted by hand, and by pandas."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any, get_args

import pandas as pd
import pytest

from mpm_ops import CompanyReader, Result
from mpm_ops.figures.asking import Part, Place
from mpm_ops.figures.figures import Figures
from tests.integration.figures.raw import Raw, answered, grouped, rows, within

#: Of small_company.sql.
JANUARY = ("2026-01-01", "2026-02-01")
FEBRUARY = ("2026-02-01", "2026-03-01")
#: Of the demo: begins and ends in the middle of weeks and months.
SPAN = ("2026-01-15", "2026-09-10")


def test_connections(figures: Figures[Result]) -> None:
    assert figures.connections(*JANUARY).rows == [(None, None, 3, 1)]
    assert figures.connections("2025-01-01", "2026-01-01").rows == [(None, None, 2, 1)]
    assert figures.connections(*JANUARY, by="connection_group").rows == [(21, "Homes", 2, 0), (22, "Shops", 1, 1)]
    assert figures.connections(*JANUARY, by="village").rows == [(1, "Hilltop", 1, 0), (2, "Lakeside", 2, 1)]


def test_targets_stand_beside_what_was_done(figures: Figures[Result]) -> None:
    found = figures.targets(*JANUARY)
    names = ("mini_grid", "connection_group", "target_date", "target_revenue", "revenue", "target_new_connections")
    assert rows(found, "cluster", *names, "new_connections", "connections") == [
        ("North", "Hill", "Homes", dt.date(2026, 1, 31), 2000, 1500, 2, 0, 1),
        ("North", "Lake", "Homes", dt.date(2027, 6, 30), 5000, 600, 5, 0, 1),
        ("North", "Lake", "Shops", None, None, 250, None, 1, 1),
    ]
    # A month of 30.4375 days, of the 31: 17, 12 and 5.125 kWh; 1500, 600 and 250 of one connection each.
    assert rows(found, "target_energy_kwh_per_month", "energy_kwh_per_month") == [
        (20.0, Decimal("16.692")),
        (20.0, Decimal("11.782")),
        (None, Decimal("5.032")),
    ]
    assert rows(found, "average_revenue_per_month", "target_average_revenue_per_month", "target_power_kw") == [
        (Decimal("1472.7823"), 40, 1.5),
        (Decimal("589.1129"), 100, 1.5),
        (Decimal("245.4637"), None, None),
    ]


def test_the_energy_beside_targets_is_that_of_the_figure(small: CompanyReader, ziwa: CompanyReader) -> None:
    for company, days in ((small, JANUARY), (ziwa, SPAN)):
        sold = rows(company.figures.energy(*days, by="mini_grid"), "group_name", "energy_kwh")
        months = (dt.date.fromisoformat(days[1]) - dt.date.fromisoformat(days[0])).days / 30.4375
        beside = company.figures.targets(*days).df.groupby("mini_grid")["energy_kwh_per_month"].sum().astype(float)
        # Each row is rounded to a thousandth, of a month.
        assert {name: kwh * months for name, kwh in beside.items()} == {
            name: pytest.approx(float(kwh), abs=0.1) for name, kwh in sold if name
        }
        assert all(beside)


def test_a_target_of_the_last_day_counts_and_the_next_one_after_it(figures: Figures[Result]) -> None:
    february = figures.targets(*FEBRUARY)
    assert rows(february, "mini_grid", "target_date")[0] == ("Hill", dt.date(2026, 12, 31))
    later = rows(figures.targets("2027-01-01", "2027-02-01"), "target_date", "connections")
    assert later == [(None, 1), (dt.date(2027, 6, 30), 1), (None, 1)]


def test_a_cluster_has_a_target_of_its_own_or_that_of_its_mini_grids(figures: Figures[Result]) -> None:
    names = ("mini_grid", "connection_group", "target_date", "target_revenue", "revenue", "target_new_connections")
    assert rows(figures.targets(*JANUARY, by="cluster"), "cluster", *names, "new_connections", "connections") == [
        ("North", None, "Homes", dt.date(2026, 6, 30), 4000, 2100, 4, 0, 2),
        ("North", None, "Shops", None, None, 250, None, 1, 1),
    ]
    # In July that of the cluster is over: 3000 and 5000, and 60 and 100 for one connection each.
    july = figures.targets("2026-07-01", "2026-08-01", by="cluster")
    targets = ("target_average_revenue_per_month", "target_energy_kwh_per_month", "target_power_kw")
    assert rows(july, "connection_group", "target_date", "target_revenue", "target_new_connections", *targets) == [
        ("Homes", dt.date(2026, 12, 31), 8000, 8, 80, 40, 3),
        ("Shops", None, None, None, None, None, None),
    ]
    assert rows(july, "revenue", "average_revenue_per_month", "connections") == [(0, None, 2), (0, None, 1)]


def test_customers_are_active_who_paid_within_25_days(figures: Figures[Result]) -> None:
    # Ada and Ben on 1 February; Cleo on 20 January; Fay never; Dan is deleted.
    assert figures.customers("2026-02-15").rows == [(None, None, 4, 2, 2, 1)]
    assert figures.customers("2026-02-15", by="village").rows == [
        (1, "Hilltop", 2, 1, 1, 1),
        (2, "Lakeside", 1, 1, 0, 0),
        (None, None, 1, 0, 1, 0),
    ]
    assert figures.customers("2026-02-15", days_active=27).rows == [(None, None, 4, 3, 1, 1)]
    # 25 days after midnight of 1 February are just within, and a day later only that of five seconds later is not.
    assert figures.customers("2026-02-26").rows == [(None, None, 4, 2, 2, 1)]
    assert figures.customers("2026-02-27").rows == [(None, None, 4, 0, 4, 1)]


def test_who_was_deleted_later_was_a_customer(figures: Figures[Result]) -> None:
    # Dan was deleted when the 10th began, and had paid 31 days before.
    assert figures.customers("2026-02-10", days_active=40).rows == [(None, None, 4, 4, 0, 0)]
    assert figures.customers("2026-02-11", days_active=40).rows == [(None, None, 3, 3, 0, 0)]
    # Ada had not paid lately, and Ben was not written down before the 27th.
    assert figures.customers("2026-01-27").rows == [(None, None, 3, 2, 1, 0)]
    assert figures.customers("2026-01-28").rows == [(None, None, 4, 3, 1, 0)]


@pytest.mark.parametrize("by", [None, *get_args(Place)])
def test_churn_goes_from_the_active_customers_of_a_day_to_those_of_another(figures: Figures[Result], by: Any) -> None:
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=day) for day in range(0, 64, 3)]
    active = {
        day: {group: count for group, count in rows(figures.customers(day, by=by), "group_name", "active") if count}
        for day in days
    }
    for since, until in itertools.pairwise(days):
        churn = figures.churn(since, until, by=by)
        for column, day in (("active_at_start", since), ("active_at_end", until)):
            assert {group: count for group, count in rows(churn, "group_name", column) if count} == active[day]
    # Among them are days with nobody, and with most.
    assert {sum(groups.values()) for groups in active.values()} >= {0, 3}


def test_churn(figures: Figures[Result]) -> None:
    # At the start Ada, Cleo, Dan; at the end Ada, and Ben, of whom nothing was known.
    assert figures.churn("2026-01-26", "2026-02-26").rows == [(None, None, 3, 2, 1, 2, Decimal("0.666667"))]
    # At the start Ada; at the end Ben, Cleo, Dan.
    assert figures.churn("2026-01-06", "2026-01-31").rows == [(None, None, 1, 1, 3, 3, 1)]
    # Dan, who was deleted on the 10th, is not there any more on the 11th, however lately he paid.
    assert figures.churn("2026-02-01", "2026-02-11", days_active=40, by="village").rows == [
        (1, "Hilltop", 1, 0, 0, 1, 0),
        (2, "Lakeside", 2, 1, 0, 1, Decimal("0.5")),
        (None, None, 1, 0, 0, 1, 0),
    ]
    # Nobody was active: there is no share of them.
    assert figures.churn("2026-01-01", "2026-01-15").rows == [(None, None, 0, 0, 2, 2, None)]


@pytest.mark.parametrize("by", [None, *get_args(Part)])
def test_connections_are_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any) -> None:
    since, until = (pd.Timestamp(day, tz="UTC") for day in SPAN)
    meters = raw.devices[raw.devices["person_id"].notna() & (raw.devices["connected_at"] < until)]
    expected = grouped(meters, [by], lambda part: (len(part), int((part["connected_at"] >= since).sum())))
    result = ziwa.figures.connections(*SPAN, by=by)
    assert answered(result, ["group_name"], ["connections", "new_connections"]) == expected


def test_targets_are_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw) -> None:
    paid, months = within(raw.payments, *SPAN), Decimal((pd.Timestamp(SPAN[1]) - pd.Timestamp(SPAN[0])).days / 30.4375)
    paid = paid[paid["connection_group"].notna()]
    revenue = grouped(paid, ["mini_grid", "connection_group"], lambda part: (part["amount"].sum(),))
    connected = raw.devices[raw.devices["connected_at"] < pd.Timestamp(SPAN[1], tz="UTC")]
    connections = grouped(connected, ["mini_grid", "connection_group"], lambda part: (len(part),))
    targets = raw["targets"].assign(mini_grid=lambda frame: frame["owner_id"].map(raw.names("mini_grids")))
    aims = raw["sub_targets"].merge(targets[["id", "mini_grid", "target_date"]], left_on="target_id", right_on="id")
    aims["connection_group"] = aims["connection_id"].map(raw.names("connection_groups"))
    expected = {
        (aim["mini_grid"], aim["connection_group"]): (aim["target_date"], aim["revenue"], aim["new_connections"])
        for _, aim in aims.iterrows()
    }
    result = ziwa.figures.targets(*SPAN)
    keys = ["mini_grid", "connection_group"]
    assert answered(result, keys, ["target_date", "target_revenue", "target_new_connections"]) == expected
    assert {key: value for key, value in answered(result, keys, ["revenue"]).items() if value[0]} == revenue
    assert {key: value for key, value in answered(result, keys, ["connections"]).items() if value[0]} == connections
    averages = {key: (pytest.approx(value / months / connections[key][0]),) for key, (value,) in revenue.items()}
    found = answered(result, keys, ["average_revenue_per_month"])
    assert {key: found[key] for key in averages} == averages


def test_targets_of_clusters_are_what_pandas_makes_of_those_of_mini_grids(ziwa: CompanyReader) -> None:
    grids = ziwa.figures.targets(*SPAN).df
    added = ["target_revenue", "revenue", "target_new_connections", "connections", "target_power_kw"]
    weight = grids["connections"].astype(int)
    grids["weighted"] = grids["target_average_revenue_per_month"].astype(float) * weight
    keys = ["cluster", "connection_group"]
    sums = grids.assign(weight=weight).groupby(keys)[[*added, "weighted", "weight"]].sum()
    expected = {key: (*row[added], pytest.approx(row["weighted"] / row["weight"])) for key, row in sums.iterrows()}
    result = ziwa.figures.asked_with(numeric="float").targets(*SPAN, by="cluster")
    assert answered(result, keys, [*added, "target_average_revenue_per_month"]) == expected
    assert grids["mini_grid"].nunique() > grids["cluster"].nunique()


def paid_between(raw: Raw, first: pd.Timestamp, end: pd.Timestamp) -> set[int]:
    """The people who paid for something from one day to before another."""
    paid = raw["payment_histories"]
    return set(paid["payer_id"][(paid["created_at"] >= first) & (paid["created_at"] < end)])


@pytest.mark.parametrize("by", [None, *get_args(Place)])
def test_customers_are_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any) -> None:
    on = pd.Timestamp("2026-06-15", tz="UTC")
    active, ever = (paid_between(raw, on - pd.Timedelta(days=days), on) for days in (25, 9999))
    people = raw["people"]
    people = people[people["is_customer"].astype(bool) & (people["created_at"] < on)].join(raw.homes, on="id")

    def counted(part: pd.DataFrame) -> tuple[int, ...]:
        ids = set(part["id"])
        return len(ids), len(ids & active), len(ids - active), len(ids - ever)

    result = ziwa.figures.customers("2026-06-15", by=by)
    assert answered(result, ["group_name"], ["customers", "active", "inactive", "never_paid"]) == grouped(
        people, [by], counted
    )


@pytest.mark.parametrize("by", [None, *get_args(Place)])
def test_churn_is_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any) -> None:
    since, until = (pd.Timestamp(day, tz="UTC") for day in SPAN)
    before, after = (paid_between(raw, day - pd.Timedelta(days=25), day) for day in (since, until))
    people = raw["people"].join(raw.homes, on="id")
    people = people[people["id"].isin(before | after)]

    def counted(part: pd.DataFrame) -> tuple[Any, ...]:
        ids = set(part["id"])
        start, end = ids & before, ids & after
        share = round(Decimal(len(start - end)) / len(start), 6)
        return len(start), len(start - end), len(end - start), len(end), share

    names = ["active_at_start", "lost", "gained", "active_at_end", "churn"]
    assert answered(ziwa.figures.churn(*SPAN, by=by), ["group_name"], names) == grouped(people, [by], counted)
