"""Chapter two: agents, and customers with their meters."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from mpm_ops.demo.book import DAY, Array, Book, Chunk, Floats, Integers, Moments, Ref, Texts
from mpm_ops.demo.draws import digits, texts, time_of_day
from mpm_ops.demo.setting import Places, Tariffs, located

_CONNECTION_TYPES = ("Household", "Commercial", "Productive Use", "Institutional")
_CONNECTION_GROUPS = ("Households", "Businesses")
_KINDS = (0.75, 0.14, 0.07, 0.04)
_PRODUCTIVE = 2
#: kWh that a customer of each kind buys at a time, on average.
_APPETITES = np.array([2.5, 9.0, 22.0, 14.0])
#: As many times the customers after a year; and after how many years one of two would have left.
GROWTH = 1.5
_HALF_GONE = 18.0
#: Customers of an agent, on average.
_AN_AGENT = 200


@dataclass(frozen=True, kw_only=True)
class Agents:
    """The agents; those of a mini-grid are next to each other."""

    ids: Integers
    #: By mini-grid: the place of its first agent in `ids`, and how many there are.
    first: Integers
    count: Integers
    #: Id in agent_commissions: all have the same.
    contract: int


@dataclass(frozen=True, kw_only=True)
class Customers:
    """What the other chapters need to know of the customers, the oldest first."""

    people: Integers
    since: Moments
    #: Nothing is bought from then on; mostly after the end of the business.
    left: Moments
    phones: Texts
    #: Place of each one's agent in `Agents.ids`.
    agents: Integers
    meters: Integers
    devices: Integers
    serials: Texts
    #: Price of a kWh, and of 30 days' connection: 0 where the tariff has none.
    prices: Integers
    fees: Integers
    #: kWh that are bought at a time, on average.
    appetites: Floats

    def __len__(self) -> int:
        return len(self.people)


def write_people(
    book: Book, cities: Integers, at: Moments | np.datetime64, kind: str
) -> Generator[Chunk, None, tuple[Integers, Texts]]:
    """Write people with a primary address each; return their ids and telephone numbers."""
    profile, rng, count = book.profile, book.rng, len(cities)
    given = rng.integers(0, len(profile.given_names), count)
    female = given % 2 == 0
    people = book.ids("people", count)
    yield book.chunk(
        "people",
        people,
        at,
        title=np.where(female, b"Ms", b"Mr"),
        name=texts(profile.given_names)[given],
        surname=texts(profile.surnames)[rng.integers(0, len(profile.surnames), count)],
        birth_date=np.datetime64("1950-01-01") + rng.integers(0, 54 * 365, count).astype("m8[D]"),
        gender=np.where(female, b"female", b"male"),
        nationality=Ref("countries", "country_code", profile.country_code),
        is_customer=kind == "customer",
        type=kind,
    )
    phones = np.char.add(profile.dial.encode(), digits(rng.integers(10**6, 10**7, count), 7))
    yield book.chunk(
        "addresses",
        book.ids("addresses", count),
        at,
        owner_type="person",
        owner_id=people,
        phone=phones,
        street=texts([f"House {number}" for number in range(1, 400)])[rng.integers(0, 399, count)],
        city_id=cities,
        is_primary=True,
    )
    return people, phones


def write_agents(book: Book, places: Places) -> Generator[Chunk, None, Agents]:
    """Write the agents, one at least for each mini-grid. What is on their accounts is told by the ledger at the end."""
    profile, at = book.profile, book.before_start(500)
    commission = book.ids("agent_commissions", 1)
    yield book.chunk(
        "agent_commissions",
        commission,
        at,
        name="Village agent",
        energy_commission=5,
        appliance_commission=5,
        risk_balance=profile.price * 5000,
    )
    expected = np.bincount(places.grid, places.shares) * profile.customers
    count = 1 + (expected // _AN_AGENT).astype(np.int64)
    grid = np.repeat(np.arange(len(count)), count)
    people, _ = yield from write_people(book, places.cities[grid * 2], at, "agent")
    ids = book.ids("agents", len(people))
    domain = profile.email.split("@")[1]
    yield book.chunk(
        "agents",
        ids,
        at,
        person_id=people,
        mini_grid_id=places.grids[grid],
        agent_commission_id=commission[0],
        mobile_device_id=texts([f"device-{one}" for one in ids]),
        email=texts([f"agent-{one}@{domain}" for one in ids]),
        password="!",  # noqa: S106 no hash matches it: nobody logs in as a made-up agent
    )
    return Agents(ids=ids, first=np.cumsum(count) - count, count=count, contract=int(commission[0]))


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """Ids of what meters are of: their maker, their types by phases, kinds and groups of connections."""

    maker: int
    phases: Integers
    types: Integers
    groups: Integers


def write_equipment(book: Book) -> Generator[Chunk, None, Equipment]:
    """Write what meters are of."""
    at = book.before_start(850)
    maker = book.ids("manufacturers", 1)
    site = "https://calin.example.com"
    yield book.chunk("manufacturers", maker, at, type="meter", name="Calin", website=site)
    phases = book.ids("meter_types", 2)
    yield book.chunk("meter_types", phases, at, online=False, phase=np.array([1, 3]), max_current=np.array([10, 40]))
    types = book.ids("connection_types", len(_CONNECTION_TYPES))
    yield book.chunk("connection_types", types, at, name=texts(_CONNECTION_TYPES))
    groups = book.ids("connection_groups", len(_CONNECTION_GROUPS))
    yield book.chunk("connection_groups", groups, at, name=texts(_CONNECTION_GROUPS))
    return Equipment(maker=int(maker[0]), phases=phases, types=types, groups=groups)


def _since(book: Book) -> Moments:
    """Return when each customer joined, in order: the number grows by the same factor every year."""
    years, count = book.profile.years, book.profile.customers
    early = round(count * GROWTH**-years)
    before = -book.rng.integers(1, 600, early)
    chance = book.rng.random(count - early)
    later = np.log1p(chance * (GROWTH**years - 1)) / np.log(GROWTH) * 365
    # The last week's are not connected yet.
    days = np.sort(np.concatenate([before, np.minimum(later, 365 * years - 8).astype(np.int64)]))
    return np.sort(book.start + days * DAY + time_of_day(book.rng, count))


def write_customers(
    book: Book, places: Places, tariffs: Tariffs, agents: Agents, equipment: Equipment
) -> Generator[Chunk, None, Customers]:
    """Write the customers with their meters: some were there before the business's time, more and more joined."""
    rng, since, count = book.rng, _since(book), book.profile.customers
    kind = rng.choice(len(_KINDS), count, p=_KINDS)
    tariff = (rng.random(count) < 1 / 3).astype(np.int64)
    village = rng.choice(len(places.cities), count, p=places.shares)
    grid = places.grid[village]
    people, phones = yield from write_people(book, places.cities[village], since, "customer")
    meters = book.ids("meters", count)
    serials = np.char.add(b"47%04d" % (book.profile.seed % 10_000), digits(np.arange(count), max(5, len(str(count)))))
    yield book.chunk(
        "meters",
        meters,
        since,
        serial_number=serials,
        meter_type_id=equipment.phases[(kind == _PRODUCTIVE).astype(int)],
        in_use=True,
        manufacturer_id=equipment.maker,
        connection_type_id=equipment.types[kind],
        connection_group_id=equipment.groups[(kind > 0).astype(int)],
        tariff_id=tariffs.ids[tariff],
    )
    devices = yield from write_devices(book, since, people, "meter", meters, serials)
    north, east = rng.normal(0, 0.004, (2, count))
    yield located(book, "device", devices, since, places.latitudes[village] + north, places.longitudes[village] + east)
    return Customers(
        people=people,
        since=since,
        left=since + (rng.exponential(_HALF_GONE / np.log(2) * 365, count) * 86_400).astype("m8[s]"),
        phones=phones,
        agents=agents.first[grid] + rng.integers(0, agents.count[grid]),
        meters=meters,
        devices=devices,
        serials=serials,
        prices=tariffs.prices[tariff],
        fees=tariffs.fees[tariff],
        appetites=_APPETITES[kind] * rng.uniform(0.5, 1.6, count),
    )


def write_devices(
    book: Book, at: Moments, people: Integers, kind: str, ids: Integers, serials: Array
) -> Generator[Chunk, None, Integers]:
    """Write the devices over these meters or systems; return their ids."""
    devices = book.ids("devices", len(ids))
    yield book.chunk("devices", devices, at, person_id=people, device_type=kind, device_id=ids, device_serial=serials)
    return devices
