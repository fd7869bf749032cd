"""Companies, their plugins, and where their databases stand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class CompanyStatus(StrEnum):
    """Where a company is in its life; only ACTIVE ones are listed and migrated (D8)."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"


#: The server that the central database is on, too.
MAIN = "main"


@dataclass(frozen=True, kw_only=True)
class Company:
    """A row of `companies` with the name of its database."""

    #: companies.id; never used twice.
    id: int
    #: The legal name, in whatever script.
    name: str
    #: The company's own address, not its users'.
    email: str
    #: Name of its database on the server.
    database: str
    status: CompanyStatus
    created_at: dt.datetime
    #: Which of the servers in the settings its database is on.
    server: str = MAIN

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A row of `mpm_plugins`: something a company may install."""

    id: int
    name: str
    usage_type: str
    description: str


@dataclass(frozen=True, kw_only=True)
class CompanyPlugin:
    """How a plugin stands with a company."""

    #: mpm_plugins.id; 0 for one of another package that nobody has installed yet.
    id: int
    name: str
    usage_type: str
    #: 'enabled', 'disabled', 'not installed', or 'unfinished': with tables, without rows; installing completes it.
    state: str
    #: Whether the company has tables of it.
    tables: bool


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A copy of a company's database, kept from before a plugin was uninstalled."""

    #: Name of the copy; nobody but a superuser and the owner may connect to it.
    database: str
    server: str
    company_id: int
    #: Empty when the company is gone.
    company: str
    taken_at: dt.datetime
    #: Bytes on disk; None when the login may not know.
    size: int | None

    @property
    def age(self) -> dt.timedelta:
        """How long ago it was taken."""
        return dt.datetime.now(dt.UTC) - self.taken_at


@dataclass(frozen=True, kw_only=True)
class CompanyState:
    """Which revision a company database is at, beside where it should be."""

    company_id: int
    company: str
    database: str
    #: Heads of the database; None when it is missing or cannot be read.
    heads: tuple[str, ...] | None
    #: Revisions that migrate-tenant would apply, oldest first.
    pending: tuple[str, ...]
    #: 'current', 'behind', 'unknown revision', 'wrong stamp' (seen with verify), 'unreachable' or 'no database'.
    state: str
