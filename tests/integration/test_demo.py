"""Filling a company with made-up business: all of it, once."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest

from mpm_ops import Company, Ops
from mpm_ops.cli.demo import REVENUE, VILLAGES
from mpm_ops.demo.business import generate
from mpm_ops.demo.profiles import PROFILES
from mpm_ops.errors import AlreadyExists, MpmOpsError

UNTIL = dt.date(2026, 11, 23)
Register = Callable[..., Company]


def test_a_company_is_filled_once_and_answers(ops: Ops, register: Register) -> None:
    company = register()
    profile = PROFILES[0]
    assert ops.fill_demo(company, profile, until=UNTIL) == generate(profile, until=UNTIL).rows
    reader = ops.company(company.id)
    assert len(reader.read_sql(REVENUE)) == 6
    assert set(reader.read_sql(VILLAGES)["currency"]) == {profile.currency}
    with pytest.raises(AlreadyExists):
        ops.fill_demo(company, profile, until=UNTIL)
    customers = "SELECT count(*) FROM people WHERE is_customer"
    assert reader.read_sql(customers).iloc[0, 0] == profile.customers


def test_a_failure_in_the_middle_leaves_nothing(ops: Ops, register: Register) -> None:
    company = register()
    broken = dataclasses.replace(PROFILES[0], country_code="??")
    with pytest.raises(MpmOpsError, match="countries has no row"):
        ops.fill_demo(company, broken, until=UNTIL)
    assert ops.company(company.id).read_sql("SELECT count(*) FROM clusters").iloc[0, 0] == 0
