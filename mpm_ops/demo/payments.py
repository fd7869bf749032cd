"""Chapter two: a year of payments, with their providers, tokens and what each was for."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from mpm_ops.demo.book import Book
from mpm_ops.demo.loans import Loan
from mpm_ops.demo.setting import ADMIN, Customer

#: original_transaction_type, and how often it is used.
PROVIDERS = {"third_party_transaction": 70, "agent_transaction": 20, "cash_transaction": 10}
SUCCESS, PENDING, FAILED = 1, 0, -1


@dataclass(frozen=True, kw_only=True)
class _Payment:
    at: dt.datetime
    customer: Customer
    amount: Decimal
    #: The loan of which an installment is paid; None for energy.
    loan: Loan | None = None


def write_payments(book: Book, customers: list[Customer], loans: list[Loan], agents: dict[int, int]) -> None:
    """Write all payments in the order of time, so that ids grow with it."""
    payments = [payment for customer in customers for payment in _energy(book, customer)]
    payments += [
        _Payment(at=at, customer=loan.customer, amount=amount, loan=loan)
        for loan in loans
        for at, amount in loan.payments
    ]
    connected: dict[int, dt.datetime] = {}
    for payment in sorted(payments, key=lambda payment: (payment.at, payment.customer.person_id)):
        _write(book, payment, agents, connected)


def _energy(book: Book, customer: Customer) -> Iterator[_Payment]:
    """Purchases of energy: more as the year goes on, more in the dark season, more at the end of a week."""
    rng = book.random
    day = max(customer.since, book.start) + dt.timedelta(days=rng.uniform(0, 12))
    while day < book.end:
        grown = (day - book.start) / (book.end - book.start)
        season = 1 + 0.15 * math.cos(2 * math.pi * day.timetuple().tm_yday / 365)
        weekend = 1.2 if day.weekday() >= 4 else 1.0
        kwh = customer.appetite * rng.lognormvariate(0, 0.4) * season * weekend * (1 + 0.25 * grown)
        coin = customer.price / 5
        # Enough for a kWh, whatever else the payment has to cover.
        least = customer.price + (customer.access[1] if customer.access else 0)
        amount = max(least, (Decimal(kwh) * customer.price / coin).quantize(Decimal(1)) * coin)
        at = book.hour(day)
        if at <= book.end:
            yield _Payment(at=at, customer=customer, amount=amount.quantize(Decimal("0.01")))
        day += dt.timedelta(days=rng.expovariate(1 / (17 - 4 * grown)) + 1)


def _write(book: Book, payment: _Payment, agents: dict[int, int], connected: dict[int, dt.datetime]) -> None:
    # A payment of an installment is recorded once it went through: the loan counts on it.
    weights = [100, 0, 0] if payment.loan else [96, 1, 3]
    status = book.random.choices([SUCCESS, PENDING, FAILED], weights=weights)[0]
    provider = book.random.choices(list(PROVIDERS), weights=list(PROVIDERS.values()))[0]
    original = _original(book, payment, provider, status, agents)
    transaction = book.add(
        "transactions",
        payment.at,
        original_transaction_id=original,
        original_transaction_type=provider,
        amount=payment.amount,
        type="deferred_payment" if payment.loan else "energy",
        sender=payment.customer.phone,
        message=payment.loan.serial if payment.loan else payment.customer.serial,
    )
    if status != SUCCESS:
        return
    if payment.loan:
        _installments(book, payment, transaction, provider)
    else:
        _token(book, payment, transaction, provider, connected)


def _original(book: Book, payment: _Payment, provider: str, status: int, agents: dict[int, int]) -> int:
    if provider == "agent_transaction":
        agent = agents[payment.customer.mini_grid_id]
        return book.add("agent_transactions", payment.at, agent_id=agent, mobile_device_id=f"d{agent}", status=status)
    if provider == "cash_transaction":
        return book.add("cash_transactions", payment.at, user_id=ADMIN, status=status)
    number = f"{book.random.randrange(16**10):010X}"
    return book.add("third_party_transactions", payment.at, transaction_id=number, status=status)


def _token(book: Book, payment: _Payment, transaction: int, provider: str, connected: dict[int, dt.datetime]) -> None:
    """Split a purchase over the month's connection, where one is due, and energy; make the token for the energy."""
    customer, energy = payment.customer, payment.amount
    last = connected.get(customer.person_id)
    if customer.access and (last is None or payment.at - last >= dt.timedelta(days=30)):
        access_id, rate = customer.access
        part = min(rate, energy)
        _history(book, payment, transaction, provider, part, "access rate", ("access_rate", access_id))
        connected[customer.person_id] = payment.at
        energy -= part
    if energy:
        token = book.add(
            "tokens",
            payment.at,
            transaction_id=transaction,
            token="-".join(f"{book.random.randrange(10_000):04d}" for _ in range(5)),
            token_amount=round(float(energy / customer.price), 3),
            device_id=customer.device_id,
            token_type="energy",  # noqa: S106 - a kind of token for a meter
            token_unit="kWh",  # noqa: S106 - its unit
        )
        _history(book, payment, transaction, provider, energy, "energy", ("token", token))


def _installments(book: Book, payment: _Payment, transaction: int, provider: str) -> None:
    """Spread a payment over the oldest open rates of the loan."""
    left = payment.amount
    for rate in payment.loan.rates if payment.loan else ():
        row = book.row("appliance_rates", rate)
        part = min(left, row["remaining"])
        if part:
            row.update(remaining=row["remaining"] - part, updated_at=payment.at)
            _history(book, payment, transaction, provider, part, "installment", ("appliance_rate", rate))
            left -= part
        if not left:
            return


def _history(
    book: Book,
    payment: _Payment,
    transaction: int,
    provider: str,
    amount: Decimal,
    kind: str,
    paid_for: tuple[str, int],
) -> None:
    book.add(
        "payment_histories",
        payment.at,
        amount=amount,
        transaction_id=transaction,
        payment_service=provider,
        sender=payment.customer.phone,
        payment_type=kind,
        paid_for_type=paid_for[0],
        paid_for_id=paid_for[1],
        payer_type="person",
        payer_id=payment.customer.person_id,
    )
