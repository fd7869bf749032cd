"""Meters, solar home systems and e-bikes, and the devices table over all of them.

Serial numbers are text, not citext: they are machine identifiers, always written by programs, and joined with
`transactions.message` on the hottest path of all, where citext would fold every value of both sides.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, Id, LooseRef, Stamped, one_of, pair


class Manufacturer(Stamped, Base):
    """A maker of devices, and the name of the program interface that makes tokens for them."""

    __tablename__ = "manufacturers"
    __table_args__ = (one_of("type", "meter", "shs", "e-bike"),)

    id: Mapped[Id]
    type: Mapped[str] = mapped_column(server_default="meter")
    name: Mapped[str]
    website: Mapped[str | None]
    contact_person: Mapped[str | None]
    api_name: Mapped[str | None]


class Device(Stamped, Base):
    """A device of any kind, by its serial number, and who has it."""

    __tablename__ = "devices"
    __table_args__ = (pair("devices", "device"),)

    id: Mapped[Id]
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id"), index=True)
    device_type: Mapped[str]
    device_id: Mapped[LooseRef]
    device_serial: Mapped[str] = mapped_column(unique=True)
    manufacturer_mapping_status: Mapped[str] = mapped_column(server_default="unknown")
    manufacturer_mapping_checked_at: Mapped[dt.datetime | None]


class MeterType(Stamped, Base):
    """A kind of meter."""

    __tablename__ = "meter_types"

    id: Mapped[Id]
    online: Mapped[bool] = mapped_column(server_default=sa.false())
    phase: Mapped[int] = mapped_column(server_default=sa.text("1"))
    # ampere
    max_current: Mapped[int] = mapped_column(server_default=sa.text("10"))


class Meter(Stamped, Base):
    """An electricity meter."""

    __tablename__ = "meters"

    id: Mapped[Id]
    serial_number: Mapped[str] = mapped_column(unique=True)
    meter_type_id: Mapped[int] = mapped_column(sa.ForeignKey("meter_types.id"), index=True)
    in_use: Mapped[bool] = mapped_column(server_default=sa.false())
    manufacturer_id: Mapped[int] = mapped_column(sa.ForeignKey("manufacturers.id"), index=True)
    # MPM's models also relate this column to sub_connection_types. All dashboards split revenue by connection type
    # through it, and a sub type's id would be counted under the wrong type, so the server holds it to the types.
    connection_type_id: Mapped[int] = mapped_column(sa.ForeignKey("connection_types.id"), index=True)
    connection_group_id: Mapped[int] = mapped_column(sa.ForeignKey("connection_groups.id"), index=True)
    tariff_id: Mapped[int] = mapped_column(sa.ForeignKey("tariffs.id"), index=True)


class MeterConsumption(Stamped, Base):
    """A reading of a meter."""

    __tablename__ = "meter_consumptions"

    id: Mapped[Id]
    meter_id: Mapped[int] = mapped_column(sa.ForeignKey("meters.id"), index=True)
    total_consumption: Mapped[float]
    consumption: Mapped[float] = mapped_column(server_default=sa.text("0"))
    # Energy, as the meter shows it: a reading, not a balance in money.
    credit_on_meter: Mapped[float]
    reading_date: Mapped[dt.datetime]


class SolarHomeSystem(Stamped, Base):
    """A solar home system."""

    __tablename__ = "solar_home_systems"

    id: Mapped[Id]
    appliance_id: Mapped[int] = mapped_column(sa.ForeignKey("appliances.id"), index=True)
    serial_number: Mapped[str] = mapped_column(unique=True)
    manufacturer_id: Mapped[int] = mapped_column(sa.ForeignKey("manufacturers.id"), index=True)


class EBike(Stamped, Base):
    """An electric bike, with what its controller reported last."""

    __tablename__ = "e_bikes"

    id: Mapped[Id]
    serial_number: Mapped[str] = mapped_column(unique=True)
    appliance_id: Mapped[int] = mapped_column(sa.ForeignKey("appliances.id"), index=True)
    manufacturer_id: Mapped[int] = mapped_column(sa.ForeignKey("manufacturers.id"), index=True)
    # receive_time, status and soh (state of health) are kept as the vendor sends them: no format is promised.
    receive_time: Mapped[str | None]
    lat: Mapped[float | None]
    lng: Mapped[float | None]
    speed: Mapped[float | None]
    mileage: Mapped[float | None]
    status: Mapped[str | None]
    soh: Mapped[str | None]
    battery_level: Mapped[float | None]
    battery_voltage: Mapped[float | None]
