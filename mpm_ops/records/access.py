"""Who may read what, how far databases are closed, and what was asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Hardening(StrEnum):
    """How far a database is closed to those who were granted nothing: see `mpm_ops.postgres.hardening`."""

    STANDARD = "standard"
    STRICT = "strict"


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """Something that lets an analyst do more than read what was granted, or that nobody could look at."""

    #: Which of the servers in the settings it is on, and in which database; empty when it is about the server.
    server: str
    database: str
    #: The role, table, schema, function ... that it is about.
    subject: str
    what: str
    #: A statement for psql in that database, or a command.
    fix: str
    #: Empty when it is about none.
    company: str = ""


@dataclass(frozen=True, kw_only=True)
class Hardened:
    """One database, after it was hardened."""

    server: str
    database: str
    company: str = ""
    #: Why it could not be; empty when it was.
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class AnalystGrant:
    """A company that an analyst may read."""

    #: None is all companies, those to come too.
    company_id: int | None
    company: str
    #: Whether names, phones, addresses and the like are shown as they are.
    personal_data: bool
    until: dt.datetime | None
    granted_at: dt.datetime
    granted_by: str


@dataclass(frozen=True, kw_only=True)
class Analyst:
    """Somebody who reads companies' data with a login of their own; a token is one whose time is short."""

    name: str
    #: The role on the servers.
    login: str
    #: When the login ends; None is never.
    until: dt.datetime | None
    created_at: dt.datetime
    created_by: str
    grants: Sequence[AnalystGrant]


@dataclass(frozen=True, kw_only=True)
class NewLogin:
    """A login that was just made. Its password is nowhere else: show the URL once, and keep it out of logs."""

    name: str
    login: str
    #: For MPM_OPS_DATABASE_URL.
    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Reaped:
    """A session that was ended because it went on for too long."""

    server: str
    login: str
    database: str
    #: How old its statement or its open transaction was.
    seconds: float
    #: 'active' or 'idle in transaction'.
    what: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """What was asked of a company, and what came of it."""

    company_id: int
    #: As it was typed; values of parameters are not in it.
    statement: str
    rows: int
    seconds: float
    outcome: Literal["answered", "cut", "failed"]
    sqlstate: str = ""


@dataclass(frozen=True, kw_only=True)
class Asked(Question):
    """A line of the audit log."""

    asked_at: dt.datetime
    #: Whose login it was, as the server knows, and who that was, as the client says.
    login: str
    who: str
    #: Empty when it is gone.
    company: str
