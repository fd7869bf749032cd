"""What energy costs, and the kinds of connection that pay it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, CaseFree, Id, LooseRef, Money, Stamped, pair


class Tariff(Stamped, Base):
    """A price of energy."""

    __tablename__ = "tariffs"

    id: Mapped[Id]
    name: Mapped[str]
    price: Mapped[Money]
    currency: Mapped[str]
    factor: Mapped[int | None]
    minimum_purchase_amount: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    deleted_at: Mapped[dt.datetime | None]


class AccessRate(Stamped, Base):
    """A fee that a tariff adds every so many days."""

    __tablename__ = "access_rates"

    id: Mapped[Id]
    tariff_id: Mapped[int] = mapped_column(sa.ForeignKey("tariffs.id", ondelete="CASCADE"), index=True)
    amount: Mapped[Money]
    # days
    period: Mapped[int] = mapped_column(server_default=sa.text("7"))


class SocialTariff(Stamped, Base):
    """A cheaper daily allowance within a tariff."""

    __tablename__ = "social_tariffs"

    id: Mapped[Id]
    tariff_id: Mapped[int] = mapped_column(sa.ForeignKey("tariffs.id", ondelete="CASCADE"), index=True)
    daily_allowance: Mapped[int]
    price: Mapped[Money]
    # An amount of energy, whatever "budget" suggests.
    initial_energy_budget: Mapped[float]
    maximum_stacked_energy: Mapped[int]


class TimeOfUsage(Stamped, Base):
    """A span of the day in which a tariff has another price."""

    __tablename__ = "time_of_usages"

    id: Mapped[Id]
    tariff_id: Mapped[int] = mapped_column(sa.ForeignKey("tariffs.id", ondelete="CASCADE"), index=True)
    # Times of day as MPM's form sends them; also a span's end of "24:00" or "00:00", so they stay text.
    start: Mapped[str]
    end: Mapped[str]
    # Multiplied with a price: exact, but no money itself.
    value: Mapped[Decimal] = mapped_column(sa.Numeric)


class TariffPricingComponent(Stamped, Base):
    """A named part of a price."""

    __tablename__ = "tariff_pricing_components"
    __table_args__ = (pair("tariff_pricing_components", "owner"),)

    id: Mapped[Id]
    name: Mapped[str]
    price: Mapped[Money]
    owner_type: Mapped[str]
    owner_id: Mapped[LooseRef]


class ConnectionType(Stamped, Base):
    """A kind of customer: household, commercial ..."""

    __tablename__ = "connection_types"

    id: Mapped[Id]
    name: Mapped[CaseFree]


class SubConnectionType(Stamped, Base):
    """A finer kind within a connection type, with its tariff."""

    __tablename__ = "sub_connection_types"

    id: Mapped[Id]
    name: Mapped[CaseFree]
    connection_type_id: Mapped[int] = mapped_column(sa.ForeignKey("connection_types.id"), index=True)
    # NOT NULL in MPM, which seeds a row here while no tariff exists, so that its id points nowhere. NULL says that.
    tariff_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tariffs.id"), index=True)


class ConnectionGroup(Stamped, Base):
    """A group of connections that targets are set for."""

    __tablename__ = "connection_groups"

    id: Mapped[Id]
    name: Mapped[CaseFree]
