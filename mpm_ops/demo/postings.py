"""Chapter five: what payments leave in the books: the providers' rows, tokens, and what each was for."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from mpm_ops.demo.book import ADMIN, DAY, Book, Chunk, Floats, Integers, Texts
from mpm_ops.demo.draws import codes, digits, references, texts
from mpm_ops.demo.payments import AGENT, CASH, PROVIDERS, STATUS, THIRD, Payments
from mpm_ops.demo.people import Agents, Customers

_NAMES = texts(list(PROVIDERS))
#: payment_type and paid_for_type.
_PURPOSES = texts(["access rate", "energy", "installment"])
_PAID_FOR = texts(["access_rate", "token", "appliance_rate"])
_ACCESS, _ENERGY, _INSTALLMENT = range(3)
#: Of so many tokens one goes out by SMS.
_SMS = 5


class Connections:
    """Until when each customer's access rate is paid."""

    def __init__(self, customers: Customers, access_rate: int) -> None:
        #: Its id.
        self.access_rate = access_rate
        self.fees = customers.fees
        self.paid_at = customers.since - 30 * DAY

    def pay(self, payments: Payments) -> Integers:
        """Return which part of each payment goes to the access rate: all that is asked, once in 30 days."""
        who = payments.customer
        owed = (self.fees[who] > 0) & (payments.rates == 0) & (payments.at - self.paid_at[who] >= 30 * DAY)
        due = np.flatnonzero(owed)
        # A span is no longer than a month: nobody owes it twice.
        payers, first = np.unique(who[due], return_index=True)
        self.paid_at[payers] = payments.at[due[first]]
        parts = np.zeros(len(who), np.int64)
        parts[due[first]] = self.fees[payers]
        return parts


def write_transactions(
    book: Book, payments: Payments, customers: Customers, agents: Agents
) -> Generator[Chunk, None, Integers]:
    """Write what the providers say of the payments, and the payments; return the ids of the former."""
    provider, at = payments.provider, payments.at
    # What did not go through has failed, or is pending.
    failed = book.rng.random(len(at)) < STATUS[-1] / (STATUS[0] + STATUS[-1])
    status = np.where(payments.successful, 1, -failed.astype(np.int64))
    third, agent, cash = (np.flatnonzero(provider == kind) for kind in (THIRD, AGENT, CASH))
    original = np.empty(len(at), np.int64)
    original[third] = book.ids("third_party_transactions", len(third))
    number = references(book.rng, len(third))
    yield book.chunk(
        "third_party_transactions", original[third], at[third], transaction_id=number, status=status[third]
    )
    original[agent] = book.ids("agent_transactions", len(agent))
    seller = agents.ids[customers.agents[payments.customer[agent]]]
    yield book.chunk(
        "agent_transactions",
        original[agent],
        at[agent],
        agent_id=seller,
        mobile_device_id=np.char.add(b"device-", digits(seller, len(str(seller.max(initial=0))))),
        status=status[agent],
    )
    original[cash] = book.ids("cash_transactions", len(cash))
    yield book.chunk("cash_transactions", original[cash], at[cash], user_id=ADMIN, status=status[cash])
    yield book.chunk(
        "transactions",
        payments.ids,
        at,
        original_transaction_id=original,
        original_transaction_type=_NAMES[provider],
        amount=payments.amounts,
        type=np.where(payments.rates > 0, b"deferred_payment", b"energy"),
        sender=customers.phones[payments.customer],
        message=payments.serials,
    )
    return original


def write_tokens(
    book: Book, payments: Payments, customers: Customers, connections: Connections
) -> Generator[Chunk, None, Floats]:
    """Write what successful payments were for, and the tokens; return the kWh that each customer bought."""
    fees = connections.pay(payments)
    is_energy = payments.rates == 0
    energy = payments.only(is_energy)
    kwh = ((energy.amounts - fees[is_energy]) / customers.prices[energy.customer]).round(3)
    tokens, token = book.ids("tokens", len(kwh)), codes(book.rng, len(kwh))
    yield book.chunk(
        "tokens",
        tokens,
        energy.at,
        transaction_id=energy.ids,
        token=token,
        token_amount=kwh,
        device_id=customers.devices[energy.customer],
        token_type="energy",  # noqa: S106 - a kind of token for a meter
        token_unit="kWh",  # noqa: S106 - its unit
    )
    bought = payments.rates.copy()
    bought[is_energy] = tokens
    yield _histories(book, payments, customers, connections, fees, bought)
    yield _messages(book, energy, customers, token, kwh)
    return np.bincount(energy.customer, kwh, len(customers)).astype(np.float64)


def _histories(
    book: Book,
    payments: Payments,
    customers: Customers,
    connections: Connections,
    fees: Integers,
    bought: Integers,
) -> Chunk:
    """Return what each payment was for: the access rate first, then the token or rate that was bought."""
    asked = np.flatnonzero(fees)
    rest = np.arange(len(fees))
    place = np.concatenate([asked, rest])
    order = np.argsort(place, kind="stable")
    purpose = np.concatenate([np.full(len(asked), _ACCESS), np.where(payments.rates > 0, _INSTALLMENT, _ENERGY)])[order]
    lines = payments.only(place[order])
    return book.chunk(
        "payment_histories",
        book.ids("payment_histories", len(order)),
        lines.at,
        amount=np.concatenate([fees[asked], payments.amounts - fees])[order],
        transaction_id=lines.ids,
        payment_service=_NAMES[lines.provider],
        sender=customers.phones[lines.customer],
        payment_type=_PURPOSES[purpose],
        paid_for_type=_PAID_FOR[purpose],
        paid_for_id=np.concatenate([np.full(len(asked), connections.access_rate), bought])[order],
        payer_type="person",
        payer_id=customers.people[lines.customer],
    )


def _messages(book: Book, energy: Payments, customers: Customers, token: Texts, kwh: Floats) -> Chunk:
    """Return the SMS with which some tokens went out."""
    told = slice(None, None, _SMS)
    pairs = zip(token[told].tolist(), kwh[told].tolist(), strict=True)
    bodies = [b"Your token: %s for %.3g kWh." % pair for pair in pairs]
    return book.chunk(
        "sms",
        book.ids("sms", len(bodies)),
        energy.at[told],
        receiver=customers.phones[energy.customer[told]],
        trigger_type="transaction",
        trigger_id=energy.ids[told],
        body=np.array(bodies, "S"),
        status=1,
        direction=1,
    )
