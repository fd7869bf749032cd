"""The company's own settings, its plugins, and its log."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, CaseFree, Id, LooseRef, Percent, SmallInt, Stamped, one_of, pair


class MainSetting(Stamped, Base):
    """The settings of the company: one row."""

    __tablename__ = "main_settings"
    __table_args__ = (
        one_of(
            "usage_type",
            "mini-grid",
            "shs",
            "e-bike",
            "mini-grid&shs",
            "mini-grid&e-bike",
            "shs&e-bike",
            "mini-grid&shs&e-bike",
        ),
        # A second row would have an equal key.
        sa.Index("uq_main_settings_one_row", sa.text("(true)"), unique=True),
    )

    id: Mapped[Id]
    usage_type: Mapped[str] = mapped_column(server_default="mini-grid&shs&e-bike")
    site_title: Mapped[str]
    company_name: Mapped[str]
    currency: Mapped[str]
    country: Mapped[str]
    language: Mapped[str]
    vat_energy: Mapped[Percent | None]
    vat_appliance: Mapped[Percent | None]
    # A plugin's gateway: which table that is depends on the plugin.
    sms_gateway_id: Mapped[LooseRef | None]
    transaction_sms_enabled: Mapped[bool] = mapped_column(server_default=sa.true())


class MapSetting(Stamped, Base):
    """Where the map opens: one row."""

    __tablename__ = "map_settings"
    __table_args__ = (sa.Index("uq_map_settings_one_row", sa.text("(true)"), unique=True),)

    id: Mapped[Id]
    zoom: Mapped[int]
    latitude: Mapped[float]
    longitude: Mapped[float]
    provider: Mapped[str | None]


class Plugin(Stamped, Base):
    """A plugin that the company chose; status 1 is active, 0 is switched off."""

    __tablename__ = "plugins"
    # A number, not a boolean: MPM's queries say `status = 1`, as they do of every other status.
    __table_args__ = (one_of("status", 0, 1),)

    id: Mapped[Id]
    # mpm_plugins is in the central database: no foreign key reaches it.
    mpm_plugin_id: Mapped[LooseRef] = mapped_column(unique=True)
    status: Mapped[SmallInt] = mapped_column(server_default=sa.text("0"))


class RegistrationTail(Stamped, Base):
    """A step of the set-up wizard that the company still has to take."""

    __tablename__ = "registration_tail"

    id: Mapped[Id]
    component: Mapped[CaseFree | None]
    adjusted: Mapped[bool] = mapped_column(server_default=sa.false())
    updated_by: Mapped[LooseRef | None]


class Log(Stamped, Base):
    """Something that a user did to something."""

    __tablename__ = "logs"
    __table_args__ = (pair("logs", "affected"),)

    id: Mapped[Id]
    affected_type: Mapped[str]
    affected_id: Mapped[LooseRef]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    action: Mapped[str]
