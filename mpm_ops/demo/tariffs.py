"""Chapter two of a made-up business: tariffs, kinds of connection and kinds of meter."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from mpm_ops.demo.book import Book

_CONNECTION_TYPES = ("Household", "Commercial", "Productive Use", "Institutional")
_CONNECTION_GROUPS = ("Households", "Businesses")


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """A price of a kWh and, where the tariff has one, a month's connection: id and amount of its access rate."""

    id: int
    name: str
    price: Decimal
    access: tuple[int, Decimal] | None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of customer, and the ids that its meters carry."""

    connection_type_id: int
    connection_group_id: int
    meter_type_id: int


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a customer can be connected with."""

    tariffs: tuple[Tariff, Tariff]
    #: In the order household, commercial, productive use, institutional.
    kinds: tuple[Kind, ...]
    manufacturer_id: int


def write_offer(book: Book) -> Offer:
    """Write tariffs, connection types with a sub type for each tariff, connection groups and meter types."""
    at = book.days_before_start(800)
    maker = book.add("manufacturers", at, type="meter", name="Calin", website="https://calin.example.com")
    single = book.add("meter_types", at, online=False, phase=1, max_current=10)
    three = book.add("meter_types", at, online=False, phase=3, max_current=40)
    tariffs = _write_tariffs(book)
    groups = [book.add("connection_groups", at, name=name) for name in _CONNECTION_GROUPS]
    kinds = []
    for name in _CONNECTION_TYPES:
        kind = book.add("connection_types", at, name=name)
        for tariff in tariffs:
            sub = f"{name}, {tariff.name.lower()}"
            book.add("sub_connection_types", at, name=sub, connection_type_id=kind, tariff_id=tariff.id)
        group = groups[0] if name == "Household" else groups[1]
        meter = three if name == "Productive Use" else single
        kinds.append(Kind(connection_type_id=kind, connection_group_id=group, meter_type_id=meter))
    return Offer(tariffs=tariffs, kinds=tuple(kinds), manufacturer_id=maker)


def _write_tariffs(book: Book) -> tuple[Tariff, Tariff]:
    """Write a tariff without an access rate, and a cheaper one with."""
    price = Decimal(book.profile.price)
    free = _write_tariff(book, "Pay as you go", price)
    bound = _write_tariff(book, "With monthly connection", price * 3 / 5)
    rate = Decimal(book.profile.access_rate)
    access = book.add("access_rates", book.days_before_start(800), tariff_id=bound, amount=rate, period=30)
    return (
        Tariff(id=free, name="Pay as you go", price=price, access=None),
        Tariff(id=bound, name="With monthly connection", price=price * 3 / 5, access=(access, rate)),
    )


def _write_tariff(book: Book, name: str, price: Decimal) -> int:
    at = book.days_before_start(800)
    # The smallest purchase is one kWh.
    common = {"currency": book.profile.currency, "factor": 1, "minimum_purchase_amount": price}
    return book.add("tariffs", at, name=name, price=price, **common)
