"""What all tables of a company database share: names of constraints, column types, time stamps."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql

#: Every constraint and index has a name that follows from its columns, so that a later revision can find it.
NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

Id = Annotated[int, orm.mapped_column(sa.BigInteger, sa.Identity(always=False), primary_key=True)]
#: The id half of a reference that the server cannot check: to one of several tables, or into another database.
LooseRef = Annotated[int, orm.mapped_column(sa.BigInteger)]
SmallInt = Annotated[int, orm.mapped_column(sa.SmallInteger)]
#: Amounts, prices, debts, balances, in the company's currency. MPM's doubles lose cents in sums.
Money = Annotated[Decimal, orm.mapped_column(sa.Numeric(20, 4))]
#: A percentage, as typed by a person: 18 means 18 %.
Percent = Annotated[Decimal, orm.mapped_column(sa.Numeric)]
#: Text that compares without regard to case, where MPM leans on MySQL's collation to do so.
CaseFree = Annotated[str, orm.mapped_column(postgresql.CITEXT)]
Json = Annotated[Any, orm.mapped_column(postgresql.JSONB)]


class Base(orm.DeclarativeBase):
    """A row of a company database."""

    metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - the form that SQLAlchemy documents
        bool: sa.Boolean,
        dt.date: sa.Date,
        dt.datetime: sa.TIMESTAMP(timezone=True),
        # Measured quantities: energy, power, speed, degrees.
        float: sa.Double,
        int: sa.Integer,
        str: sa.Text,
    }


class Stamped:
    """Has the two time stamps that nearly every table of MPM carries."""

    # Nullable as in MPM, whose imports leave them empty. sort_order puts them last.
    created_at: orm.Mapped[dt.datetime | None] = orm.mapped_column(server_default=sa.func.now(), sort_order=100)
    updated_at: orm.Mapped[dt.datetime | None] = orm.mapped_column(server_default=sa.func.now(), sort_order=101)


def one_of(column: str, *values: str | int) -> sa.CheckConstraint:
    """Return the CHECK, named after `column`, that allows only `values` in it (and NULL where the column does)."""
    listed = ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def pair(table: str, name: str) -> sa.Index:
    """Return the index of a reference to one of several tables: columns `<name>_type` and `<name>_id`."""
    return sa.Index(f"ix_{table}_{name}", f"{name}_type", f"{name}_id")
