"""The made-up companies: the same every time, sound, and as the profile says."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpm_ops.demo.book import Array, Chunk, Ref
from mpm_ops.demo.business import generate
from mpm_ops.demo.loans import SCENARIOS
from mpm_ops.demo.profiles import COUNTRIES, PROFILES, Profile, sized
from mpm_ops.errors import InvalidInput
from mpm_ops.tenant.models import metadata
from tests.conftest import effort

UNTIL = dt.date(2026, 11, 23)
END = np.datetime64("2026-11-24", "s")
LARGE = sized("NP", customers=2500, years=3, seed=7)
Tables = Mapping[str, Mapping[str, Array]]


def tables(profile: Profile) -> Tables:
    """Return all rows, column by column; what is the same in all rows is repeated."""
    parts: dict[str, dict[str, list[Array]]] = defaultdict(lambda: defaultdict(list))
    for chunk in generate(profile, until=UNTIL):
        for name, value in chunk.columns.items():
            if not isinstance(value, Ref):
                plain = value.encode() if isinstance(value, str) else value
                values = plain if isinstance(plain, np.ndarray) else np.full(chunk.rows, plain)
                assert len(values) == chunk.rows, (chunk.table, name)
                parts[chunk.table][name].append(values)
    return {table: {name: np.concatenate(one) for name, one in columns.items()} for table, columns in parts.items()}


@pytest.fixture(scope="module", params=[*PROFILES, LARGE], ids=["TZ", "SN", "NP", "large"])
def profile(request: pytest.FixtureRequest) -> Profile:
    found: Profile = request.param
    return found


@pytest.fixture(scope="module")
def business(profile: Profile) -> Tables:
    return tables(profile)


def same(one: Sequence[Chunk], other: Sequence[Chunk]) -> bool:
    return len(one) == len(other) and all(
        a.table == b.table
        and list(a.columns) == list(b.columns)
        and all(np.array_equal(value, b.columns[name]) for name, value in a.columns.items())  # type: ignore[arg-type]  # also Ref
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_same_profile_and_day_make_the_same_rows_and_another_seed_makes_others(country: str) -> None:
    one, again, other = (
        list(generate(sized(country, customers=50, years=1, seed=seed), until=UNTIL)) for seed in (1, 1, 2)
    )
    assert same(one, again)
    assert not same(one, other)


def test_nothing_is_dated_after_the_last_day(business: Tables) -> None:
    for columns in business.values():
        assert columns["created_at"].max() < END
        assert columns["updated_at"].max() < END
        assert (columns["created_at"] <= columns["updated_at"]).all()


def test_every_reference_is_met(business: Tables) -> None:
    for name, columns in business.items():
        assert len(np.unique(columns["id"])) == len(columns["id"])
        for column in metadata.tables[name].columns:
            for key in column.foreign_keys:
                if column.name in columns:
                    target = business[key.column.table.name]["id"]
                    assert np.isin(columns[column.name], target).all(), f"{name}.{column.name}"


def test_a_payment_is_split_without_a_rest(business: Tables) -> None:
    histories, transactions = business["payment_histories"], business["transactions"]
    paid, place = np.unique(histories["transaction_id"], return_inverse=True)
    whole = transactions["amount"][np.searchsorted(transactions["id"], paid)]
    assert (np.bincount(place, histories["amount"]) == whole).all()
    assert (histories["amount"] > 0).all()
    assert np.bincount(place).max() == 2


def test_what_went_through_for_energy_has_one_token_and_what_failed_has_none(business: Tables) -> None:
    transactions = business["transactions"]
    status = np.zeros(len(transactions["id"]), np.int64)
    for provider in ("agent_transaction", "cash_transaction", "third_party_transaction"):
        theirs = business[f"{provider}s"]
        its = transactions["original_transaction_type"] == provider.encode()
        found = np.searchsorted(theirs["id"], transactions["original_transaction_id"][its])
        status[its] = theirs["status"][found]
        assert len(np.unique(found)) == len(theirs["id"])
    went_through = (status == 1) & (transactions["type"] == b"energy")
    assert np.array_equal(transactions["id"][went_through], business["tokens"]["transaction_id"])
    assert {-1, 0, 1} == set(status.tolist())


def test_every_payment_names_a_device(business: Tables) -> None:
    assert np.isin(business["transactions"]["message"], business["devices"]["device_serial"]).all()


def test_what_a_rate_lacks_is_what_was_not_paid(profile: Profile, business: Tables) -> None:
    if "shs" not in profile.usage_type:
        assert "appliance_people" not in business
        return
    rates, histories = business["appliance_rates"], business["payment_histories"]
    its = histories["payment_type"] == b"installment"
    place = np.searchsorted(rates["id"], histories["paid_for_id"][its])
    paid = np.bincount(place, histories["amount"][its], len(rates["id"]))
    assert (rates["rate_cost"] - rates["remaining"] == paid).all()
    loans = business["appliance_people"]
    owner = np.searchsorted(loans["id"], rates["appliance_person_id"])
    assert (np.bincount(owner, rates["rate_cost"]) + loans["down_payment"] == loans["total_cost"]).all()


def test_loans_stand_as_in_mpms_debt_scenarios() -> None:
    business = tables(LARGE)
    loans, rates = business["appliance_people"], business["appliance_rates"]
    owner = np.searchsorted(loans["id"], rates["appliance_person_id"])
    paid = np.bincount(owner, rates["remaining"] == 0)
    part = np.bincount(owner, (rates["remaining"] > 0) & (rates["remaining"] < rates["rate_cost"]))
    due = np.bincount(owner, rates["due_date"] < END)
    for count, months, low, high in ((12, 3, 1, 2), (24, 18, 10, 14), (12, 8, 4, 5), (12, 10, 9, 10)):
        such = (loans["rate_count"] == count) & (due == months) & (paid >= low) & (paid <= high)
        assert such.sum() >= 0.05 * len(paid), (count, months)
    assert set(part.tolist()) == {0, 1}
    assert (paid == loans["rate_count"]).sum() >= 0.1 * len(paid)
    assert sum(one.share for one in SCENARIOS) == pytest.approx(1)


def test_an_agents_account_moves_by_what_its_rows_say(business: Tables) -> None:
    rows = business["agent_balance_histories"]
    moves = np.where(rows["trigger_type"] == b"agent_commission", 0, rows["amount"])
    for agent in business["agents"]["id"]:
        its = rows["agent_id"] == agent
        assert np.array_equal(np.cumsum(moves[its]), rows["available_balance"][its])
        assert (rows["available_balance"][its] >= 0).all()


@given(st.sampled_from(sorted(COUNTRIES)), st.integers(400, 1500), st.integers(2, 4), st.integers(0, 2**32))
@effort(6, deep=60)
def test_the_business_grows_every_year(country: str, customers: int, years: int, seed: int) -> None:
    at = np.concatenate(
        [
            chunk.columns["created_at"]
            for chunk in generate(sized(country, customers=customers, years=years, seed=seed), until=UNTIL)
            if chunk.table == "transactions"
        ]
    )
    sold = np.bincount((END - at).astype("m8[D]").astype(int) // 365)
    assert len(sold) == years
    assert all(later > earlier for later, earlier in pairwise(sold))


def test_more_years_take_no_more_memory() -> None:
    peaks = []
    for years in (2, 8):
        tracemalloc.start()
        rows = sum(chunk.rows for chunk in generate(sized("TZ", customers=1000, years=years, seed=7), until=UNTIL))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert rows > 300_000
    assert peaks[1] < 1.25 * peaks[0]


def test_mini_grids_are_of_different_sizes() -> None:
    business = tables(LARGE)
    cities, addresses = business["cities"], business["addresses"]
    grids = cities["mini_grid_id"][np.searchsorted(cities["id"], addresses["city_id"])]
    sizes = np.unique(grids, return_counts=True)[1]
    assert sizes.max() > 3 * sizes.min()


@pytest.mark.parametrize(
    ("values", "told"),
    [({"customers": 9}, "customers is 9"), ({"years": 21}, "years is 21"), ({"seed": -1}, "seed is -1")],
)
def test_what_cannot_be_is_refused(values: dict[str, int], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        sized("TZ", **{"customers": 100, "years": 1, "seed": 1, **values})
    with pytest.raises(InvalidInput, match="country is none of TZ, SN, NP"):
        sized("XX", customers=100, years=1, seed=1)
