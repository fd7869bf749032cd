"""Generates a made-up business: pure, in bounded memory, and the same rows for the same profile and day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np

from mpm_ops.demo.book import Book, Chunk
from mpm_ops.demo.ledger import Accounts, write_ledger, write_receipts
from mpm_ops.demo.loans import write_loans
from mpm_ops.demo.payments import draw_payments
from mpm_ops.demo.people import write_agents, write_customers, write_equipment
from mpm_ops.demo.postings import Connections, write_tokens, write_transactions
from mpm_ops.demo.profiles import Profile
from mpm_ops.demo.service import Meters, write_debts, write_desk, write_readings, write_targets, write_tickets
from mpm_ops.demo.setting import write_places, write_tariffs


def generate(profile: Profile, *, until: dt.date) -> Iterator[Chunk]:
    """Go through the rows of a business that ends with the day `until`, in an order in which references are met.

    No row is dated after that day.
    """
    book = Book(profile, np.datetime64(until))
    places = yield from write_places(book)
    tariffs = yield from write_tariffs(book)
    agents = yield from write_agents(book, places)
    equipment = yield from write_equipment(book)
    customers = yield from write_customers(book, places, tariffs, agents, equipment)
    installments = yield from write_loans(book, customers, agents)
    desk = yield from write_desk(book)
    yield from write_targets(book, places, equipment.groups)
    connections, accounts, meters = Connections(customers, tariffs.access_rate), Accounts(agents), Meters(customers)
    for span in book.spans():
        payments = draw_payments(book, span, customers, installments)
        originals = yield from write_transactions(book, payments, customers, agents)
        meters.credit += yield from write_tokens(book, payments.only(payments.successful), customers, connections)
        yield from write_ledger(book, payments, originals, customers, accounts)
        yield from write_tickets(book, span, customers, desk)
        if span.ends_month:
            yield from write_receipts(book, span, accounts)
            yield from write_readings(book, span, customers, meters)
    yield from write_debts(book, customers, connections)
