"""Chapter three: solar home systems sold on credit, paid in monthly rates by some better than by others."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from mpm_ops.demo.book import DAY, Array, Book, Chunk, Integers, Moments, Ref, Texts
from mpm_ops.demo.draws import digits, time_of_day
from mpm_ops.demo.people import Agents, Customers, write_devices

#: One of so many customers buys a system.
_ONE_OF = 5
#: A month between rates, in days; a payment comes some days early or late.
_MONTH = 30
_EARLY, _LATE = 3, 15


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """How a loan stands at the end of the business."""

    #: Which part of the loans.
    share: float
    rates: int
    #: Since it was sold; a younger customer's is younger.
    months: tuple[int, int]
    #: Rates that are due and not paid.
    behind: tuple[int, int]
    #: How many of them have paid a part of the next rate.
    part: float = 0.0


#: The first four are MPM's debt scenarios: 1 or 2 of 3 rates that are due are paid, 10 to 14 of 18, 4 or 5 of 8, 9 or
#: 10 of 10. Of the others some pay on time, some have paid all, and some stopped soon after the sale.
SCENARIOS = (
    Scenario(share=0.12, rates=12, months=(3, 3), behind=(1, 2)),
    Scenario(share=0.12, rates=24, months=(18, 18), behind=(4, 8), part=0.5),
    Scenario(share=0.12, rates=12, months=(8, 8), behind=(3, 4), part=1.0),
    Scenario(share=0.12, rates=12, months=(10, 10), behind=(0, 1)),
    Scenario(share=0.22, rates=12, months=(1, 11), behind=(0, 0)),
    Scenario(share=0.22, rates=12, months=(13, 1000), behind=(0, 0)),
    Scenario(share=0.08, rates=12, months=(6, 11), behind=(5, 10)),
)


@dataclass(frozen=True, kw_only=True)
class Installments:
    """Payments of rates, by time."""

    at: Moments
    #: Place of the payer in `Customers`.
    customer: Integers
    serials: Texts
    amounts: Integers
    #: Ids in appliance_rates.
    rates: Integers

    def between(self, start: np.datetime64, end: np.datetime64) -> Installments:
        """Return those of this time, without its end."""
        chosen = slice(*np.searchsorted(self.at, np.array([start, end], "M8[s]")))
        return Installments(
            at=self.at[chosen],
            customer=self.customer[chosen],
            serials=self.serials[chosen],
            amounts=self.amounts[chosen],
            rates=self.rates[chosen],
        )


@dataclass(frozen=True, kw_only=True)
class _Sales:
    """Loans, the oldest first."""

    buyer: Integers
    at: Moments
    rates: Integers
    #: Rates that are paid in full.
    paid: Integers
    #: Whether a part of the next one is.
    part: Array


def write_loans(book: Book, customers: Customers, agents: Agents) -> Generator[Chunk, None, Installments]:
    """Write a solar home system and a loan for every fifth customer, sold by their agent; return what they will pay."""
    if "shs" not in book.profile.usage_type:
        none = np.empty(0, np.int64)
        return Installments(at=none.astype("M8[s]"), customer=none, serials=none.astype("S"), amounts=none, rates=none)
    sales = _sales(book, customers)
    count = len(sales.buyer)
    serials = np.char.add(b"SHS%04d" % (book.profile.seed % 10_000), digits(np.arange(count), 6))
    loans = yield from _write_systems(book, customers, agents, sales, serials)
    # All rates of all loans: of which loan each is, and the how manieth.
    loan = np.repeat(np.arange(count), sales.rates)
    number = np.arange(len(loan)) - np.repeat(np.cumsum(sales.rates) - sales.rates, sales.rates)
    cost = _rate(book, sales)[loan]
    due = sales.at[loan] + (number + 1) * _MONTH * DAY
    partly = sales.part[loan] & (number == sales.paid[loan])
    share = np.where(partly, book.rng.uniform(0.3, 0.8, len(loan)), number < sales.paid[loan])
    # Nobody pays a part in the smallest coins.
    coin = np.where(partly, max(1, book.profile.price // 5), 1)
    paid = (cost * share).astype(np.int64) // coin * coin
    at = _paid_at(book, due)
    ids = book.ids("appliance_rates", len(loan))
    yield book.chunk(
        "appliance_rates",
        ids,
        sales.at[loan],
        updated=np.where(paid > 0, at, sales.at[loan]),
        appliance_person_id=loans[loan],
        rate_cost=cost,
        remaining=cost - paid,
        due_date=due,
        remind=0,
    )
    order = np.flatnonzero(paid)
    order = order[np.argsort(at[order], kind="stable")]
    return Installments(
        at=at[order],
        customer=sales.buyer[loan[order]],
        serials=serials[loan[order]],
        amounts=paid[order],
        rates=ids[order],
    )


def _sales(book: Book, customers: Customers) -> _Sales:
    """Draw who buys when, and how well they pay. Those who have been customers for longest have the oldest loans."""
    rng = book.rng
    stay = np.flatnonzero(customers.left > book.end)
    buyer = np.sort(rng.choice(stay, min(len(customers) // _ONE_OF, len(stay)), replace=False))
    which = rng.choice(len(SCENARIOS), len(buyer), p=[one.share for one in SCENARIOS])
    longest = 12 * book.profile.years - 1
    spread = np.array([(min(one.months[0], longest), min(one.months[1], longest)) for one in SCENARIOS])
    months = rng.integers(spread[which, 0], spread[which, 1] + 1)
    oldest = np.argsort(-months, kind="stable")
    which, months = which[oldest], months[oldest]
    # A customer of less than that time bought on joining.
    months = np.minimum(months, (book.end - customers.since[buyer]) // (_MONTH * DAY))
    rates = np.array([one.rates for one in SCENARIOS])[which]
    late = np.array([one.behind for one in SCENARIOS])[which]
    paid = np.clip(months - rng.integers(late[:, 0], late[:, 1] + 1), 0, rates)
    part = (rng.random(len(buyer)) < np.array([one.part for one in SCENARIOS])[which]) & (paid < months)
    # So many rates are due and no more, whichever day of the month it was.
    days = months * _MONTH * DAY + (rng.random(len(buyer)) * (_MONTH - _LATE) * 86_400).astype("m8[s]")
    at = np.maximum(book.end - days, customers.since[buyer])
    return _Sales(buyer=buyer, at=at, rates=rates, paid=paid, part=part)


def _paid_at(book: Book, due: Moments) -> Moments:
    """Return when rates are paid that are: most some days late, none after the end."""
    days = book.rng.integers(-_EARLY, _LATE, len(due)) * DAY
    at = (due + days).astype("M8[D]") + time_of_day(book.rng, len(due))
    return np.where(at > book.end, book.end - (at - due) % DAY, at)


def _rate(book: Book, sales: _Sales) -> Integers:
    """Return what a rate of each loan costs: a tenth of the price is paid at once."""
    return book.profile.system_price * 9 // 10 // sales.rates


def _write_systems(
    book: Book, customers: Customers, agents: Agents, sales: _Sales, serials: Texts
) -> Generator[Chunk, None, Integers]:
    """Write the systems that were sold and the loans on them; return the loans' ids."""
    at, price = book.before_start(700), book.profile.system_price
    maker = book.ids("manufacturers", 1)
    yield book.chunk("manufacturers", maker, at, type="shs", name="Sun King", website="https://sunking.example.com")
    model = book.ids("appliances", 1)
    kind = Ref("appliance_types", "name", "Solar Home System")
    yield book.chunk("appliances", model, at, name="Home 400", appliance_type_id=kind, price=price)
    people = customers.people[sales.buyer]
    systems = book.ids("solar_home_systems", len(people))
    yield book.chunk(
        "solar_home_systems",
        systems,
        sales.at,
        appliance_id=model[0],
        serial_number=serials,
        manufacturer_id=maker[0],
    )
    yield from write_devices(book, sales.at, people, "solar_home_system", systems, serials)
    loans = book.ids("appliance_people", len(people))
    yield book.chunk(
        "appliance_people",
        loans,
        sales.at,
        appliance_id=model[0],
        person_id=people,
        total_cost=price,
        rate_count=sales.rates,
        creator_type="agent",
        creator_id=agents.ids[customers.agents[sales.buyer]],
        down_payment=price - _rate(book, sales) * sales.rates,
        first_payment_date=sales.at + _MONTH * DAY,
        device_serial=serials,
        payment_type="installment",
    )
    return loans
