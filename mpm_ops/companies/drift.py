"""Drift of company databases: each compared with a reference of its own revision, which is built once."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg

from mpm_ops.companies.installation import Installation
from mpm_ops.errors import MpmOpsError
from mpm_ops.postgres import databases
from mpm_ops.records import Company, CompanyDrift
from mpm_ops.schema import drift as catalogs
from mpm_ops.schema.apply import apply, read_heads


class _References:
    """What each revision makes, in a scratch database built from base; each state once."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._found: dict[tuple[str, tuple[str, ...]], tuple[str, catalogs.Catalog]] = {}
        self._lock = threading.Lock()

    def of(self, server: str, heads: tuple[str, ...]) -> tuple[str, catalogs.Catalog]:
        """Return fingerprint and catalog of a state on a server. Raises UnknownState.

        Each server has its own: another version of PostgreSQL writes definitions in other words.
        """
        with self._lock:
            if (server, heads) not in self._found:
                self._found[server, heads] = self._built(server, heads)
            return self._found[server, heads]

    def _built(self, server: str, heads: tuple[str, ...]) -> tuple[str, catalogs.Catalog]:
        installation = self._installation
        plan = installation.tenant_tree.plan_to(heads)
        owner, name = installation.settings.owner_role, f"{installation.settings.prefix}scratch_{secrets.token_hex(4)}"
        with installation.maintenance(server) as connection:
            databases.create(connection, name, owner=owner)
            try:
                databases.close_to_public(connection, name)
                apply(installation.server_named(server), name, plan, owner=owner)
                with installation.server_named(server).connect(name, role=owner) as scratch:
                    return catalogs.fingerprint(scratch), catalogs.read_catalog(scratch)
            finally:
                databases.drop(connection, name)


def drift(installation: Installation, companies: Sequence[Company], *, workers: int) -> list[CompanyDrift]:
    """Compare each database with what its own revision makes; nobody is left out of the answer. Read-only."""
    references = _References(installation)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda company: _one(installation, company, references), companies))


def _one(installation: Installation, company: Company, references: _References) -> CompanyDrift:
    owner = installation.settings.owner_role
    try:
        server = installation.server_of(company)
        with server.connect(company.database, role=owner, application="mpm_ops/drift") as connection:
            heads = read_heads(connection)
            expected, catalog = references.of(company.server, heads)
            same = catalogs.fingerprint(connection) == expected
            found = [] if same else catalogs.differences(catalog, catalogs.read_catalog(connection))
    except (MpmOpsError, psycopg.Error) as exc:
        return CompanyDrift(company_id=company.id, company=company.name, error=str(exc))
    return CompanyDrift(company_id=company.id, company=company.name, heads=heads, differences=found)
