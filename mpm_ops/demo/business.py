"""Generates a made-up business: pure, and the same rows for the same profile and day."""

from __future__ import annotations

import datetime as dt

from mpm_ops.demo.book import Book, Business
from mpm_ops.demo.loans import write_loans
from mpm_ops.demo.payments import write_payments
from mpm_ops.demo.profiles import Profile
from mpm_ops.demo.service import write_messages, write_readings, write_targets, write_tickets
from mpm_ops.demo.setting import write_agents, write_customers, write_places


def generate(profile: Profile, *, until: dt.date) -> Business:
    """Return a year of business that ends with the day `until`; no row is dated after it."""
    book = Book(profile, until)
    places = write_places(book)
    customers = write_customers(book, places)
    agents = write_agents(book, places)
    loans = write_loans(book, customers)
    write_payments(book, customers, loans, agents)
    write_readings(book, customers)
    write_tickets(book, customers)
    write_messages(book)
    write_targets(book)
    return book.business()
