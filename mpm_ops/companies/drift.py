"""Drift of company databases: each compared with a reference of its own revision, where anything has changed at all."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg

from mpm_ops.central import drift as memory
from mpm_ops.central.drift import Check
from mpm_ops.companies.installation import Installation
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

    A database whose catalog has not changed since its last comparison is not compared again, unless `full`. The
    company databases are only read; what was found is remembered in the central one.
    """
    known: Mapping[int, Check] = {}
    if not full:
        with installation.central() as connection:
            known = memory.checks(connection, [company.id for company in companies])
    references = _References(installation)
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda one: _one(installation, one, references, known.get(one.id)), companies))
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
        """Return the reference of that key; it is built on `server` when nobody has built it yet."""
        with self._lock:
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


def _one(
    installation: Installation, company: Company, references: _References, known: Check | None
) -> tuple[CompanyDrift, Check | None]:
    try:
        server = installation.server_of(company)
        with server.connect(company.database, application="mpm_ops/drift") as connection:
            glance = catalogs.glance(connection, owner=installation.settings.owner_role)
            key = references.key(connection.info.server_version // 10_000, glance.heads)
            now = dt.datetime.now(dt.UTC)
            differences = known.differences if known else ()
            if known is None or (known.heads, known.marker, known.reference) != (glance.heads, glance.marker, key):
                expected = references.of(key, company.server, glance.heads)
                differences = catalogs.differences(expected, catalogs.read_catalog(connection))
    except (MpmOpsError, psycopg.Error) as exc:
        return CompanyDrift(company_id=company.id, company=company.name, error=str(exc)), None
    found = CompanyDrift(company_id=company.id, company=company.name, heads=glance.heads, differences=differences)
    check = Check(
        company_id=company.id,
        heads=glance.heads,
        reference=key,
        marker=glance.marker,
        differences=differences,
        checked_at=now,
    )
    return found, check
