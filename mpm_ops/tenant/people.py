"""Customers, agents and maintenance people, where they live, their papers."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, CaseFree, Id, Json, LooseRef, Stamped, one_of, pair


class Person(Stamped, Base):
    """A person: customer, agent or maintenance."""

    __tablename__ = "people"
    __table_args__ = (one_of("type", "maintenance", "customer", "agent"),)

    id: Mapped[Id]
    title: Mapped[str | None]
    education: Mapped[str | None]
    name: Mapped[str] = mapped_column(index=True)
    surname: Mapped[str] = mapped_column(index=True)
    birth_date: Mapped[dt.date | None]
    gender: Mapped[str | None]
    nationality: Mapped[int | None] = mapped_column(sa.ForeignKey("countries.id"), index=True)
    is_customer: Mapped[bool] = mapped_column(server_default=sa.true())
    type: Mapped[str] = mapped_column(server_default="customer")
    mini_grid_id: Mapped[int | None] = mapped_column(sa.ForeignKey("mini_grids.id"), index=True)
    deleted_at: Mapped[dt.datetime | None]
    onboarding_json: Mapped[Json | None]


class Address(Stamped, Base):
    """An address of a person, a manufacturer or whoever else has one."""

    __tablename__ = "addresses"
    __table_args__ = (
        pair("addresses", "owner"),
        # "Who lives in this village" asks for primary addresses only; the index over all serves the foreign key.
        sa.Index("ix_addresses_city_id_where_primary", "city_id", postgresql_where=sa.text("is_primary")),
    )

    id: Mapped[Id]
    owner_type: Mapped[str]
    owner_id: Mapped[LooseRef]
    email: Mapped[CaseFree | None]
    phone: Mapped[str | None] = mapped_column(index=True)
    street: Mapped[str | None]
    city_id: Mapped[int | None] = mapped_column(sa.ForeignKey("cities.id"), index=True)
    is_primary: Mapped[bool] = mapped_column(server_default=sa.false())


class GeographicalInformation(Stamped, Base):
    """The place on the map of a device, a city, an address ..."""

    __tablename__ = "geographical_informations"
    __table_args__ = (pair("geographical_informations", "owner"),)

    id: Mapped[Id]
    owner_id: Mapped[LooseRef]
    owner_type: Mapped[str]
    geo_json: Mapped[Json | None]


class PersonDocument(Stamped, Base):
    """A file about a person; the file itself lies in object storage."""

    __tablename__ = "person_documents"

    id: Mapped[Id]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id"), index=True)
    category: Mapped[str] = mapped_column(server_default="identity_record")
    type: Mapped[str]
    name: Mapped[str]
    original_name: Mapped[str | None]
    mime_type: Mapped[str | None]
    file_size: Mapped[int | None] = mapped_column(sa.BigInteger)
    location: Mapped[str | None]
