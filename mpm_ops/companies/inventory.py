"""Inventory: what the central database says of the companies, and what a server has for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from mpm_ops.central import ledger, registry
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.register import lock_key
from mpm_ops.companies.scratch import abandoned_scratch
from mpm_ops.companies.snapshots import OLD, on_server
from mpm_ops.companies.template import half_built, stale_templates
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.postgres.databases import Access
from mpm_ops.records import MAIN, Company, Snapshot

#: What `fresh` and `--create-missing` name a database before they swap it in, and after they swapped it out.
SWAPPED = re.compile(r"_(new|old)$")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What the central database says."""

    companies: Mapping[int, Company]
    #: Registrations that are neither finished nor undone.
    unfinished: Sequence[int]
    #: Those of them that no process is at.
    abandoned: Sequence[int]

    @classmethod
    def read(cls, installation: Installation) -> Rows:
        """Read them, in a few queries. Read-only."""
        with installation.central() as connection:
            unfinished = ledger.unfinished(connection)
            left = [one for one in unfinished if locks.free(connection, lock_key(one))]
            # One that ended between the two is not unfinished any more.
            abandoned = [one for one in ledger.unfinished(connection) if one in left]
            companies = {one.id: one for one in registry.companies(connection, status=None)}
        return cls(companies=companies, unfinished=unfinished, abandoned=abandoned)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a server has of this installation."""

    server: str
    #: The central database and whatever is named like a company's.
    databases: Mapping[str, Access]
    #: Roles named like a company's, and the databases in which each has grants.
    roles: Mapping[str, Sequence[str]]
    #: What is noted at each of them.
    notes: Mapping[str, str]
    stale_templates: Sequence[str]
    #: What a killed process left and `reconcile` drops.
    left: Sequence[str]
    #: Of the databases, those that another process is about to swap in or to drop.
    in_hand: frozenset[str]
    #: Copies that were kept, and are old by now.
    old_snapshots: Sequence[Snapshot]

    @classmethod
    def at(cls, installation: Installation, connection: psycopg.Connection, server: str) -> Look:
        """Look at a server through a connection that `installation.maintenance` lends. Read-only."""
        prefix = f"{installation.settings.prefix}company_"
        found = databases.access(connection, prefix)
        swapped = {name: SWAPPED.sub("", name) for name in found if SWAPPED.search(name)}
        in_hand = {name for name, whose in swapped.items() if not locks.free(connection, f"fresh {whose}")}
        # What was dropped by somebody who has let go of the lock since is not a leftover either.
        in_hand |= swapped.keys() - set(databases.names(connection, prefix))
        if server == MAIN:
            central = installation.settings.central_database
            found = {central: databases.access(connection, central)[central], **found}
        return cls(
            server=server,
            databases=found,
            roles=roles.used_in(connection, prefix),
            notes=roles.notes(connection, prefix),
            stale_templates=stale_templates(installation, connection),
            left=[*abandoned_scratch(installation, connection), *half_built(installation, connection)],
            in_hand=frozenset(in_hand),
            old_snapshots=[one for one in on_server(installation, connection, server) if one.age.days >= OLD],
        )
