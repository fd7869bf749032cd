"""Databases of a server: create from a template, drop, rename, list, and the stamps in the shared catalog (D3).

Every function takes an autocommit connection to a *maintenance* database, never to the database it is about.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import psycopg
from psycopg import sql

_STAMP = "mpm_ops heads="


def exists(connection: psycopg.Connection, name: str) -> bool:
    """Whether there is a database of that name. Read-only."""
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def names(connection: psycopg.Connection, prefix: str) -> list[str]:
    """List the databases whose names begin with `prefix`. Read-only."""
    rows = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1", [prefix])
    return [name for (name,) in rows]


def at_rest(connection: psycopg.Connection, prefix: str) -> dict[str, str]:
    """Return, of each database that nobody is connected to, a text that changes once a row was written there.

    The server counts what sessions insert, update and delete, in catalogs too, and a session adds what it did to the
    total before it goes. A crash takes the totals away; the time since which the server counts tells that it did. A
    server that does not count has none at rest. Read-only.
    """
    rows = connection.execute(
        """
        SELECT d.datname, concat_ws(' ', d.datid, d.tup_inserted, d.tup_updated, d.tup_deleted,
                                    extract(epoch FROM d.stats_reset), extract(epoch FROM b.stats_reset))
        FROM pg_stat_database d, pg_stat_bgwriter b
        WHERE starts_with(d.datname, %s) AND d.numbackends = 0 AND current_setting('track_counts')::boolean
        """,
        [prefix],
    )
    return dict(rows.fetchall())


def sizes(connection: psycopg.Connection, names: Collection[str]) -> dict[str, int]:
    """Return the bytes that each of these databases takes on disk. Read-only.

    One that is gone is not in it, nor one whose size the login may not know.
    """
    rows = connection.execute(
        """
        SELECT datname, pg_database_size(oid) FROM pg_database
        WHERE datname = ANY(%s)
          AND (has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE'))
        """,
        [list(names)],
    )
    return {name: size for name, size in rows if size is not None}


def oids(connection: psycopg.Connection, names: Collection[str]) -> dict[str, int]:
    """Return the OIDs of these databases, as far as they are there: one that was replaced has another. Read-only."""
    rows = connection.execute("SELECT datname, oid::bigint FROM pg_database WHERE datname = ANY(%s)", [list(names)])
    return dict(rows.fetchall())


def create(
    connection: psycopg.Connection,
    name: str,
    *,
    owner: str | None = None,
    template: str = "template0",
    locked: bool = False,
) -> None:
    """Create a database as a copy of `template`; without an owner it belongs to the login.

    A `locked` one takes no connection, not even a superuser's, until `unlock`: time to close it to others before
    they can reach what came along. The server's default strategy (WAL_LOG) copies a template of this size faster
    than FILE_COPY, and without the two checkpoints that stall everybody else.
    """
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    if owner is not None:
        statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
    if locked:
        statement += sql.SQL(" ALLOW_CONNECTIONS false")
    connection.execute(statement)


def unlock(connection: psycopg.Connection, name: str) -> None:
    """Let a database that was created locked take connections of those that may."""
    connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))


def close_to_public(connection: psycopg.Connection, name: str, *, admit: Collection[str] = ()) -> None:
    """Let only the owner and the roles in `admit` connect: the ACL is not copied from a template (D4)."""
    database = sql.Identifier(name)
    statements = [sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database)]
    if admit:
        roles = sql.SQL(", ").join(map(sql.Identifier, admit))
        statements.append(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, roles))
    connection.execute(sql.SQL("; ").join(statements))


def drop(connection: psycopg.Connection, name: str) -> None:
    """Drop a database with its sessions; one that is gone is fine."""
    if exists(connection, name):
        connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def rename(connection: psycopg.Connection, name: str, new: str) -> None:
    """Rename a database that nobody is connected to."""
    connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (name, new))))


@dataclass(frozen=True, kw_only=True)
class Access:
    """Whose a database is, and who may connect to it."""

    owner: str
    #: Whether everybody may do something there: connect, make temporary tables.
    public: bool
    #: The roles that CONNECT is granted to, the owner among them.
    admitted: frozenset[str]


def access(connection: psycopg.Connection, prefix: str) -> dict[str, Access]:
    """Return whose every database is whose name begins with `prefix`, and who may connect to it. Read-only."""
    rows = connection.execute(
        """
        SELECT d.datname, pg_get_userbyid(d.datdba), bool_or(a.grantee = 0),
               array_remove(array_agg(r.rolname::text) FILTER (WHERE a.privilege_type = 'CONNECT'), NULL)
        FROM pg_database d
        -- Without an ACL the server's defaults hold, and those let everybody in.
        CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
        LEFT JOIN pg_roles r ON r.oid = a.grantee
        WHERE starts_with(d.datname, %s) GROUP BY d.oid, d.datname, d.datdba ORDER BY d.datname
        """,
        [prefix],
    )
    return {
        name: Access(owner=owner, public=public, admitted=frozenset(admitted or ()))
        for name, owner, public, admitted in rows
    }


def seal_template(connection: psycopg.Connection, name: str) -> None:
    """Make a database a template that nobody can connect to, so that it can be copied at any time."""
    connection.execute(
        sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false").format(sql.Identifier(name))
    )


def end_sessions(connection: psycopg.Connection, name: str) -> None:
    """End all sessions in a database and wait until they are gone."""
    connection.execute(
        """
        SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        """,
        [name],
    )


def shut(connection: psycopg.Connection, prefix: str) -> set[str]:
    """Return the databases whose names begin with `prefix` and that let nobody in. Read-only."""
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND NOT (datallowconn AND datconnlimit <> 0)",
        [prefix],
    )
    return {name for (name,) in rows}


def stamp(name: str, heads: Collection[str]) -> sql.Composed:
    """Return the statement that stamps a database with its heads; run it inside the migration's own transaction."""
    text = _STAMP + ",".join(sorted(heads))
    return sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(text))


def stamps(connection: psycopg.Connection, prefix: str) -> dict[str, tuple[str, ...] | None]:
    """Return the stamped heads of every database whose name begins with `prefix`; None means no stamp.

    One query on one connection, whatever the number of databases. Read-only.
    """
    rows = connection.execute(
        """
        SELECT d.datname, s.description
        FROM pg_database d
        LEFT JOIN pg_shdescription s ON s.objoid = d.oid AND s.classoid = 'pg_database'::regclass
        WHERE starts_with(d.datname, %s)
        """,
        [prefix],
    )
    return {name: parse_stamp(text) for name, text in rows}


def parse_stamp(text: str | None) -> tuple[str, ...] | None:
    """Return the heads in a database comment; None when it is not a stamp of ours."""
    if text is None or not text.startswith(_STAMP):
        return None
    return tuple(head for head in text.removeprefix(_STAMP).split(",") if head)
