"""Doctor: what lets an analyst do more than read what was granted, as the server's own catalogs tell it (D6)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import psycopg
from psycopg import sql

from mpm_ops.postgres import hardening
from mpm_ops.records import Hardening


@dataclass(frozen=True, kw_only=True)
class Names:
    """How an installation names what it has on a server."""

    prefix: str
    central: str
    owner: str

    @property
    def values(self) -> Mapping[str, str]:
        """The patterns that the questions look for."""
        return {
            "groups": f"^{self.prefix}(company_[0-9]+_(read|personal)|analysts)$",
            "analysts": f"^{self.prefix}analyst_",
            "ours": f"^({self.prefix}.*|{self.central})$",
            "central": self.central,
            "owner": self.owner,
        }


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """One thing that is open: what it is about, what is wrong, and the statement that closes it; empty: `harden`."""

    subject: str
    what: str
    fix: str


def of_server(connection: psycopg.Connection, names: Names) -> list[Symptom]:
    """Look at the roles and the databases of a server. Read-only."""
    found = _ask(connection, "roles", "server", **names.values)
    if connection.info.parameter_status("is_superuser") == "on":
        found += _ask(connection, "doors")
    return found


def of_database(
    connection: psycopg.Connection,
    names: Names,
    level: Hardening,
    *,
    readable: Mapping[str, tuple[str, ...]],
    masked: Collection[str],
) -> list[Symptom]:
    """Look at the database that `connection` goes to; `readable` lists tables and columns, none of them for all.

    Of the tables `masked` something is masked. Read-only.
    """
    lists = {"listed": json.dumps(dict(readable)), "masked": json.dumps(list(masked))}
    found = _ask(connection, "roles", "database", **lists, **names.values)
    if level is Hardening.STRICT:
        found += _ask(connection, "strict", **hardening.closed())
    return found


def _ask(connection: psycopg.Connection, *parts: str, **values: str) -> list[Symptom]:
    text = "".join(_sections()[part] for part in parts)
    query = sql.SQL(text).format(**{name: sql.Literal(value) for name, value in values.items()})
    return [Symptom(subject=subject, what=what, fix=fix) for subject, what, fix in connection.execute(query)]


@cache
def _sections() -> dict[str, str]:
    return hardening.sections(resources.files("mpm_ops.postgres").joinpath("doctor.sql").read_text(encoding="utf-8"))
