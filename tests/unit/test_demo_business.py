"""The made-up companies: the same every time, and sound."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest

from mpm_ops.demo.book import Business, Ref
from mpm_ops.demo.business import generate
from mpm_ops.demo.profiles import PROFILES, Profile
from mpm_ops.tenant.models import metadata

UNTIL = dt.date(2026, 11, 23)


@pytest.fixture(scope="module", params=PROFILES, ids=lambda profile: profile.country_code)
def business(request: pytest.FixtureRequest) -> Business:
    profile: Profile = request.param
    return generate(profile, until=UNTIL)


def rows(business: Business, table: str) -> list[dict[str, Any]]:
    found = business.tables[table]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def test_the_same_profile_and_day_make_the_same_rows(business: Business) -> None:
    assert generate(business.profile, until=UNTIL) == business


def test_nothing_is_dated_after_the_last_day(business: Business) -> None:
    end = dt.datetime.combine(UNTIL + dt.timedelta(days=1), dt.time(), dt.UTC)
    for table in business.tables:
        for row in rows(business, table):
            assert row["created_at"] < end
            assert row["updated_at"] < end


def test_every_reference_is_met(business: Business) -> None:
    ids = {table: {row["id"] for row in rows(business, table)} for table in business.tables}
    for table in business.tables:
        for column in metadata.tables[table].columns:
            for key in column.foreign_keys:
                target = key.column.table.name
                values = {row[column.name] for row in rows(business, table) if row.get(column.name) is not None}
                assert {value for value in values if not isinstance(value, Ref)} <= ids.get(target, set())


def test_a_payment_is_split_without_a_rest(business: Business) -> None:
    parts: dict[int, Decimal] = defaultdict(Decimal)
    for row in rows(business, "payment_histories"):
        parts[row["transaction_id"]] += row["amount"]
    amounts = {row["id"]: row["amount"] for row in rows(business, "transactions")}
    assert parts
    assert all(amounts[transaction] == amount for transaction, amount in parts.items())


def test_what_went_through_for_energy_has_one_token_and_what_failed_has_none(business: Business) -> None:
    status = {
        (table, row["id"]): row["status"]
        for table in ("agent_transactions", "cash_transactions", "third_party_transactions")
        for row in rows(business, table)
    }
    tokens = Counter(row["transaction_id"] for row in rows(business, "tokens"))
    for row in rows(business, "transactions"):
        went_through = status[f"{row['original_transaction_type']}s", row["original_transaction_id"]] == 1
        assert tokens[row["id"]] == int(went_through and row["type"] == "energy")


def test_every_payment_names_a_device(business: Business) -> None:
    serials = {row["device_serial"] for row in rows(business, "devices")}
    assert {row["message"] for row in rows(business, "transactions")} <= serials


def test_the_business_grows(business: Business) -> None:
    end = dt.datetime.combine(UNTIL, dt.time(), dt.UTC)
    ages = [(end - row["created_at"]).days // 91 for row in rows(business, "transactions")]
    assert ages.count(0) > ages.count(3)
