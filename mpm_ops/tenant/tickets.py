"""Tickets: complaints and jobs, who works on them, what outside work cost."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, CaseFree, Id, LooseRef, Money, SmallInt, Stamped, one_of, pair


class TicketCategory(Stamped, Base):
    """A label of tickets, and whether such work is given outside."""

    __tablename__ = "ticket_categories"

    id: Mapped[Id]
    label_name: Mapped[CaseFree]
    label_color: Mapped[str]
    out_source: Mapped[bool]


class TicketUser(Stamped, Base):
    """Someone whom tickets are assigned to, inside the company or outside."""

    __tablename__ = "ticket_users"

    id: Mapped[Id]
    user_name: Mapped[CaseFree] = mapped_column(unique=True)
    phone: Mapped[str | None]
    out_source: Mapped[bool]
    # Presumably users.id, but nothing in MPM proves it: no foreign key.
    user_id: Mapped[LooseRef | None] = mapped_column(index=True)


class Ticket(Stamped, Base):
    """A complaint or a job; status 0 is open, 1 is closed."""

    __tablename__ = "tickets"
    __table_args__ = (
        pair("tickets", "creator"),
        pair("tickets", "owner"),
        one_of("status", 0, 1),
        sa.Index(None, "created_at"),
    )

    id: Mapped[Id]
    creator_type: Mapped[str]
    creator_id: Mapped[LooseRef]
    assigned_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket_users.id"), index=True)
    owner_type: Mapped[str]
    owner_id: Mapped[LooseRef]
    status: Mapped[SmallInt]
    due_date: Mapped[dt.datetime | None]
    title: Mapped[str]
    content: Mapped[str]
    category_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket_categories.id"), index=True)


class TicketComment(Stamped, Base):
    """A comment on a ticket."""

    __tablename__ = "ticket_comments"

    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    ticket_user_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket_users.id"), index=True)
    comment: Mapped[str]


class TicketOutsource(Stamped, Base):
    """What is paid for the outside work on a ticket."""

    __tablename__ = "ticket_outsources"

    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    amount: Mapped[Money]


class TicketOutsourcePayoutReport(Stamped, Base):
    """A monthly report of payments for outside work; the file lies in object storage."""

    __tablename__ = "ticket_outsource_payout_reports"

    id: Mapped[Id]
    # The name of a period, not a day.
    date: Mapped[str]
    path: Mapped[str]
