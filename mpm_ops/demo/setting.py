"""Chapter one of a made-up business: places and tariffs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from mpm_ops.demo.book import ADMIN, Book, Chunk, Floats, Integers, Moments, Ref
from mpm_ops.demo.draws import points, texts

#: Customers of a village, on average, in a business that is larger than its profile's villages.
_A_VILLAGE = 120
#: Mini-grids of a cluster.
_A_CLUSTER = 15


@dataclass(frozen=True, kw_only=True)
class Places:
    """The villages, and the mini-grids that feed them: every second village has one of its own."""

    cities: Integers
    #: Which part of the customers lives in each village.
    shares: Floats
    latitudes: Floats
    longitudes: Floats
    grids: Integers
    #: By village, the place of its mini-grid in `grids`.
    grid: Integers


@dataclass(frozen=True, kw_only=True)
class Tariffs:
    """A tariff without an access rate and one with; its fee pays for 30 days."""

    ids: Integers
    #: Of a kWh.
    prices: Integers
    #: 0 where there is none.
    fees: Integers
    access_rate: int


def write_places(book: Book) -> Generator[Chunk, None, Places]:
    """Write clusters, mini-grids and villages. Few villages are large, many are small, and so are their mini-grids."""
    profile, rng = book.profile, book.rng
    at = book.before_start(900)
    count = max(len(profile.villages), profile.customers // _A_VILLAGE)
    names = _names(profile.villages, profile.quarters, count)
    own = np.arange(0, count, 2)
    clusters = book.ids("clusters", 1 + len(own) // _A_CLUSTER)
    regions = _names([profile.cluster], profile.quarters, len(clusters))
    north, east = rng.uniform(-0.6, 0.6, (2, len(clusters))) * (np.arange(len(clusters)) > 0)
    middles = points(profile.latitude + north, profile.longitude + east)
    yield book.chunk("clusters", clusters, at, name=texts(regions), manager_id=ADMIN, geo_json=middles)
    region = np.arange(count) // 2 // _A_CLUSTER
    latitudes = profile.latitude + north[region] + rng.uniform(-0.15, 0.15, count)
    longitudes = profile.longitude + east[region] + rng.uniform(-0.15, 0.15, count)
    grids = book.ids("mini_grids", len(own))
    titles = texts([f"{names[village]} Mini-Grid" for village in own])
    yield book.chunk("mini_grids", grids, at, cluster_id=clusters[region[own]], name=titles)
    yield located(book, "mini-grid", grids, at, latitudes[own], longitudes[own])
    cities = book.ids("cities", count)
    country = Ref("countries", "country_code", profile.country_code)
    grid = np.arange(count) // 2
    yield book.chunk("cities", cities, at, name=texts(names), country_id=country, mini_grid_id=grids[grid])
    sizes = rng.lognormal(0, 0.7, count)
    return Places(
        cities=cities, shares=sizes / sizes.sum(), latitudes=latitudes, longitudes=longitudes, grids=grids, grid=grid
    )


def _names(words: Sequence[str], quarters: Sequence[str], count: int) -> list[str]:
    """Return as many names of places: the words, then parts of them, then numbered ones."""
    names = [*words, *(f"{word} {quarter}" for quarter in quarters for word in words)]
    rounds = -(-count // len(names))
    return [name if number == 1 else f"{name} {number}" for number in range(1, rounds + 1) for name in names][:count]


def located(book: Book, kind: str, owners: Integers, at: Moments | np.datetime64, north: Floats, east: Floats) -> Chunk:
    """Return the places on the map of these owners."""
    ids = book.ids("geographical_informations", len(owners))
    return book.chunk(
        "geographical_informations", ids, at, owner_type=kind, owner_id=owners, geo_json=points(north, east)
    )


def write_tariffs(book: Book) -> Generator[Chunk, None, Tariffs]:
    """Write both tariffs."""
    profile = book.profile
    at = book.before_start(800)
    prices = np.array([profile.price, profile.price * 3 // 5])
    ids = book.ids("tariffs", 2)
    yield book.chunk(
        "tariffs",
        ids,
        at,
        name=texts(["Pay as you go", "With monthly connection"]),
        price=prices,
        currency=profile.currency,
        factor=1,
        # Nobody may buy less than a kWh.
        minimum_purchase_amount=prices,
    )
    rate = book.ids("access_rates", 1)
    yield book.chunk("access_rates", rate, at, tariff_id=ids[1:], amount=profile.access_rate, period=30)
    return Tariffs(ids=ids, prices=prices, fees=np.array([0, profile.access_rate]), access_rate=int(rate[0]))
