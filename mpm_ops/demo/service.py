"""Chapter seven: readings, tickets with their repairs, debts of access rates, targets."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from mpm_ops.demo.book import ADMIN, DAY, Array, Book, Chunk, Floats, Integers, Moments, Span
from mpm_ops.demo.draws import texts
from mpm_ops.demo.people import Customers
from mpm_ops.demo.postings import Connections
from mpm_ops.demo.setting import Places

#: Label, colour, what is written, and how often; the last two are repairs by people from outside.
_CATEGORIES = (
    ("Meter does not take the token", "red", "Token was refused twice.", 0.28),
    ("No power", "orange", "The whole house is dark since the morning.", 0.24),
    ("Question about the bill", "blue", "Asks what the last payment was spent on.", 0.20),
    ("New connection", "green", "Wants a second socket for a shop.", 0.12),
    ("Meter repair", "purple", "The display is broken; the meter has to be changed.", 0.10),
    ("Line repair", "black", "A pole is down after the storm.", 0.06),
)
_REPAIRS = 4
#: Tickets of a customer in a year, how many of them are closed, and after so many hours at most.
_A_YEAR, _CLOSED, _HOURS = 0.35, 0.95, 240


class Meters:
    """What the meters show."""

    def __init__(self, customers: Customers) -> None:
        #: kWh that were bought and not used yet; all that were used.
        self.credit = np.zeros(len(customers))
        self.total = np.zeros(len(customers))


def write_readings(book: Book, span: Span, customers: Customers, meters: Meters) -> Generator[Chunk, None, None]:
    """Write a reading of each meter at the end of a month: most of what was bought is used."""
    there = np.flatnonzero((customers.since < span.end) & (customers.left > span.start))
    used = (meters.credit[there] * book.rng.uniform(0.7, 1.0, len(there))).round(2)
    meters.credit[there] -= used
    meters.total[there] += used
    yield book.chunk(
        "meter_consumptions",
        book.ids("meter_consumptions", len(there)),
        span.last,
        meter_id=customers.meters[there],
        total_consumption=meters.total[there].round(2),
        consumption=used,
        credit_on_meter=meters.credit[there].round(2),
        reading_date=span.last,
    )


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where tickets go: the ids of their categories, and of the people who work on them."""

    categories: Integers
    inside: int
    outside: int


def write_desk(book: Book) -> Generator[Chunk, None, Desk]:
    """Write the categories of tickets and who works on them."""
    at = book.before_start(400)
    labels, colours, _, _ = zip(*_CATEGORIES, strict=True)
    categories = book.ids("ticket_categories", len(_CATEGORIES))
    yield book.chunk(
        "ticket_categories",
        categories,
        at,
        label_name=texts(labels),
        label_color=texts(colours),
        out_source=np.arange(len(_CATEGORIES)) >= _REPAIRS,
    )
    helpers = book.ids("ticket_users", 2)
    names, phone = texts(["Field team", "Repair workshop"]), book.profile.phone
    yield book.chunk("ticket_users", helpers, at, user_name=names, phone=phone, out_source=np.array([False, True]))
    return Desk(categories=categories, inside=int(helpers[0]), outside=int(helpers[1]))


def write_tickets(book: Book, span: Span, customers: Customers, desk: Desk) -> Generator[Chunk, None, None]:
    """Write the tickets that are opened in a span; most are closed some days later. Repairs outside cost money."""
    rng = book.rng
    there = np.flatnonzero((customers.since < span.start) & (customers.left > span.start))
    days = (span.end - span.start) / DAY
    owner = rng.choice(there, rng.poisson(len(there) * _A_YEAR * days / 365)) if len(there) else there
    count = len(owner)
    opened = np.sort(span.start + (rng.random(count) * days * 86_400).astype("m8[s]"))
    closed = opened + (rng.uniform(2, _HOURS, count) * 3600).astype("m8[s]")
    done = (rng.random(count) < _CLOSED) & (closed <= book.end)
    labels, _, contents, shares = zip(*_CATEGORIES, strict=True)
    category = rng.choice(len(_CATEGORIES), count, p=shares)
    helper = np.where(category >= _REPAIRS, desk.outside, desk.inside)
    tickets = book.ids("tickets", count)
    yield book.chunk(
        "tickets",
        tickets,
        opened,
        updated=np.where(done, closed, opened),
        creator_type="users",
        creator_id=ADMIN,
        assigned_id=helper,
        owner_type="person",
        owner_id=customers.people[owner],
        status=done.astype(np.int64),
        title=texts(labels)[category],
        content=texts(contents)[category],
        category_id=desk.categories[category],
    )
    solved = np.flatnonzero(done)
    yield from _write_work(book, tickets[solved], closed[solved], helper[solved], category[solved] >= _REPAIRS)


def _write_work(
    book: Book, tickets: Integers, closed: Moments, helper: Integers, outside: Array
) -> Generator[Chunk, None, None]:
    """Write what was done about tickets, and what it cost where somebody from outside did it."""
    comments = book.ids("ticket_comments", len(tickets))
    text = "Visited and solved."
    yield book.chunk("ticket_comments", comments, closed, ticket_id=tickets, ticket_user_id=helper, comment=text)
    repairs = book.ids("ticket_outsources", int(outside.sum()))
    cost = book.rng.integers(2, 20, len(repairs)) * book.profile.price
    yield book.chunk("ticket_outsources", repairs, closed[outside], ticket_id=tickets[outside], amount=cost)


def write_debts(book: Book, customers: Customers, connections: Connections) -> Generator[Chunk, None, None]:
    """Write what each meter owes for its connection at the end: nothing, or a fee for every 30 days that are over."""
    owing = np.flatnonzero(customers.fees)
    paid_until = connections.paid_at[owing] + 30 * DAY
    periods = np.maximum((book.end - paid_until) // (30 * DAY) + 1, 0)
    yield book.chunk(
        "access_rate_payments",
        book.ids("access_rate_payments", len(owing)),
        np.maximum(customers.since[owing], connections.paid_at[owing]),
        meter_id=customers.meters[owing],
        access_rate_id=connections.access_rate,
        due_date=paid_until + periods * 30 * DAY,
        debt=customers.fees[owing] * periods,
        unpaid_in_row=periods,
    )


def write_targets(book: Book, places: Places, groups: Integers) -> Generator[Chunk, None, None]:
    """Write a target for each mini-grid, to be met half a year after the end; larger ones have larger targets."""
    grids, profile = places.grids, book.profile
    targets = book.ids("targets", len(grids))
    yield book.chunk(
        "targets",
        targets,
        book.start,
        target_date=book.end + 180 * DAY,
        type="mini-grid",
        owner_type="mini-grid",
        owner_id=grids,
    )
    # Most customers are in the first group, and in each next one half as many.
    shares = 0.5 ** np.arange(len(groups))
    size: Floats = np.outer(np.bincount(places.grid, places.shares) * profile.customers, shares / shares.sum()).ravel()
    yield book.chunk(
        "sub_targets",
        book.ids("sub_targets", len(size)),
        book.start,
        target_id=np.repeat(targets, len(groups)),
        connection_id=np.tile(groups, len(grids)),
        revenue=(size * 100).astype(np.int64) * profile.price,  # of half a year
        new_connections=(size * 0.4).astype(np.int64) + 1,
        connected_power=(size * 0.3).round(1),
        energy_per_month=(size * 12).round(),
        average_revenue_per_month=np.full(len(size), 16 * profile.price),  # for each connection
    )
