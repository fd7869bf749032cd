"""The template database that new companies are copied from (D4): built once per state of the tree, then sealed."""

from __future__ import annotations

import hashlib
from contextlib import suppress

import psycopg

from mpm_ops.companies.grants import Reading
from mpm_ops.companies.installation import Installation
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.postgres.hardening import harden, statements
from mpm_ops.records import MAIN
from mpm_ops.schema.apply import apply


def ensure_template(installation: Installation, connection: psycopg.Connection, *, server: str = MAIN) -> str:
    """Return the name of the template for the newest revisions on a server; build it when it is missing.

    `connection` is one that `installation.maintenance(server)` lends.
    """
    plan = installation.tenant_tree.upgrade_plan(())
    name = template_name(installation)
    if databases.exists(connection, name):
        return name
    # A half-built one keeps this name and is built anew; only a finished one is renamed.
    building = _building(installation)
    with locks.lock(connection, building):
        if databases.exists(connection, name):
            return name
        databases.drop(connection, building)
        owner = installation.settings.owner_role
        roles.ensure_owner(connection, owner)
        databases.create(connection, building, owner=owner)
        databases.close_to_public(connection, building)
        apply(installation.server_named(server), building, plan, owner=owner)
        with installation.server_named(server).connect(building) as built:
            harden(built, installation.settings.level, owner=owner)
        with installation.server_named(server).connect(building, role=owner) as built:
            built.execute(Reading().masks().encode())
            # Freeze the rows and gather statistics once, instead of once in every copy.
            built.execute("VACUUM (FREEZE, ANALYZE)")
        databases.seal_template(connection, building)
        databases.rename(connection, building, name)
        sweep_templates(installation, connection, keep=name)
    return name


def template_name(installation: Installation) -> str:
    """Name the template for the newest revisions.

    The name carries the hash of all SQL that makes it, so an edited revision makes another template as well as a new
    one does, and so does a change of what is masked, or of how far it is closed.
    """
    plan = installation.tenant_tree.upgrade_plan(())
    made_by = (
        plan.sql,
        Reading().masks(),
        *statements(installation.settings.level, owner=installation.settings.owner_role),
    )
    digest = hashlib.sha256("\n".join(made_by).encode()).hexdigest()[:12]
    return f"{_prefix(installation)}{digest}"


def sweep_templates(installation: Installation, connection: psycopg.Connection, *, keep: str) -> list[str]:
    """Drop the templates of other states; return their names. One that is being copied stays for the next time."""
    swept = []
    for name in databases.names(connection, _prefix(installation)):
        if name != keep:
            try:
                databases.drop(connection, name)
            except psycopg.errors.ObjectInUse:
                continue
            swept.append(name)
    return swept


def stale_templates(installation: Installation, connection: psycopg.Connection) -> list[str]:
    """List the finished templates of other states than the newest, once that has one: until then they wait for it.

    Read-only.
    """
    newest = template_name(installation)
    there = databases.names(connection, _prefix(installation))
    return [name for name in there if name not in (newest, _building(installation))] if newest in there else []


def sweep_replaced(installation: Installation, connection: psycopg.Connection) -> None:
    """Drop the templates of older revisions where one of the newest is beside them; by their stamps, without the SQL.

    Whoever built the newest could not drop one that was being copied.
    """
    heads = installation.tenant_tree.heads()
    stamps = databases.stamps(connection, _prefix(installation))
    newest = [name for name, found in stamps.items() if found == heads and name != _building(installation)]
    for name in stamps.keys() - {*newest, _building(installation)} if newest else ():
        with suppress(psycopg.errors.ObjectInUse):
            databases.drop(connection, name)


def half_built(installation: Installation, connection: psycopg.Connection) -> list[str]:
    """Return the template that a killed process was building, if there is one. Read-only."""
    building = _building(installation)
    there = databases.exists(connection, building) and locks.free(connection, building)
    return [building] if there else []


def drop_half_built(installation: Installation, connection: psycopg.Connection) -> None:
    """Drop the template that a killed process was building; one that is being built is left alone."""
    building = _building(installation)
    with locks.try_lock(connection, building) as got:
        if got:
            databases.drop(connection, building)


def template_heads(installation: Installation) -> tuple[str, ...]:
    """Return the heads that a database copied from the template has."""
    return installation.tenant_tree.upgrade_plan(()).after


def _building(installation: Installation) -> str:
    return f"{_prefix(installation)}building"


def _prefix(installation: Installation) -> str:
    return f"{installation.settings.prefix}template_"
