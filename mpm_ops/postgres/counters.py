"""What a server knows of its databases by itself: bytes, sessions, what was done in each, and about how many rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, kw_only=True)
class Counters:
    """What the server knows of a database that nobody has to open for it."""

    database: str
    #: Bytes on disk; None when the login may not know.
    size: int | None
    #: Sessions in it now.
    connections: int
    #: Transactions committed, rows inserted, updated and deleted since `counted_since`, or since a crash.
    transactions: int
    inserted: int
    updated: int
    deleted: int
    #: When somebody last set these to 0; None is never.
    counted_since: dt.datetime | None


def counters(connection: psycopg.Connection, names: Collection[str]) -> dict[str, Counters]:
    """Return, by name, the counters of those of these databases that are there. Read-only.

    One query on one connection to the server, whatever the number of databases.
    """
    with connection.cursor(row_factory=class_row(Counters)) as cursor:
        found = cursor.execute(
            """
            SELECT d.datname AS database,
                   CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
                        THEN pg_database_size(d.oid) END AS size,
                   s.numbackends AS connections, s.xact_commit AS transactions, s.tup_inserted AS inserted,
                   s.tup_updated AS updated, s.tup_deleted AS deleted, s.stats_reset AS counted_since
            FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datname = ANY(%s)
            """,
            [list(names)],
        )
        return {one.database: one for one in found}


def rows(connection: psycopg.Connection) -> int:
    """Return about how many rows the tables of the connection's own database have. Read-only.

    Of the two estimates that the server keeps of each table the larger one: the live count is up to the moment, but a
    crash, or the copy from a template, begins it at 0; what VACUUM and ANALYZE noted survives both, and is as old as
    they are. Nothing is counted, so a large database takes no longer than a small one.
    """
    row = connection.execute(
        """
        SELECT coalesce(sum(greatest(s.n_live_tup, c.reltuples, 0)), 0)::bigint
        FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid WHERE c.relkind = 'r'
        """
    ).fetchone()
    return int(row[0]) if row else 0
