"""Chapter one of a made-up business: places, and the people who live there with their meters."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass

from mpm_ops.demo.book import Book, Ref
from mpm_ops.demo.tariffs import Offer, Tariff

#: The user that the registration made.
ADMIN = Ref("users")
#: How many of a hundred customers are of each kind of the offer, and how many kWh such a one buys at a time.
_SHARES = (75, 14, 7, 4)
_APPETITES = (2.5, 9.0, 22.0, 14.0)


@dataclass(frozen=True, kw_only=True)
class Village:
    """A village, and where it lies."""

    city_id: int
    mini_grid_id: int
    latitude: float
    longitude: float


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
    tariff: Tariff
    #: kWh that this customer buys at a time, on average.
    appetite: float


def write_places(book: Book) -> list[Village]:
    """Write the cluster, a mini-grid for every two villages, and the villages."""
    profile, rng = book.profile, book.random
    at = book.days_before_start(900)
    middle = _point(profile.latitude, profile.longitude)
    cluster = book.add("clusters", at, name=profile.cluster, manager_id=ADMIN, geo_json=middle)
    country = Ref("countries", "country_code", profile.country_code)
    villages: list[Village] = []
    for number, name in enumerate(profile.villages):
        north, east = profile.latitude + rng.uniform(-0.2, 0.2), profile.longitude + rng.uniform(-0.2, 0.2)
        if number % 2 == 0:
            grid = book.add("mini_grids", at, cluster_id=cluster, name=f"{name} Mini-Grid")
            locate(book, at, "mini-grid", grid, _point(north, east))
        city = book.add("cities", at, name=name, country_id=country, mini_grid_id=grid)
        locate(book, at, "city", city, _point(north, east))
        villages.append(Village(city_id=city, mini_grid_id=grid, latitude=north, longitude=east))
    return villages


def write_customers(book: Book, villages: list[Village], offer: Offer) -> list[Customer]:
    """Write the customers: two thirds were there before the year began, the others joined during it."""
    profile, rng = book.profile, book.random
    customers = []
    for number in range(profile.customers):
        early = number < profile.customers * 2 // 3
        day = rng.randrange(1, 600) * -1 if early else rng.randrange(0, 330)
        since = book.hour(book.start + dt.timedelta(days=day))
        customers.append(_write_customer(book, since, rng.choice(villages), offer, f"{profile.seed:02d}{number:05d}"))
    return customers


def _write_customer(book: Book, since: dt.datetime, village: Village, offer: Offer, number: str) -> Customer:
    rng = book.random
    kind = rng.choices(range(len(offer.kinds)), weights=_SHARES)[0]
    tariff = rng.choices(offer.tariffs, weights=[2, 1])[0]
    person, phone = write_person(book, since, village.city_id, "customer")
    serial = f"4700{number}"
    meter = book.add(
        "meters",
        since,
        serial_number=serial,
        meter_type_id=offer.kinds[kind].meter_type_id,
        in_use=True,
        manufacturer_id=offer.manufacturer_id,
        connection_type_id=offer.kinds[kind].connection_type_id,
        connection_group_id=offer.kinds[kind].connection_group_id,
        tariff_id=tariff.id,
    )
    device = book.add("devices", since, person_id=person, device_type="meter", device_id=meter, device_serial=serial)
    # Within about a kilometre.
    near = _point(village.latitude + rng.uniform(-0.01, 0.01), village.longitude + rng.uniform(-0.01, 0.01))
    locate(book, since, "device", device, near)
    return Customer(
        person_id=person,
        since=since,
        phone=phone,
        mini_grid_id=village.mini_grid_id,
        meter_id=meter,
        device_id=device,
        serial=serial,
        tariff=tariff,
        appetite=_APPETITES[kind] * rng.uniform(0.5, 1.6),
    )


def write_person(book: Book, at: dt.datetime, city: int, kind: str, *, mini_grid: int | None = None) -> tuple[int, str]:
    """Write a person with a primary address; return the id and the telephone number."""
    profile, rng = book.profile, book.random
    female = rng.random() < 0.5
    person = book.add(
        "people",
        at,
        title="Ms" if female else "Mr",
        name=rng.choice(profile.women if female else profile.men),
        surname=rng.choice(profile.surnames),
        birth_date=dt.date(rng.randrange(1950, 2004), rng.randrange(1, 13), rng.randrange(1, 29)),
        gender="female" if female else "male",
        nationality=Ref("countries", "country_code", profile.country_code),
        is_customer=kind == "customer",
        type=kind,
        mini_grid_id=mini_grid,
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


def locate(book: Book, at: dt.datetime, kind: str, owner: int, point: str) -> None:
    """Write where something is."""
    book.add("geographical_informations", at, owner_type=kind, owner_id=owner, geo_json=point)


def _point(latitude: float, longitude: float) -> str:
    """Return a GeoJSON point: longitude first, as the format has it."""
    return json.dumps({"type": "Point", "coordinates": [round(longitude, 5), round(latitude, 5)]})
