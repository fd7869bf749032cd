"""Chapter one of a made-up business: places, tariffs, customers with their meters, agents."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal

from mpm_ops.demo.book import Book, Ref

#: The first user, made at registration.
ADMIN = Ref("users")
_CONNECTION_TYPES = ("Household", "Commercial", "Productive Use", "Institutional")
_CONNECTION_GROUPS = ("Households", "Businesses")


@dataclass(frozen=True, kw_only=True)
class Customer:
    """What the other chapters need to know of a customer."""

    person_id: int
    since: dt.datetime
    phone: str
    mini_grid_id: int
    meter_id: int
    device_id: int
    serial: str
    #: Price of a kWh; and of a month's connection with its id, where the tariff has that.
    price: Decimal
    access: tuple[int, Decimal] | None
    tariff_id: int
    #: kWh that this customer buys at a time, on average.
    appetite: float


def write_places(book: Book) -> list[tuple[int, int]]:
    """Write cluster, mini-grids and villages; return the village and mini-grid ids."""
    profile = book.profile
    at = book.days_before_start(900)
    cluster = book.add("clusters", at, name=profile.cluster, manager_id=ADMIN, geo_json=_point(book, 0.0))
    places = []
    for number, village in enumerate(profile.villages):
        if number % 2 == 0:
            grid = book.add("mini_grids", at, cluster_id=cluster, name=f"{village} Mini-Grid")
            _locate(book, at, "mini-grid", grid, spread=0.05)
        country = Ref("countries", "country_code", profile.country_code)
        city = book.add("cities", at, name=village, country_id=country, mini_grid_id=grid)
        places.append((city, grid))
    return places


def write_tariffs(book: Book) -> list[tuple[int, Decimal, tuple[int, Decimal] | None]]:
    """Write a tariff with an access rate and one without; return id, price and access rate of each."""
    profile = book.profile
    at = book.days_before_start(800)
    common = {"currency": profile.currency, "factor": 1}
    dear_price, cheap_price = Decimal(profile.price), Decimal(profile.price) * 3 / 5
    # Nobody may buy less than a kWh.
    dear = book.add("tariffs", at, name="Pay as you go", price=dear_price, **common, minimum_purchase_amount=dear_price)
    cheap = book.add(
        "tariffs", at, name="With monthly connection", price=cheap_price, **common, minimum_purchase_amount=cheap_price
    )
    rate = Decimal(profile.access_rate)
    access = book.add("access_rates", at, tariff_id=cheap, amount=rate, period=30)
    return [(dear, dear_price, None), (cheap, cheap_price, (access, rate))]


def write_customers(book: Book, places: list[tuple[int, int]]) -> list[Customer]:
    """Write the customers: two thirds were there before the year began, the others joined during it."""
    profile, rng = book.profile, book.random
    tariffs = write_tariffs(book)
    at = book.days_before_start(850)
    maker = book.add("manufacturers", at, type="meter", name="Calin", website="https://calin.example.com")
    meter_types = [
        book.add("meter_types", at, online=False, phase=1, max_current=10),
        book.add("meter_types", at, online=False, phase=3, max_current=40),
    ]
    types = [book.add("connection_types", at, name=name) for name in _CONNECTION_TYPES]
    groups = [book.add("connection_groups", at, name=name) for name in _CONNECTION_GROUPS]
    customers = []
    for number in range(profile.customers):
        early = number < profile.customers * 2 // 3
        day = rng.randrange(1, 600) * -1 if early else rng.randrange(0, 330)
        since = book.hour(book.start + dt.timedelta(days=day))
        kind = rng.choices(range(4), weights=[75, 14, 7, 4])[0]
        city, grid = rng.choice(places)
        tariff, price, access = rng.choices(tariffs, weights=[2, 1])[0]
        person, phone = write_person(book, since, city, "customer")
        serial = f"4700{profile.seed:02d}{number:05d}"
        meter = book.add(
            "meters",
            since,
            serial_number=serial,
            meter_type_id=meter_types[kind == 2],
            in_use=True,
            manufacturer_id=maker,
            connection_type_id=types[kind],
            connection_group_id=groups[kind != 0],
            tariff_id=tariff,
        )
        device = book.add(
            "devices", since, person_id=person, device_type="meter", device_id=meter, device_serial=serial
        )
        _locate(book, since, "device", device, spread=0.2)
        customers.append(
            Customer(
                person_id=person,
                since=since,
                phone=phone,
                mini_grid_id=grid,
                meter_id=meter,
                device_id=device,
                serial=serial,
                price=price,
                access=access,
                tariff_id=tariff,
                appetite=(2.5, 9.0, 22.0, 14.0)[kind] * rng.uniform(0.5, 1.6),
            )
        )
    return customers


def write_person(book: Book, at: dt.datetime, city: int, kind: str) -> tuple[int, str]:
    """Write a person with a primary address; return the id and the telephone number."""
    profile, rng = book.profile, book.random
    female = rng.random() < 0.5
    born = dt.date(rng.randrange(1950, 2004), rng.randrange(1, 13), rng.randrange(1, 29))
    person = book.add(
        "people",
        at,
        title="Ms" if female else "Mr",
        name=rng.choice(profile.given_names),
        surname=rng.choice(profile.surnames),
        birth_date=born,
        gender="female" if female else "male",
        nationality=Ref("countries", "country_code", profile.country_code),
        is_customer=kind == "customer",
        type=kind,
    )
    phone = f"{profile.dial}{rng.randrange(10**6, 10**7)}"
    book.add(
        "addresses",
        at,
        owner_type="person",
        owner_id=person,
        phone=phone,
        street=f"House {rng.randrange(1, 400)}",
        city_id=city,
        is_primary=True,
    )
    return person, phone


def write_agents(book: Book, places: list[tuple[int, int]]) -> dict[int, int]:
    """Write an agent for each mini-grid; return agent ids by mini-grid."""
    at = book.days_before_start(500)
    percent = Decimal(5)
    commission = book.add(
        "agent_commissions",
        at,
        name="Village agent",
        energy_commission=percent,
        appliance_commission=percent,
        risk_balance=Decimal(book.profile.price * 500),
    )
    agents: dict[int, int] = {}
    for city, grid in places:
        if grid not in agents:
            person, _ = write_person(book, at, city, "agent")
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


def _locate(book: Book, at: dt.datetime, kind: str, owner: int, *, spread: float) -> None:
    book.add("geographical_informations", at, owner_type=kind, owner_id=owner, geo_json=_point(book, spread))


def _point(book: Book, spread: float) -> str:
    """Return a GeoJSON point within `spread` degrees of the company's middle: longitude first, as the format has it."""
    north, east = (book.random.uniform(-spread, spread) for _ in range(2))
    place = [round(book.profile.longitude + east, 5), round(book.profile.latitude + north, 5)]
    return json.dumps({"type": "Point", "coordinates": place})
