"""Appliances and their sale by installments."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, CaseFree, Id, LooseRef, Money, SmallInt, Stamped, one_of, pair


class ApplianceType(Stamped, Base):
    """A kind of appliance: solar home system, e-bike ..."""

    __tablename__ = "appliance_types"

    id: Mapped[Id]
    # Case-free: MPM asks for 'E-bike' where the row says 'E-Bike'.
    name: Mapped[CaseFree]
    paygo_enabled: Mapped[bool] = mapped_column(server_default=sa.false())


class Appliance(Stamped, Base):
    """A model of appliance that the company sells."""

    __tablename__ = "appliances"

    id: Mapped[Id]
    name: Mapped[str]
    appliance_type_id: Mapped[int] = mapped_column(sa.ForeignKey("appliance_types.id"), index=True)
    price: Mapped[Money]


class AppliancePerson(Stamped, Base):
    """A sale of one appliance to one person: the loan."""

    __tablename__ = "appliance_people"
    __table_args__ = (
        pair("appliance_people", "creator"),
        one_of("payment_type", "installment", "energy_service"),
    )

    id: Mapped[Id]
    appliance_id: Mapped[int] = mapped_column(sa.ForeignKey("appliances.id"), index=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id"), index=True)
    total_cost: Mapped[Money]
    rate_count: Mapped[int]
    creator_type: Mapped[str]
    creator_id: Mapped[LooseRef]
    down_payment: Mapped[Money | None]
    first_payment_date: Mapped[dt.date | None]
    # Joins devices.device_serial and transactions.message, and is often typed before the device exists: no foreign key.
    device_serial: Mapped[str | None] = mapped_column(index=True)
    payment_type: Mapped[str] = mapped_column(server_default="installment")
    minimum_payable_amount: Mapped[Money | None]
    price_per_day: Mapped[Money | None]
    deleted_at: Mapped[dt.datetime | None]


class ApplianceRate(Stamped, Base):
    """One installment of a sale."""

    __tablename__ = "appliance_rates"

    id: Mapped[Id]
    appliance_person_id: Mapped[int] = mapped_column(
        sa.ForeignKey("appliance_people.id", ondelete="CASCADE"), index=True
    )
    rate_cost: Mapped[Money]
    remaining: Mapped[Money]
    due_date: Mapped[dt.datetime] = mapped_column(index=True)
    # How far reminding has come; MPM starts it at 0. An int beside MPM's own booleans (tinyint), so not read as one.
    remind: Mapped[SmallInt]
