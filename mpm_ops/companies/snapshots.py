"""Snapshots: the copies of databases that are kept when a plugin's tables go; dropped when an operator says so."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import LiteralString

import psycopg
from psycopg import sql

from mpm_ops.central import registry
from mpm_ops.companies.clone import clone
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.scratch import scratch_name
from mpm_ops.errors import InvalidInput
from mpm_ops.postgres import databases
from mpm_ops.records import MAIN, Company, Snapshot

#: After so many days an audit asks whether anybody still needs one.
OLD = 30

_TIME = "%Y%m%d%H%M%S"

_CONTENT = sql.SQL("SELECT count(*), coalesce(sum(hashtextextended(its::text, 0)::numeric), 0) FROM public.{} AS its")
_REFUSAL: LiteralString = """
DECLARE found record;
BEGIN
    LOCK TABLE public.{table} IN ACCESS EXCLUSIVE MODE;
    {content} INTO found;
    IF (found.count, found.coalesce) IS DISTINCT FROM ({rows}::bigint, {hashes}::numeric) THEN
        RAISE EXCEPTION USING MESSAGE = {message}, HINT = {hint};
    END IF;
END
"""


def take(installation: Installation, company: Company) -> str:
    """Copy a company's database, closed to everybody; return the name of the copy.

    It has that name once it is whole: what a killed process leaves is a scratch database, which `reconcile` drops.
    """
    now = dt.datetime.now(dt.UTC)
    # To the microsecond: two plugins are uninstalled in a second.
    name = f"{_prefix(installation)}{company.id}_{now.strftime(_TIME)}{now.microsecond:06d}"
    with (
        installation.maintenance(company.server) as connection,
        scratch_name(installation, connection) as scratch,
    ):
        clone(installation, connection, company, scratch)
        databases.rename(connection, scratch, name)
    return name


def unless_written(installation: Installation, company: Company, copy: str, tables: Sequence[str]) -> list[str]:
    """Return statements for the transaction that drops these tables: they refuse it where a copy lacks some of a row.

    What was written while the database was copied is not in the copy. Nobody writes from here to the transaction's end.
    """
    with installation.server_of(company).connect(copy, role=installation.settings.owner_role) as connection:
        return [_refusal(table, *_content(connection, table)) for table in tables if _has(connection, table)]


def _has(connection: psycopg.Connection, table: str) -> bool:
    query = "SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = %s"
    return connection.execute(query, [table]).rowcount > 0


def _content(connection: psycopg.Connection, table: str) -> tuple[int, Decimal]:
    """Return how many rows a table has, and the sum of their hashes."""
    rows, hashes = connection.execute(_CONTENT.format(sql.Identifier(table))).fetchall()[0]
    return rows, hashes


def _refusal(table: str, rows: int, hashes: Decimal) -> str:
    body = sql.SQL(_REFUSAL).format(
        table=sql.Identifier(table),
        content=_CONTENT.format(sql.Identifier(table)),
        rows=sql.Literal(rows),
        hashes=sql.Literal(hashes),
        message=sql.Literal(f"{table} was written to while the database was copied"),
        hint=sql.Literal("Stop what writes to it, then uninstall the plugin again."),
    )
    return sql.SQL("DO {}").format(sql.Literal(body.as_string())).as_string()


def listed(installation: Installation, company: Company | None = None) -> list[Snapshot]:
    """List the snapshots of all companies, or of one, by server, oldest first. Read-only.

    Raises ServerUnavailable where one of the servers is.
    """
    found: list[Snapshot] = []
    for server in (MAIN, *installation.settings.servers):
        with installation.maintenance(server) as connection:
            found += on_server(installation, connection, server)
    return [one for one in found if company is None or one.company_id == company.id]


def on_server(installation: Installation, connection: psycopg.Connection, server: str) -> list[Snapshot]:
    """List those on a server, oldest first, through a connection that `maintenance` lends. Read-only."""
    prefix = _prefix(installation)
    found = {
        name: re.fullmatch(r"(\d+)_(\d{14})\d*", name.removeprefix(prefix))
        for name in databases.names(connection, prefix)
    }
    sizes = databases.sizes(connection, list(found))
    with installation.central() as central:
        companies = {one.id: one.name for one in registry.companies(central, status=None)} if found else {}
    snapshots = [
        Snapshot(
            database=name,
            server=server,
            company_id=int(its[1]),
            company=companies.get(int(its[1]), ""),
            taken_at=dt.datetime.strptime(its[2], _TIME).replace(tzinfo=dt.UTC),
            size=sizes.get(name),
        )
        for name, its in found.items()
        if its is not None
    ]
    return sorted(snapshots, key=lambda one: (one.taken_at, one.database))


def drop(
    installation: Installation, company: Company | None, *, days: float, dry_run: bool = False
) -> Sequence[Snapshot]:
    """Drop the snapshots that are at least so many days old, of all companies or of one; return them.

    A dry run drops nothing. Raises InvalidInput for a number below 0.
    """
    if not days >= 0:
        raise InvalidInput(f"{days} is not a number of days", hint="Begin with 0, which is all of them.")
    old = [one for one in listed(installation, company) if one.age >= dt.timedelta(days=days)]
    for one in old if not dry_run else ():
        with installation.maintenance(one.server) as connection:
            databases.drop(connection, one.database)
    return old


def _prefix(installation: Installation) -> str:
    return f"{installation.settings.prefix}snapshot_"
