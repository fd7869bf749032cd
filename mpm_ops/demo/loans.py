"""Chapter three: solar home systems sold on credit, paid in monthly rates by some better than by others."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from mpm_ops.demo.book import Book, Ref
from mpm_ops.demo.setting import ADMIN, Customer

_RATES = 12


@dataclass(frozen=True, kw_only=True)
class Loan:
    """A system sold on credit, and when its buyer pays how much."""

    customer: Customer
    serial: str
    #: Ids of its appliance_rates, the oldest first.
    rates: tuple[int, ...]
    payments: tuple[tuple[dt.datetime, Decimal], ...]


def write_loans(book: Book, customers: list[Customer]) -> list[Loan]:
    """Write a solar home system and a loan for about every fifth customer."""
    profile, rng = book.profile, book.random
    if "shs" not in profile.usage_type:
        return []
    at = book.days_before_start(700)
    maker = book.add("manufacturers", at, type="shs", name="Sun King", website="https://sunking.example.com")
    price = Decimal(profile.system_price)
    kind = Ref("appliance_types", "name", "Solar Home System")
    appliance = book.add("appliances", at, name="Home 400", appliance_type_id=kind, price=price)
    buyers = rng.sample(customers, len(customers) // 5)
    return [_write_loan(book, buyer, number, maker, appliance, price) for number, buyer in enumerate(buyers)]


def _write_loan(book: Book, buyer: Customer, number: int, maker: int, appliance: int, price: Decimal) -> Loan:
    rng = book.random
    sold = max(buyer.since, book.start) + dt.timedelta(days=rng.randrange(1, 200))
    sold = min(sold, book.end - dt.timedelta(days=40))
    serial = f"SHS{book.profile.seed:02d}{number:05d}"
    system = book.add("solar_home_systems", sold, appliance_id=appliance, serial_number=serial, manufacturer_id=maker)
    book.add(
        "devices",
        sold,
        person_id=buyer.person_id,
        device_type="solar_home_system",
        device_id=system,
        device_serial=serial,
    )
    down = price / 10
    loan = book.add(
        "appliance_people",
        sold,
        appliance_id=appliance,
        person_id=buyer.person_id,
        total_cost=price,
        rate_count=_RATES,
        creator_type="users",
        creator_id=ADMIN,
        down_payment=down,
        first_payment_date=(sold + dt.timedelta(days=30)).date(),
        device_serial=serial,
        payment_type="installment",
    )
    rate = ((price - down) / _RATES).quantize(Decimal("0.01"))
    due = [sold + dt.timedelta(days=30 * (month + 1)) for month in range(_RATES)]
    rates = [
        book.add(
            "appliance_rates",
            sold,
            appliance_person_id=loan,
            rate_cost=rate,
            remaining=rate,
            due_date=day,
            remind=0,
        )
        for day in due
    ]
    return Loan(customer=buyer, serial=serial, rates=tuple(rates), payments=_payments(book, due, rate))


def _payments(book: Book, due: list[dt.datetime], rate: Decimal) -> tuple[tuple[dt.datetime, Decimal], ...]:
    """Most pay a few days late, one in five stops after some months."""
    rng = book.random
    kept = rng.randrange(1, 6) if rng.random() < 0.2 else _RATES
    paid = [(book.hour(day + dt.timedelta(days=rng.randrange(-3, 15))), rate) for day in due[:kept]]
    return tuple((at, amount) for at, amount in paid if at <= book.end)
