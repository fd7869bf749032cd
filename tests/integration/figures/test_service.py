"""Agents, tickets, messages: counted by hand, and by pandas."""

from __future__ import annotations

import datetime as dt
from typing import Any, get_args

import pandas as pd
import pytest

from mpm_ops import CompanyReader, Ops, Result
from mpm_ops.figures.asking import Period
from mpm_ops.figures.figures import Figures
from mpm_ops.figures.service import Subject
from tests.integration.figures.raw import Raw, answered, grouped, periods, within

#: Of small_company.sql.
JANUARY = ("2026-01-01", "2026-02-01")
FEBRUARY = ("2026-02-01", "2026-03-01")
#: Of the demo: begins and ends in the middle of weeks and months.
SPAN = ("2026-01-15", "2026-09-10")


def test_agents(small: CompanyReader, site: Ops) -> None:
    figures = site.company(small.id, personal_data=True).figures
    # Commission is what was earned, not what MPM shows: 80 for each of the two sales.
    assert figures.agents(*JANUARY).rows == [
        ("TZS", 1, "Eve Five", 1, "Hill", 0, 0, 2, 1500, 1, 50, 1000),
        ("TZS", 2, "Gil Seven", 1, "Hill", 1, 250, 0, 0, 0, 0, 0),
    ]
    assert figures.agents(*FEBRUARY).rows[0] == ("TZS", 1, "Eve Five", 1, "Hill", 1, 300, 0, 0, 0, 30, 700)


def test_tickets_count_once_for_people_with_two_addresses(figures: Figures[Result]) -> None:
    first, second = dt.date(2026, 1, 5), dt.date(2026, 1, 12)
    assert figures.tickets(*JANUARY, per="week").rows == [
        (first, 1, "No power", 2, 0),
        (first, 2, "Question", 1, 0),
        (second, 1, "No power", 0, 1),
    ]
    assert figures.tickets(*JANUARY, by="village").rows == [
        (None, 1, "Hilltop", 1, 1),
        (None, 2, "Lakeside", 1, 0),
        (None, None, None, 1, 0),
    ]


def test_text_messages(figures: Figures[Result]) -> None:
    assert figures.sms(*JANUARY).rows == [(None, "incoming", 1, 1, 0, 0, 0), (None, "outgoing", 2, 0, 0, 1, 1)]
    assert figures.sms(*FEBRUARY, per="month").rows == [(dt.date(2026, 2, 1), "outgoing", 1, 0, 1, 0, 0)]


def test_agents_are_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw) -> None:
    paid = within(raw.payments, *SPAN)
    collected = grouped(paid[paid["agent_id"].notna()], ["agent_id"], lambda part: (len(part), part["amount"].sum()))
    names = ["payments", "collected"]
    result = ziwa.figures.agents(*SPAN)
    assert answered(result, ["agent_id"], names) == collected
    assert len(collected) == len(raw["agents"]) > 1
    sales = within(raw["appliance_people"], *SPAN)
    sold = grouped(
        sales[sales["creator_type"] == "agent"],
        ["creator_id"],
        lambda part: (len(part), part["total_cost"].sum(), part["person_id"].nunique()),
    )
    found = answered(result, ["agent_id"], ["appliances", "sales", "customers"])
    assert {agent: values for agent, values in found.items() if values[0]} == sold
    assert sold


def test_agents_accounts_are_what_pandas_makes_of_the_ledger(ziwa: CompanyReader, raw: Raw) -> None:
    ledger = within(raw["agent_balance_histories"], "2000-01-01", SPAN[1])
    commission = ledger["trigger_type"] == "agent_commission"
    earned = within(ledger[commission], *SPAN).groupby("agent_id")["amount"].sum()
    owed = ledger[~commission].sort_values(["created_at", "id"]).groupby("agent_id")["available_balance"].last()
    expected = {(agent,): (earned[agent], owed[agent]) for agent in raw["agents"]["id"]}
    assert answered(ziwa.figures.agents(*SPAN), ["agent_id"], ["commission", "balance"]) == expected
    assert all(owed)


@pytest.mark.parametrize("by", [None, *get_args(Subject)])
def test_tickets_are_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, by: Any) -> None:
    tickets = raw["tickets"].join(raw.homes, on="owner_id")
    tickets["category"] = tickets["category_id"].map(raw.names("ticket_categories", "label_name"))
    closed = tickets[tickets["status"] == 1].assign(at=lambda frame: frame["updated_at"], opened=0)
    opened = tickets.assign(at=tickets["created_at"], opened=1)
    events = within(pd.concat([opened, closed], ignore_index=True), *SPAN, "at")
    expected = grouped(
        events,
        [periods(events["at"], "week"), by],
        lambda part: (part["opened"].sum(), len(part) - part["opened"].sum()),
    )
    result = ziwa.figures.tickets(*SPAN, per="week", by=by)
    assert answered(result, ["period", "group_name"], ["opened", "closed"]) == expected


@pytest.mark.parametrize("per", get_args(Period))
def test_text_messages_are_what_pandas_makes_of_the_tables(ziwa: CompanyReader, raw: Raw, per: Any) -> None:
    sms = within(raw["sms"], *SPAN)
    expected = grouped(
        sms,
        [periods(sms["created_at"], per), sms["direction"].map({0: "incoming", 1: "outgoing"})],
        lambda part: (len(part), *((part["status"] == status).sum() for status in (0, 1, 2, -1))),
    )
    names = ["messages", "stored", "sent", "delivered", "failed"]
    assert answered(ziwa.figures.sms(*SPAN, per=per), ["period", "direction"], names) == expected
