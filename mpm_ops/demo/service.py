"""Chapter four: readings, tickets, messages and targets."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from mpm_ops.demo.book import Book
from mpm_ops.demo.setting import ADMIN, Customer

_CATEGORIES = (
    ("Meter does not take the token", "red", "Token was refused twice."),
    ("No power", "orange", "The whole house is dark since the morning."),
    ("Question about the bill", "blue", "Asks what the last payment was spent on."),
    ("New connection", "green", "Wants a second socket for a shop."),
)


def write_readings(book: Book, customers: list[Customer]) -> None:
    """Write a reading of each meter at the end of each month."""
    for customer in customers:
        total = 0.0
        day = max(customer.since, book.start) + dt.timedelta(days=30)
        while day <= book.end:
            used = round(customer.appetite * 2 * book.random.uniform(0.7, 1.3), 2)
            total = round(total + used, 2)
            book.add(
                "meter_consumptions",
                day,
                meter_id=customer.meter_id,
                total_consumption=total,
                consumption=used,
                credit_on_meter=round(book.random.uniform(0, customer.appetite), 2),
                reading_date=day,
            )
            day += dt.timedelta(days=30)


def write_tickets(book: Book, customers: list[Customer]) -> None:
    """Write a ticket for about every third customer; most are closed."""
    rng = book.random
    at = book.days_before_start(400)
    categories = [
        (book.add("ticket_categories", at, label_name=name, label_color=colour, out_source=False), name, text)
        for name, colour, text in _CATEGORIES
    ]
    helper = book.add("ticket_users", at, user_name="Field team", phone=book.profile.phone, out_source=False)
    for customer in rng.sample(customers, len(customers) // 3):
        category, title, text = rng.choice(categories)
        opened = max(customer.since, book.start) + dt.timedelta(days=rng.uniform(1, 300))
        if opened > book.end:
            continue
        closed = min(opened + dt.timedelta(hours=rng.uniform(2, 240)), book.end)
        done = rng.random() < 0.8
        ticket = book.add(
            "tickets",
            opened,
            creator_type="users",
            creator_id=ADMIN,
            assigned_id=helper,
            owner_type="person",
            owner_id=customer.person_id,
            status=int(done),
            title=title,
            content=text,
            category_id=category,
        )
        if done:
            book.row("tickets", ticket)["updated_at"] = closed
            book.add("ticket_comments", closed, ticket_id=ticket, ticket_user_id=helper, comment="Visited and solved.")


def write_messages(book: Book) -> None:
    """Write the SMS that went with each fifth token."""
    tokens = book.table("tokens")[::5]
    for token in tokens:
        transaction = book.row("transactions", token["transaction_id"])
        book.add(
            "sms",
            token["created_at"],
            receiver=transaction["sender"],
            trigger_type="transaction",
            trigger_id=transaction["id"],
            body=f"Your token: {token['token']} for {token['token_amount']} kWh.",
            status=1,
            direction=1,
        )


def write_targets(book: Book) -> None:
    """Write a target for each mini-grid, to be met by the end of the year after this one."""
    groups = book.table("connection_groups")
    for grid in book.table("mini_grids"):
        target = book.add(
            "targets",
            book.start,
            target_date=(book.end + dt.timedelta(days=180)).date(),
            type="mini-grid",
            owner_type="mini-grid",
            owner_id=grid["id"],
        )
        for group in groups:
            book.add(
                "sub_targets",
                book.start,
                target_id=target,
                connection_id=group["id"],
                revenue=Decimal(book.profile.price * 4000),
                new_connections=20,
                connected_power=12.5,
                energy_per_month=350.0,
                average_revenue_per_month=Decimal(book.profile.price * 330),
            )
