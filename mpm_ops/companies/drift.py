"""Drift of company databases: each compared with a reference of its own revision, where anything has changed at all."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass

import psycopg

from mpm_ops.central import drift as memory
from mpm_ops.central.drift import Check
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.scratch import scratch_name
from mpm_ops.errors import MpmOpsError
from mpm_ops.postgres import databases
from mpm_ops.records import Company, CompanyDrift
from mpm_ops.schema import drift as catalogs
from mpm_ops.schema.apply import apply
from mpm_ops.schema.live import LivePool


def drift(
    installation: Installation, companies: Sequence[Company], *, workers: int, full: bool = False
) -> list[CompanyDrift]:
    """Compare each database with what its own revision makes; nobody is left out of the answer.

    A database that nobody has written to since its last comparison is not opened, and one whose catalog has not
    changed is not compared again, unless `full`. The company databases are only read; what was found is remembered in
    the central one.
    """
    known: Mapping[int, Check] = {}
    if not full:
        with installation.central() as connection:
            known = memory.checks(connection, [company.id for company in companies])
    comparison = _Comparison(installation, _References(installation), known, _at_rest(installation, companies))
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(comparison.of, companies))
    with installation.central() as connection:
        memory.save_checks(connection, [check for _, check in found if check is not None])
    return [drift for drift, _ in found]


class _References:
    """What each state of the tree makes: as the central database remembers it, else built in a scratch database."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._keys: dict[tuple[int, tuple[str, ...]], str] = {}
        self._found: dict[str, catalogs.Catalog | MpmOpsError] = {}
        self._lock = threading.Lock()
        #: By key, who builds that one: the others wait for it.
        self._building: dict[str, threading.Lock] = {}

    def key(self, version: int, heads: tuple[str, ...]) -> str:
        """Name the reference of a state on a server of this major version. Raises UnknownState.

        It depends on the SQL that makes it, on the question asked, and on the version, which chooses its own words.
        """
        with self._lock:
            if (version, heads) not in self._keys:
                parts = (self._installation.tenant_tree.plan_to(heads).hash, catalogs.query_hash(), str(version))
                self._keys[version, heads] = hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
            return self._keys[version, heads]

    def of(self, key: str, server: str, heads: tuple[str, ...]) -> catalogs.Catalog:
        """Return the reference of that key; it is built on `server` when nobody has built it yet.

        Those of several states are built at the same time: a fleet with plugins is in many.
        """
        with self._lock:
            building = self._building.setdefault(key, threading.Lock())
        with building:
            if key not in self._found:
                try:
                    self._found[key] = self._remembered_or_built(key, server, heads)
                except MpmOpsError as exc:
                    # Two hundred companies in this state need not try in vain two hundred times.
                    self._found[key] = exc
            found = self._found[key]
        if isinstance(found, MpmOpsError):
            raise found
        return found

    def _remembered_or_built(self, key: str, server: str, heads: tuple[str, ...]) -> catalogs.Catalog:
        with self._installation.central() as connection:
            found: catalogs.Catalog | None = memory.reference(connection, key)
            if found is None:
                found = self._built(server, heads)
                memory.save_reference(connection, key, found)
            return found

    def _built(self, server: str, heads: tuple[str, ...]) -> catalogs.Catalog:
        installation = self._installation
        plan = installation.tenant_tree.plan_to(heads)
        owner = installation.settings.owner_role
        with (
            installation.maintenance(server) as connection,
            scratch_name(installation, connection) as name,
            closing(LivePool()) as live,
        ):
            databases.create(connection, name, owner=owner)
            databases.close_to_public(connection, name)
            apply(installation.server_named(server), name, plan, owner=owner, live=live)
            with installation.server_named(server).connect(name, role=owner) as scratch:
                return catalogs.read_catalog(scratch)


def _at_rest(installation: Installation, companies: Sequence[Company]) -> dict[str, tuple[int, str]]:
    """Return, of the databases that nobody is connected to, the server's major version and their counters. Read-only.

    Asked before any is opened: what is written in between makes the next check look again.
    """
    found: dict[str, tuple[int, str]] = {}
    for server, there in by_server(companies).items():
        # One that does not answer is told by each of its companies.
        with suppress(MpmOpsError), installation.maintenance(server) as connection:
            counters = databases.at_rest(connection, f"{installation.settings.prefix}company_")
            at_home = counters.keys() & {company.database for company in there}  # not a copy of another server's
            found |= {name: (_major(connection), counters[name]) for name in at_home}
    return found


def _major(connection: psycopg.Connection) -> int:
    return connection.info.server_version // 10_000


@dataclass(frozen=True)
class _Comparison:
    installation: Installation
    references: _References
    #: The last checks, by company id.
    known: Mapping[int, Check]
    at_rest: Mapping[str, tuple[int, str]]

    def of(self, company: Company) -> tuple[CompanyDrift, Check | None]:
        """Compare one company; what was known of one that cannot be compared is left as it is."""
        try:
            check = self._untouched(company) or self._opened(company)
        except (MpmOpsError, psycopg.Error) as exc:
            return CompanyDrift(company_id=company.id, company=company.name, error=str(exc)), None
        found = CompanyDrift(
            company_id=company.id, company=company.name, heads=check.heads, differences=check.differences
        )
        return found, check

    def _untouched(self, company: Company) -> Check | None:
        """Return the last check when nobody has written to the database since, which is then not opened."""
        known, (major, rest) = self.known.get(company.id), self.at_rest.get(company.database, (0, ""))
        if known is None or not rest or rest != known.rest:
            return None
        if known.reference != self.references.key(major, known.heads):
            return None  # the revision was edited
        return dataclasses.replace(known, checked_at=dt.datetime.now(dt.UTC))

    def _opened(self, company: Company) -> Check:
        server, owner = self.installation.server_of(company), self.installation.settings.owner_role
        with server.connect(company.database, application="mpm_ops/drift") as connection:
            glance = catalogs.glance(connection, owner=owner)
            key = self.references.key(_major(connection), glance.heads)
            now = dt.datetime.now(dt.UTC)
            known = self.known.get(company.id)
            if known and (known.heads, known.marker, known.reference) == (glance.heads, glance.marker, key):
                differences = known.differences
            else:
                expected = self.references.of(key, company.server, glance.heads)
                differences = catalogs.differences(expected, catalogs.read_catalog(connection))
        return Check(
            company_id=company.id,
            heads=glance.heads,
            reference=key,
            marker=glance.marker,
            rest=self.at_rest.get(company.database, (0, ""))[1],
            differences=differences,
            checked_at=now,
        )
