"""Chapter four: who pays how much for what, in one span of time after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpm_ops.demo.book import DAY, Array, Book, Integers, Moments, Span, Texts
from mpm_ops.demo.draws import time_of_day, weekdays
from mpm_ops.demo.loans import Installments
from mpm_ops.demo.people import Customers

#: original_transaction_type, and how often it is used.
PROVIDERS = {"third_party_transaction": 0.70, "agent_transaction": 0.20, "cash_transaction": 0.10}
THIRD, AGENT, CASH = range(3)
#: What the provider says of a payment for energy, and how often.
STATUS = {1: 0.96, 0: 0.01, -1: 0.03}
#: Days between two purchases of a customer: at first, and at the end of the business.
_DAYS = (18.0, 14.0)
#: How much more or less is bought in the dark season and in the bright one; how much more at the end of a week.
_SEASON, _WEEKEND = 0.15, 1.2


@dataclass(frozen=True, kw_only=True)
class Payments:
    """Payments of a span in the order of time."""

    #: Ids in transactions.
    ids: Integers
    at: Moments
    #: Place of the payer in `Customers`.
    customer: Integers
    amounts: Integers
    #: The rate of a loan that is paid; 0 for energy.
    rates: Integers
    #: What is paid for: the meter or the system.
    serials: Texts
    #: Place in `PROVIDERS`.
    provider: Integers
    successful: Array

    def only(self, chosen: Array) -> Payments:
        """Return some of them."""
        return Payments(**{name: values[chosen] for name, values in vars(self).items()})


def draw_payments(book: Book, span: Span, customers: Customers, installments: Installments) -> Payments:
    """Return what is paid in a span, for energy and for loans."""
    at, customer, amounts = _energy(book, span, customers)
    loans = installments.between(span.start, span.end)
    energy = np.zeros(len(at), np.int64)
    at = np.concatenate([at, loans.at])
    order = np.argsort(at, kind="stable")
    rates = np.concatenate([energy, loans.rates])[order]
    count = len(at)
    status = book.rng.random(count) < STATUS[1]
    return Payments(
        ids=book.ids("transactions", count),
        at=at[order],
        customer=np.concatenate([customer, loans.customer])[order],
        amounts=np.concatenate([amounts, loans.amounts])[order],
        rates=rates,
        serials=np.concatenate([customers.serials[customer], loans.serials])[order],
        provider=book.rng.choice(len(PROVIDERS), count, p=list(PROVIDERS.values())),
        # A payment of an installment is recorded once it went through: the loan counts on it.
        successful=status | (rates > 0),
    )


def _energy(book: Book, span: Span, customers: Customers) -> tuple[Moments, Integers, Integers]:
    """Return when who buys energy for how much: more every year, in the dark season, at the end of a week."""
    rng = book.rng
    there = np.flatnonzero((customers.since < span.end) & (customers.left > span.start))
    days = np.arange(span.start, span.end, DAY)
    season = 1 + _SEASON * np.cos(2 * np.pi * (days - days.astype("M8[Y]")) / (365 * DAY))
    weights = season * np.where(weekdays(days) >= 4, _WEEKEND, 1.0)
    every = _DAYS[0] + (_DAYS[1] - _DAYS[0]) * book.behind
    customer = np.repeat(there, rng.poisson(weights.sum() / every, len(there)))
    at = rng.choice(days, len(customer), p=weights / weights.sum()) + time_of_day(rng, len(customer))
    present = (at >= customers.since[customer]) & (at < customers.left[customer])
    at, customer = at[present], customer[present]
    price = customers.prices[customer]
    kwh = customers.appetites[customer] * rng.lognormal(0, 0.4, len(at)) * (1 + 0.25 * book.behind)
    coin = np.maximum(price // 5, 1)
    # Enough for a kWh, whatever else the payment has to cover.
    least = price + customers.fees[customer]
    amounts = np.maximum(least, (kwh * price / coin).round().astype(np.int64) * coin)
    return at, customer, amounts
