"""The tables of the central database: MPM's own, with the keys that MPM lacks, and ours in the schema `ops`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql

Id = Annotated[int, orm.mapped_column(sa.BigInteger, sa.Identity(always=False), primary_key=True)]
BigInt = Annotated[int, orm.mapped_column(sa.BigInteger)]
#: Text that compares without regard to case, as under MySQL's collation.
CaseFree = Annotated[str, orm.mapped_column(postgresql.CITEXT)]
#: Text that is empty rather than NULL.
Note = Annotated[str, orm.mapped_column(sa.Text, server_default="")]
Texts = Annotated[list[str], orm.mapped_column(postgresql.ARRAY(sa.Text), server_default="{}")]
Moment = Annotated[dt.datetime, orm.mapped_column(sa.TIMESTAMP(timezone=True), server_default=sa.func.now())]


class Base(orm.DeclarativeBase):
    """A row of the central database."""

    metadata = sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - the form that SQLAlchemy documents
        dt.datetime: sa.TIMESTAMP(timezone=True),
        int: sa.Integer,
        str: sa.Text,
    }


metadata = Base.metadata


class Stamped:
    """Has the two time stamps of every table of MPM."""

    created_at: orm.Mapped[dt.datetime | None] = orm.mapped_column(server_default=sa.func.now(), sort_order=100)
    updated_at: orm.Mapped[dt.datetime | None] = orm.mapped_column(server_default=sa.func.now(), sort_order=101)


class Company(Stamped, Base):
    """A company, which is a tenant."""

    __tablename__ = "companies"
    __table_args__ = (
        sa.CheckConstraint("char_length(btrim(name::text)) BETWEEN 1 AND 255", name="name"),
        sa.CheckConstraint("status IN ('provisioning', 'active')", name="status"),
    )

    id: orm.Mapped[Id]
    name: orm.Mapped[CaseFree] = orm.mapped_column(unique=True)
    address: orm.Mapped[str]
    phone: orm.Mapped[str]
    # countries lies in the company's own database, so there is no foreign key. MPM's -1 for "none" is NULL here.
    country_id: orm.Mapped[BigInt | None]
    email: orm.Mapped[CaseFree] = orm.mapped_column(unique=True)
    # Ours: a company is hidden from lists and fleet runs until its registration is through (D8).
    status: orm.Mapped[str] = orm.mapped_column(server_default="provisioning")


class CompanyDatabase(Stamped, Base):
    """Which database holds a company's data: one each."""

    __tablename__ = "company_databases"
    __table_args__ = (sa.CheckConstraint("server <> ''", name="server"),)

    id: orm.Mapped[Id]
    company_id: orm.Mapped[BigInt] = orm.mapped_column(sa.ForeignKey("companies.id", ondelete="CASCADE"), unique=True)
    database_name: orm.Mapped[str] = orm.mapped_column(unique=True)
    # Ours: which of the servers in the settings it is on; `main` is the one of this database.
    server: orm.Mapped[str] = orm.mapped_column(server_default="main")


class DatabaseProxy(Stamped, Base):
    """Which company a user's e-mail address belongs to: one e-mail, one company."""

    __tablename__ = "database_proxies"

    id: orm.Mapped[Id]
    email: orm.Mapped[CaseFree] = orm.mapped_column(unique=True)
    fk_company_id: orm.Mapped[BigInt] = orm.mapped_column(sa.ForeignKey("companies.id", ondelete="CASCADE"), index=True)
    fk_company_database_id: orm.Mapped[BigInt] = orm.mapped_column(
        sa.ForeignKey("company_databases.id", ondelete="CASCADE"), index=True
    )


class MpmPlugin(Stamped, Base):
    """A plugin that a company may install; the ids are fixed, MPM's code names them."""

    __tablename__ = "mpm_plugins"
    __table_args__ = (sa.CheckConstraint("usage_type IN ('mini-grid', 'shs', 'e-bike', 'general')", name="usage_type"),)

    id: orm.Mapped[int] = orm.mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    usage_type: orm.Mapped[str] = orm.mapped_column(server_default="general")
    name: orm.Mapped[str] = orm.mapped_column(unique=True)
    description: orm.Mapped[str]
    installation_command: orm.Mapped[str | None]
    root_class: orm.Mapped[str | None]


class UsageType(Stamped, Base):
    """A kind of business, or several joined by &."""

    __tablename__ = "usage_types"

    id: orm.Mapped[Id]
    name: orm.Mapped[str]
    value: orm.Mapped[str] = orm.mapped_column(unique=True)


class ApiKey(Stamped, Base):
    """The hash of a key with which a program speaks for a company."""

    __tablename__ = "api_keys"

    id: orm.Mapped[Id]
    company_id: orm.Mapped[BigInt] = orm.mapped_column(sa.ForeignKey("companies.id", ondelete="CASCADE"), index=True)
    name: orm.Mapped[str | None]
    token_hash: orm.Mapped[str] = orm.mapped_column(unique=True)
    last_used_at: orm.Mapped[dt.datetime | None]
    active: orm.Mapped[bool] = orm.mapped_column(server_default=sa.true())


class Run(Base):
    """A fleet run: who did what to which companies, and how."""

    __tablename__ = "runs"
    __table_args__ = (
        sa.CheckConstraint("state IN ('running', 'finished', 'halted', 'interrupted')", name="state"),
        {"schema": "ops"},
    )

    id: orm.Mapped[Id]
    action: orm.Mapped[str]
    operator: orm.Mapped[Note]
    state: orm.Mapped[str] = orm.mapped_column(server_default="running")
    policy: orm.Mapped[Any] = orm.mapped_column(postgresql.JSONB, server_default="{}")
    plans: orm.Mapped[Any] = orm.mapped_column(postgresql.JSONB, server_default="[]")
    started_at: orm.Mapped[Moment]
    finished_at: orm.Mapped[dt.datetime | None]
    #: Why it ended before all companies were done.
    reason: orm.Mapped[Note]
    #: Set from another terminal: begin no further company for now.
    paused: orm.Mapped[bool] = orm.mapped_column(server_default=sa.false())
    #: The run whose unfinished companies this one took over.
    resumes: orm.Mapped[BigInt | None] = orm.mapped_column(sa.ForeignKey("ops.runs.id"))
    #: The shared run that this one is a part of, and which of its batches.
    part_of: orm.Mapped[BigInt | None] = orm.mapped_column(sa.ForeignKey("ops.runs.id"), index=True)
    batch: orm.Mapped[int | None]


class RunOutcome(Base):
    """How one company came out of a run; written as `untouched` before the run touches anything (D7)."""

    __tablename__ = "outcomes"
    __table_args__ = (
        sa.CheckConstraint("status IN ('done', 'skipped', 'busy', 'failed', 'untouched')", name="status"),
        {"schema": "ops"},
    )

    run_id: orm.Mapped[BigInt] = orm.mapped_column(
        sa.ForeignKey("ops.runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # No foreign key: the account outlives the company.
    company_id: orm.Mapped[BigInt] = orm.mapped_column(primary_key=True, autoincrement=False, index=True)
    company: orm.Mapped[str]
    status: orm.Mapped[str] = orm.mapped_column(server_default="untouched")
    before: orm.Mapped[Texts]
    after: orm.Mapped[Texts]
    reason: orm.Mapped[Note]
    kind: orm.Mapped[Note]
    message: orm.Mapped[Note]
    sqlstate: orm.Mapped[Note]
    revision: orm.Mapped[Note]
    statement: orm.Mapped[Note]
    hint: orm.Mapped[Note]
    blocker: orm.Mapped[Note]
    attempts: orm.Mapped[int] = orm.mapped_column(server_default="0")
    seconds: orm.Mapped[float] = orm.mapped_column(sa.Double, server_default="0")
    finished_at: orm.Mapped[dt.datetime | None]
    #: Hash of the plan that it was to go through; its steps are in the run's `plans`.
    plan: orm.Mapped[Note]


class Batch(Base):
    """A piece of a run that several processes share: companies that one of them claims, or the gate behind a stage."""

    __tablename__ = "batches"
    __table_args__ = ({"schema": "ops"},)

    run_id: orm.Mapped[BigInt] = orm.mapped_column(
        sa.ForeignKey("ops.runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: orm.Mapped[int] = orm.mapped_column(primary_key=True, autoincrement=False)
    #: The stage that a gate stands behind; empty where there are companies to migrate.
    gate: orm.Mapped[Note]
    companies: orm.Mapped[Any] = orm.mapped_column(postgresql.ARRAY(sa.BigInteger))
    done_at: orm.Mapped[dt.datetime | None]


class RegistrationStep(Base):
    """A step of a registration that is through; the rows go when the registration is finished or undone (D8)."""

    __tablename__ = "registration_steps"
    __table_args__ = ({"schema": "ops"},)

    # No foreign key: while a registration is undone its steps outlive the company's row.
    company_id: orm.Mapped[BigInt] = orm.mapped_column(primary_key=True, autoincrement=False)
    step: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    done_at: orm.Mapped[Moment]


class DriftReference(Base):
    """What a state of the tree makes on a server of some version: the objects of its catalog."""

    __tablename__ = "drift_references"
    __table_args__ = ({"schema": "ops"},)

    key: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    objects: orm.Mapped[Any] = orm.mapped_column(postgresql.JSONB)


class DriftCheck(Base):
    """The last comparison of a company's database with what its revision makes."""

    __tablename__ = "drift_checks"
    __table_args__ = ({"schema": "ops"},)

    company_id: orm.Mapped[BigInt] = orm.mapped_column(
        sa.ForeignKey("companies.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    heads: orm.Mapped[Texts]
    reference: orm.Mapped[str]
    marker: orm.Mapped[str]
    #: Counters of the database when nobody was connected to it, just before; empty when somebody was.
    rest: orm.Mapped[Note]
    differences: orm.Mapped[Any] = orm.mapped_column(postgresql.JSONB)
    checked_at: orm.Mapped[Moment]


class Analyst(Base):
    """Somebody who reads companies' data with a login of their own; a token is one whose time is short."""

    __tablename__ = "analysts"
    __table_args__ = ({"schema": "ops"},)

    id: orm.Mapped[Id]
    name: orm.Mapped[str] = orm.mapped_column(unique=True)
    login: orm.Mapped[str] = orm.mapped_column(unique=True)
    #: When the login itself ends.
    until: orm.Mapped[dt.datetime | None]
    created_at: orm.Mapped[Moment]
    created_by: orm.Mapped[Note]


class AnalystGrant(Base):
    """Which company an analyst may read; without a company all of them, those to come too."""

    __tablename__ = "analyst_grants"
    __table_args__ = (
        sa.UniqueConstraint("analyst_id", "company_id", postgresql_nulls_not_distinct=True),
        {"schema": "ops"},
    )

    id: orm.Mapped[Id]
    analyst_id: orm.Mapped[BigInt] = orm.mapped_column(sa.ForeignKey("ops.analysts.id", ondelete="CASCADE"))
    company_id: orm.Mapped[BigInt | None] = orm.mapped_column(
        sa.ForeignKey("companies.id", ondelete="CASCADE"), index=True
    )
    personal_data: orm.Mapped[bool] = orm.mapped_column(server_default=sa.false())
    until: orm.Mapped[dt.datetime | None]
    granted_at: orm.Mapped[Moment]
    granted_by: orm.Mapped[Note]


class Question(Base):
    """What somebody asked a company's database through this client. Only ever added to."""

    __tablename__ = "questions"
    __table_args__ = (
        sa.CheckConstraint("outcome IN ('answered', 'cut', 'failed')", name="outcome"),
        sa.Index(None, "asked_at", postgresql_using="brin"),
        {"schema": "ops"},
    )

    id: orm.Mapped[Id]
    asked_at: orm.Mapped[Moment]
    #: As the server knows who wrote this, whatever the client says.
    login: orm.Mapped[str] = orm.mapped_column(server_default=sa.text("SESSION_USER"))
    #: As the client says: the operator's name on that machine, an analyst's login, a user's e-mail address.
    who: orm.Mapped[str]
    # No foreign key: what was asked outlives the company.
    company_id: orm.Mapped[BigInt] = orm.mapped_column(index=True)
    statement: orm.Mapped[str]
    rows: orm.Mapped[BigInt]
    seconds: orm.Mapped[float] = orm.mapped_column(sa.Double)
    outcome: orm.Mapped[str]
    sqlstate: orm.Mapped[Note]


class CompanyUsage(Base):
    """What a company's database held and did when a snapshot was taken; NULL where it could not be asked."""

    __tablename__ = "usage"
    __table_args__ = ({"schema": "ops"},)

    taken_at: orm.Mapped[dt.datetime] = orm.mapped_column(primary_key=True)
    # No foreign key: the account outlives the company.
    company_id: orm.Mapped[BigInt] = orm.mapped_column(primary_key=True, autoincrement=False)
    company: orm.Mapped[str]
    size: orm.Mapped[BigInt | None]
    rows: orm.Mapped[BigInt | None]
    connections: orm.Mapped[int | None]
    #: These four since `counted_since`, or since the server lost count.
    transactions: orm.Mapped[BigInt | None]
    inserted: orm.Mapped[BigInt | None]
    updated: orm.Mapped[BigInt | None]
    deleted: orm.Mapped[BigInt | None]
    counted_since: orm.Mapped[dt.datetime | None]
    questions: orm.Mapped[BigInt]
    error: orm.Mapped[Note]
