"""Filling a company with made-up business: all of it, once, and sound as the server sees it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest

from mpm_ops import Company, Ops
from mpm_ops.cli.demo import best_villages, monthly_revenue
from mpm_ops.demo.business import generate
from mpm_ops.demo.profiles import PROFILES
from mpm_ops.errors import AlreadyExists, InvalidInput, MpmOpsError, Refused

pytestmark = pytest.mark.slow  # whole businesses


UNTIL = dt.date(2026, 11, 23)
Register = Callable[..., Company]

#: Each finds rows that do not fit together.
CHECKS = {
    "a payment for no device": """
        SELECT t.id FROM transactions t LEFT JOIN devices d ON d.device_serial = t.message WHERE d.id IS NULL""",
    "a payment of no provider": """
        SELECT t.id FROM transactions t
        LEFT JOIN (SELECT id, 'agent_transaction' AS type FROM agent_transactions
                   UNION ALL SELECT id, 'cash_transaction' FROM cash_transactions
                   UNION ALL SELECT id, 'third_party_transaction' FROM third_party_transactions) p
          ON p.id = t.original_transaction_id AND p.type = t.original_transaction_type
        WHERE p.id IS NULL""",
    "a split with a rest": """
        SELECT t.id FROM transactions t JOIN payment_histories h ON h.transaction_id = t.id
        GROUP BY t.id HAVING sum(h.amount) <> t.amount""",
    "a rate whose rest is not what was not paid": """
        SELECT r.id FROM appliance_rates r
        LEFT JOIN payment_histories h ON h.paid_for_type = 'appliance_rate' AND h.paid_for_id = r.id
        GROUP BY r.id HAVING r.rate_cost - r.remaining <> coalesce(sum(h.amount), 0)""",
    "a loan of another price": """
        SELECT l.id FROM appliance_people l JOIN appliance_rates r ON r.appliance_person_id = l.id
        GROUP BY l.id HAVING l.down_payment + sum(r.rate_cost) <> l.total_cost""",
    "an agent with another balance": """
        SELECT a.id FROM agents a
        LEFT JOIN LATERAL (SELECT available_balance FROM agent_balance_histories h WHERE h.agent_id = a.id
                           ORDER BY id DESC LIMIT 1) l ON true
        WHERE a.balance <> coalesce(l.available_balance, 0)""",
    "an agent with another commission": """
        SELECT a.id FROM agents a
        WHERE commission_revenue <> (SELECT coalesce(sum(h.amount), 0) FROM agent_balance_histories h
                                     WHERE h.agent_id = a.id AND h.trigger_type = 'agent_commission')
                                  - (SELECT coalesce(sum(d.commission_credited), 0) FROM agent_receipts r
                                     JOIN agent_receipt_details d ON d.agent_receipt_id = r.id
                                     WHERE r.agent_id = a.id)""",
    "an id that would be given twice": """
        SELECT max(id) FROM transactions HAVING max(id) >= nextval(pg_get_serial_sequence('transactions', 'id'))""",
}
#: What stands on the tables: nothing of it may be lost or different.
CATALOG = """
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT conrelid::regclass || conname || pg_get_constraintdef(oid) || convalidated FROM pg_constraint
UNION ALL
SELECT objoid::regclass || description FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid > 16384
ORDER BY 1
"""


def test_a_company_is_filled_once_and_answers(ops: Ops, register: Register) -> None:
    company = register()
    profile = PROFILES[0]
    written = sum(chunk.rows for chunk in generate(profile, until=UNTIL))
    assert ops.fill_demo(company, profile, until=UNTIL) == written
    reader = ops.company(company.id)
    months = monthly_revenue(reader)
    paid = reader.query("SELECT sum(amount) FROM payment_histories WHERE created_at >= '2026-11-01'").rows[0][0]
    assert [*months["month"]] == ["2026-11", "2026-10", "2026-09", "2026-08", "2026-07", "2026-06"]
    assert months["revenue"].iloc[0] == f"{paid:,.2f}"
    villages = best_villages(ops, [company])
    assert [set(villages[name]) for name in ("company", "currency")] == [{company.name}, {profile.currency}]
    assert len(villages) == 3
    with pytest.raises(AlreadyExists):
        ops.fill_demo(company, profile, until=UNTIL)
    customers = "SELECT count(*) FROM people WHERE is_customer"
    assert reader.read_sql(customers).iloc[0, 0] == profile.customers


@pytest.mark.parametrize("country", ["TZ", "SN", "NP"])
def test_the_server_finds_every_row_in_order_and_its_tables_as_they_were(
    ops: Ops, register: Register, country: str
) -> None:
    company = register()
    with ops._installation.server_of(company).connect(company.database, role=ops.settings.owner_role) as connection:
        connection.execute("COMMENT ON INDEX ix_transactions_message IS 'it''s the serial'")
        before = connection.execute(CATALOG).fetchall()
        told: list[tuple[int, float]] = []
        rows = ops.demo_data(
            company.id,
            customers=300,
            years=2,
            seed=5,
            country=country,
            until=UNTIL,
            on_rows=lambda *one: told.append(one),
        )
        assert connection.execute(CATALOG).fetchall() == before
        for what, query in CHECKS.items():
            assert connection.execute(query.encode()).fetchall() == [], what
    assert told == sorted(told)
    assert told[-1][0] == rows
    assert 0.9 < told[-1][1] <= 1
    assert [one.differences for one in ops.drift([company.id], full=True)] in ([()], [[]])


def test_a_failure_in_the_middle_leaves_nothing(ops: Ops, register: Register) -> None:
    company = register()
    broken = dataclasses.replace(PROFILES[0], country_code="??")
    with pytest.raises(MpmOpsError, match="countries has no row"):
        ops.fill_demo(company, broken, until=UNTIL)
    assert ops.company(company.id).read_sql("SELECT count(*) FROM clusters").iloc[0, 0] == 0


def test_breaking_it_off_leaves_nothing(ops: Ops, register: Register) -> None:
    company = register()

    def stop(rows: int, behind: float) -> None:
        if behind > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ops.demo_data(company.id, customers=50, until=UNTIL, on_rows=stop)
    counted = "SELECT (SELECT count(*) FROM people) + (SELECT count(*) FROM transactions)"
    assert ops.company(company.id).read_sql(counted).iloc[0, 0] == 0
    assert ops.demo_data(company.id, customers=50, until=UNTIL) > 1000


def test_what_is_not_to_be_filled_is_refused(ops: Ops, register: Register) -> None:
    company = register()
    with pytest.raises(InvalidInput, match="customers is 3"):
        ops.demo_data(company.id, customers=3)
    live = ops.settings.model_copy(update={"env": "production"})
    with Ops(live) as production, pytest.raises(Refused, match="production"):
        production.demo_data(company.id, customers=50)
