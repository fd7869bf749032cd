"""What the company wants to reach, and the reports of what it did."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, Id, LooseRef, Money, Stamped, pair


class Target(Stamped, Base):
    """A date by which a mini-grid or a cluster is to reach its sub-targets."""

    __tablename__ = "targets"
    __table_args__ = (pair("targets", "owner"),)

    id: Mapped[Id]
    target_date: Mapped[dt.date]
    type: Mapped[str]
    owner_type: Mapped[str]
    owner_id: Mapped[LooseRef]


class SubTarget(Stamped, Base):
    """The figures that one connection group is to reach within a target."""

    __tablename__ = "sub_targets"

    id: Mapped[Id]
    target_id: Mapped[int] = mapped_column(sa.ForeignKey("targets.id", ondelete="CASCADE"), index=True)
    # A connection group, whatever the name suggests.
    connection_id: Mapped[int] = mapped_column(sa.ForeignKey("connection_groups.id"), index=True)
    revenue: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    new_connections: Mapped[int] = mapped_column(server_default=sa.text("0"))
    # kW, then kWh
    connected_power: Mapped[float]
    energy_per_month: Mapped[float]
    average_revenue_per_month: Mapped[Money]


class Report(Stamped, Base):
    """A report of a village over a period; the file lies in object storage."""

    __tablename__ = "reports"

    id: Mapped[Id]
    name: Mapped[str]
    path: Mapped[str]
    type: Mapped[str]
    # A period, written 'first day---last day'.
    date: Mapped[str]
