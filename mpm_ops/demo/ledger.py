"""Chapter six: the agents' accounts. What an agent took is owed to the company, which collects it every month."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from mpm_ops.demo.book import ADMIN, Book, Chunk, Integers, Span
from mpm_ops.demo.draws import texts
from mpm_ops.demo.payments import AGENT, Payments
from mpm_ops.demo.people import Agents, Customers

#: An agent earns a twentieth of what is paid to him or her.
_COMMISSION = 20
_TRIGGERS = texts(["agent_transaction", "agent_commission"])


class Accounts:
    """What each agent owes, and the commission that is not paid out yet."""

    def __init__(self, agents: Agents) -> None:
        self.agents = agents
        self.balance = np.zeros(len(agents.ids), np.int64)
        self.commission = np.zeros(len(agents.ids), np.int64)
        #: Ids of the last rows in agent_balance_histories.
        self.last = np.zeros(len(agents.ids), np.int64)


def write_ledger(
    book: Book, payments: Payments, originals: Integers, customers: Customers, accounts: Accounts
) -> Generator[Chunk, None, None]:
    """Write two movements for each successful payment to an agent: what is owed, and what was earned.

    MPM's rule: a commission moves `commission_revenue`, all others move `balance`, which each row tells.
    """
    chosen = np.flatnonzero(payments.successful & (payments.provider == AGENT))
    taken = payments.only(chosen)
    agent, earned = customers.agents[taken.customer], taken.amounts // _COMMISSION
    ids = book.ids("agent_balance_histories", 2 * len(chosen))
    what = np.tile([0, 1], len(chosen))
    yield book.chunk(
        "agent_balance_histories",
        ids,
        np.repeat(taken.at, 2),
        agent_id=np.repeat(accounts.agents.ids[agent], 2),
        trigger_type=_TRIGGERS[what],
        trigger_id=np.where(what == 0, np.repeat(originals[chosen], 2), accounts.agents.contract),
        amount=np.stack([taken.amounts, earned], axis=1).ravel(),
        available_balance=np.repeat(_running(agent, taken.amounts, accounts.balance), 2),
        transaction_id=np.repeat(taken.ids, 2),
    )
    accounts.balance += np.bincount(agent, taken.amounts, len(accounts.balance)).astype(np.int64)
    accounts.commission += np.bincount(agent, earned, len(accounts.balance)).astype(np.int64)
    np.maximum.at(accounts.last, agent, ids[1::2])


def _running(agent: Integers, amounts: Integers, before: Integers) -> Integers:
    """Return the balance of the agent after each amount; they are in the order of time."""
    order = np.argsort(agent, kind="stable")
    sums = np.cumsum(amounts[order])
    owner = agent[order]
    _, first, counts = np.unique(owner, return_index=True, return_counts=True)
    earlier = np.repeat(sums[first] - amounts[order][first], counts)
    balances = np.empty(len(agent), np.int64)
    balances[order] = sums - earlier + before[owner]
    return balances


def write_receipts(book: Book, span: Span, accounts: Accounts) -> Generator[Chunk, None, None]:
    """Write at the end of a month that each agent paid what is owed, less the commission."""
    agent = np.flatnonzero(accounts.balance)
    at, owed = span.last, accounts.balance[agent]
    credited = accounts.commission[agent]
    who = accounts.agents.ids[agent]
    receipts = book.ids("agent_receipts", len(agent))
    yield book.chunk(
        "agent_receipts",
        receipts,
        at,
        agent_id=who,
        user_id=ADMIN,
        amount=owed - credited,
        last_controlled_balance_history_id=accounts.last[agent],
    )
    yield book.chunk(
        "agent_receipt_details",
        book.ids("agent_receipt_details", len(agent)),
        at,
        agent_receipt_id=receipts,
        due=owed,
        since_last_visit=owed,
        collected=owed - credited,
        commission_credited=credited,
    )
    ids = book.ids("agent_balance_histories", len(agent))
    yield book.chunk(
        "agent_balance_histories",
        ids,
        at,
        agent_id=who,
        trigger_type="agent_receipt",
        trigger_id=receipts,
        amount=-owed,
        available_balance=0,
    )
    accounts.balance[agent] = accounts.commission[agent] = 0
    accounts.last[agent] = ids
