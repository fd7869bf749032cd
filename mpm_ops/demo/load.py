"""Writes a made-up business into a company's database with COPY, in one transaction."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from mpm_ops.demo.book import Business, Ref, Table
from mpm_ops.errors import AlreadyExists, MpmOpsError


def load(connection: psycopg.Connection, business: Business) -> int:
    """Write all rows or none; return how many. Raises AlreadyExists when the company has customers."""
    known: dict[Ref, int] = {}
    with connection.transaction():
        # Two at once would both find the table empty.
        connection.execute("LOCK TABLE people IN SHARE ROW EXCLUSIVE MODE")
        if connection.execute("SELECT 1 FROM people WHERE is_customer LIMIT 1").fetchone():
            raise AlreadyExists("the company has customers already", hint="Made-up ones are for new companies only.")
        for name, table in business.tables.items():
            _copy(connection, name, table, known)
        profile = business.profile
        connection.execute(
            "UPDATE main_settings SET currency = %s, country = %s, language = %s",
            [profile.currency, profile.country, profile.language],
        )
        connection.execute(
            "UPDATE map_settings SET latitude = %s, longitude = %s", [profile.latitude, profile.longitude]
        )
    connection.execute("ANALYZE")
    return business.rows


def _copy(connection: psycopg.Connection, name: str, table: Table, known: dict[Ref, int]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(name), columns)
    rows = [tuple(_resolved(connection, value, known) for value in row) for row in table.rows]
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute(
        sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), (SELECT max(id) FROM {}))").format(
            sql.Literal(name), sql.Identifier(name)
        )
    )


def _resolved(connection: psycopg.Connection, value: Any, known: dict[Ref, int]) -> Any:
    """Look up the id of a row that the database has; each one once."""
    if not isinstance(value, Ref):
        return value
    if value not in known:
        query = sql.SQL("SELECT min(id) FROM {} WHERE {}::text = %(value)s OR %(value)s IS NULL").format(
            sql.Identifier(value.table), sql.Identifier(value.column)
        )
        found = connection.execute(query, {"value": value.value}).fetchone()
        if found is None or found[0] is None:
            raise MpmOpsError(
                f"{value.table} has no row with {value.column} {value.value!r}",
                hint="A company as registration makes it has one.",
            )
        known[value] = found[0]
    return known[value]
