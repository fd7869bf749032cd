"""Chapter three of a made-up business: agents, and their accounts as their payments move them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mpm_ops.demo.book import Book
from mpm_ops.demo.setting import ADMIN, Village, write_person

_PERCENT = Decimal(5)


def write_agents(book: Book, villages: list[Village]) -> dict[int, int]:
    """Write an agent for each mini-grid; return agent ids by mini-grid."""
    at = book.days_before_start(500)
    commission = book.add(
        "agent_commissions",
        at,
        name="Village agent",
        energy_commission=_PERCENT,
        appliance_commission=_PERCENT,
        risk_balance=Decimal(book.profile.price * 200),
    )
    agents: dict[int, int] = {}
    for village in villages:
        grid = village.mini_grid_id
        if grid not in agents:
            person, _ = write_person(book, at, village.city_id, "agent", mini_grid=grid)
            agents[grid] = book.add(
                "agents",
                at,
                person_id=person,
                mini_grid_id=grid,
                agent_commission_id=commission,
                mobile_device_id=f"device-{grid}",
                email=f"agent-{grid}@{book.profile.email.split('@')[1]}",
                password="!",  # noqa: S106 - no hash matches it: nobody logs in as a made-up agent
                balance=Decimal(0),
                commission_revenue=Decimal(0),
            )
    return agents


def write_accounts(book: Book) -> None:
    """Write what each agent's successful payments did to the account: cash taken is owed to the company.

    Before the debt outgrows the risk balance the agent brings the money, which is an agent charge.
    """
    accounts = {agent["id"]: _Account(book=book, agent=agent) for agent in book.table("agents")}
    for transaction in book.table("transactions"):
        if transaction["original_transaction_type"] == "agent_transaction":
            taken = book.row("agent_transactions", transaction["original_transaction_id"])
            if taken["status"] == 1:
                accounts[taken["agent_id"]].take(transaction)


@dataclass(frozen=True, kw_only=True)
class _Account:
    """The account of one agent; `agent` is the row that keeps its balances."""

    book: Book
    agent: dict[str, Any]

    def take(self, transaction: dict[str, Any]) -> None:
        """Take a customer's payment and earn the commission on it."""
        at, amount = transaction["created_at"], transaction["amount"]
        commission = self.book.row("agent_commissions", self.agent["agent_commission_id"])
        if self.agent["balance"] + amount > commission["risk_balance"] and self.agent["balance"]:
            self._settle(at)
        self.agent["balance"] += amount
        self._note(at, amount, ("agent_transaction", transaction["original_transaction_id"]), transaction["id"])
        earned = (amount * commission["energy_commission"] / 100).quantize(Decimal("0.01"))
        self.agent["commission_revenue"] += earned
        self._note(at, earned, ("agent_commission", commission["id"]), transaction["id"])

    def _settle(self, before: dt.datetime) -> None:
        debt = self.agent["balance"]
        at = max(self.agent["updated_at"], before - dt.timedelta(minutes=30))
        charge = self.book.add("agent_charges", at, agent_id=self.agent["id"], user_id=ADMIN, amount=debt)
        self.agent["balance"] -= debt
        self._note(at, -debt, ("agent_charge", charge), None)

    def _note(self, at: dt.datetime, amount: Decimal, trigger: tuple[str, int], transaction: int | None) -> None:
        self.agent["updated_at"] = at
        self.book.add(
            "agent_balance_histories",
            at,
            agent_id=self.agent["id"],
            trigger_type=trigger[0],
            trigger_id=trigger[1],
            amount=amount,
            available_balance=self.agent["balance"],
            transaction_id=transaction,
        )
