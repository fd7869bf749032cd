"""Where a company works: cluster, mini-grid, village."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, CaseFree, Id, Json, Stamped


class Country(Stamped, Base):
    """A country, by its ISO 3166 code of two letters."""

    __tablename__ = "countries"

    id: Mapped[Id]
    country_code: Mapped[str]
    country_name: Mapped[str]


class Cluster(Stamped, Base):
    """A region with mini-grids, run by one manager."""

    __tablename__ = "clusters"
    __table_args__ = (sa.Index(None, "created_at"),)

    id: Mapped[Id]
    name: Mapped[CaseFree]
    manager_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    geo_json: Mapped[Json]
    deleted_at: Mapped[dt.datetime | None]


class MiniGrid(Stamped, Base):
    """A mini-grid: one power plant and the villages that it feeds."""

    __tablename__ = "mini_grids"

    id: Mapped[Id]
    cluster_id: Mapped[int] = mapped_column(sa.ForeignKey("clusters.id"), index=True)
    name: Mapped[CaseFree]
    deleted_at: Mapped[dt.datetime | None]


class City(Stamped, Base):
    """A village (MPM's table keeps its older name)."""

    __tablename__ = "cities"

    id: Mapped[Id]
    name: Mapped[CaseFree]
    country_id: Mapped[int] = mapped_column(sa.ForeignKey("countries.id"), index=True)
    mini_grid_id: Mapped[int] = mapped_column(sa.ForeignKey("mini_grids.id"), index=True)
    deleted_at: Mapped[dt.datetime | None]
