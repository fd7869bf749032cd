"""Roles and grants of a company database (D5, D6): three NOLOGIN groups per database, and logins that are members."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from contextlib import suppress

import psycopg
from psycopg import sql

from mpm_ops.postgres import scram
from mpm_ops.postgres.server import Server

#: Whether a role owns something in a connection's database, or a database.
_OWNS = """
    SELECT 1 FROM pg_shdepend JOIN pg_roles r ON r.oid = refobjid
    WHERE refclassid = 'pg_authid'::regclass AND r.rolname = %s AND deptype = 'o'
      AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


def exists(connection: psycopg.Connection, name: str) -> bool:
    """Whether there is a role of that name. Read-only."""
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is not None


def names(connection: psycopg.Connection, prefix: str) -> list[str]:
    """List the roles whose names begin with `prefix`. Read-only."""
    rows = connection.execute("SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY 1", [prefix])
    return [name for (name,) in rows]


def used_in(connection: psycopg.Connection, prefix: str) -> dict[str, list[str]]:
    """Return, for each role whose name begins with `prefix`, the databases in which it has grants or owns something.

    Read-only.
    """
    rows = connection.execute(
        """
        SELECT r.rolname, array_remove(array_agg(DISTINCT d.datname::text ORDER BY d.datname::text), NULL)
        FROM pg_roles r
        LEFT JOIN pg_shdepend s ON s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
        LEFT JOIN pg_database d ON d.oid = s.dbid
        WHERE starts_with(r.rolname, %s) GROUP BY r.rolname ORDER BY r.rolname
        """,
        [prefix],
    )
    return dict(rows.fetchall())


def app_group(database: str) -> str:
    """Name the group that reads and writes a company's database."""
    return f"{database}_app"


def read_group(database: str) -> str:
    """Name the group that reads what is listed in a company's database, and what is personal in it masked."""
    return f"{database}_read"


def personal_group(database: str) -> str:
    """Name the group that reads what is listed in a company's database, personal data too."""
    return f"{database}_personal"


def groups(database: str) -> tuple[str, str, str]:
    """Name all groups of a company's database."""
    return app_group(database), read_group(database), personal_group(database)


def ensure_group(connection: psycopg.Connection, name: str) -> None:
    """Create a NOLOGIN role unless it is there."""
    if not exists(connection, name):
        # Another process may make it in between; either error says so.
        with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))


def ensure_owner(connection: psycopg.Connection, name: str) -> None:
    """Create the role that owns the company databases, and let the deployer's login act as it."""
    ensure_group(connection, name)
    # Since 16 whoever creates a role administers it, and is a member that may not act as it until it says so.
    right = "SET" if connection.info.server_version >= 160_000 else "MEMBER"
    member = connection.execute("SELECT pg_has_role(current_user, %s, %s)", [name, right]).fetchone()
    if not (member and member[0]):
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))


def note(connection: psycopg.Connection, name: str, text: str) -> None:
    """Note something at a role, in the shared catalog: what `notes` tells of all of them at once."""
    connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(name), sql.Literal(text)))


def notes(connection: psycopg.Connection, prefix: str) -> dict[str, str]:
    """Return what is noted at each role whose name begins with `prefix`; empty where nothing is. Read-only."""
    rows = connection.execute(
        """
        SELECT r.rolname, coalesce(s.description, '') FROM pg_roles r
        LEFT JOIN pg_shdescription s ON s.objoid = r.oid AND s.classoid = 'pg_authid'::regclass
        WHERE starts_with(r.rolname, %s)
        """,
        [prefix],
    )
    return dict(rows.fetchall())


def act_as(connection: psycopg.Connection, name: str) -> None:
    """Act as a role until the end of the transaction."""
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(name)))


def drop(server: Server, connection: psycopg.Connection, name: str) -> None:
    """Drop a role with its sessions and what it left in databases of `server`; one that is gone is fine.

    What it owned is the database's owner's then, as `pg_database_owner`. Run it outside of a transaction.
    """
    role = sql.Identifier(name)
    with suppress(psycopg.errors.UndefinedObject):
        # Nobody comes back in between: a session outlives its role, and then has no name that `reap` could know.
        connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(role))
        connection.execute("SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE usename = %s", [name])
        try:
            connection.execute(sql.SQL("DROP ROLE {}").format(role))
        except psycopg.errors.DependentObjectsStillExist:
            _clear_up(server, connection, name)
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


def _clear_up(server: Server, connection: psycopg.Connection, name: str) -> None:
    """Take a role out of the databases that know it.

    Anybody may set default privileges of their own, in favour of any role, and so keep both from being dropped.
    """
    role = sql.Identifier(name)
    for database in {connection.info.dbname, *used_in(connection, name).get(name, ())}:
        with server.connect(database) as there, there.transaction():
            there.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
            if there.execute(_OWNS, [name]).fetchone() is not None:
                # Not ours: functions and views go on with the rights of their owner, and this role has none.
                there.execute(sql.SQL("REASSIGN OWNED BY {} TO pg_database_owner").format(role))
            there.execute(sql.SQL("DROP OWNED BY {}").format(role))


def create_login(
    connection: psycopg.Connection, name: str, *, until: dt.datetime | None, connections: int, password: str = ""
) -> tuple[str, str]:
    """Create a login without any right but those of groups it is put in; return its password and the verifier.

    The password, a new one unless it is given, stops working at `until`.
    """
    password = password or scram.generated_password()
    verifier = scram.verifier(password)
    connection.execute(
        sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT {} PASSWORD {} VALID UNTIL {}").format(
            sql.Identifier(name),
            sql.Literal(connections),
            sql.Literal(verifier),
            sql.Literal(until.isoformat() if until else "infinity"),
        )
    )
    if connection.info.parameter_status("is_superuser") == "on":
        # The one limit that a session cannot lift by itself, and only a superuser sets.
        connection.execute(sql.SQL("ALTER ROLE {} SET temp_file_limit = '2GB'").format(sql.Identifier(name)))
    else:
        # Only a member of a role may end its sessions.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))
    return password, verifier


def members(connection: psycopg.Connection, groups: str, logins: Collection[str]) -> set[tuple[str, str]]:
    """Return which of these logins are members of which groups whose names match the pattern `groups`. Read-only."""
    rows = connection.execute(
        """
        SELECT m.rolname, g.rolname FROM pg_auth_members a
        JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
        WHERE g.rolname ~ %s AND m.rolname = ANY (%s)
        """,
        [groups, list(logins)],
    )
    return set(rows.fetchall())


def end_sessions(connection: psycopg.Connection, login: str, database: str) -> None:
    """End what a login does in a database."""
    connection.execute(
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE usename = %s AND datname = %s",
        [login, database],
    )


def expired(connection: psycopg.Connection, prefix: str) -> list[str]:
    """List the logins whose names begin with `prefix` and whose time is over. Read-only."""
    rows = connection.execute(
        "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) AND rolcanlogin AND rolvaliduntil < now()",
        [prefix],
    )
    return [name for (name,) in rows]


def revoke_reading(connection: psycopg.Connection, *, database: str) -> None:
    """Take from the readers' groups what they may read of the tables of their database. Run it as the owner."""
    read, personal = map(sql.Identifier, (read_group(database), personal_group(database)))
    connection.execute(sql.SQL("REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM {}, {}").format(read, personal))
    # Not of all that is in there: the key of the masks is the owner's alone, and says so by having no list.
    views = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'masked'").fetchall()
    for (view,) in views:
        named = sql.Identifier("masked", view)
        connection.execute(sql.SQL("REVOKE SELECT ON {} FROM {}, {}").format(named, read, personal))


def grant_application(connection: psycopg.Connection, *, owner: str, database: str) -> None:
    """Open a company database to its groups: the application's on everything that is and will be, the readers' schemas.

    Run inside the company database as its owner, so that the default privileges bind to what migrations create.
    """
    app, read, personal = map(sql.Identifier, groups(database))
    connection.execute(
        sql.SQL(
            """
            GRANT USAGE ON SCHEMA public TO {app}, {read}, {personal};
            GRANT USAGE ON SCHEMA masked TO {read};
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app};
            GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {app};
            REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {app};
            ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public
                GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
            ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {app}
            """
        ).format(app=app, read=read, personal=personal, owner=sql.Identifier(owner))
    )
