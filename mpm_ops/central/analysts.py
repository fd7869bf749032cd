"""Analysts and their grants: the rows. What the servers enforce is made of them by `mpm_ops.companies.analysts`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

import psycopg
from psycopg import errors

from mpm_ops.errors import AlreadyExists, UnknownAnalyst
from mpm_ops.records import Analyst, AnalystGrant


def add(connection: psycopg.Connection, *, name: str, login: str, until: dt.datetime | None, by: str) -> None:
    """Insert an analyst. Raises AlreadyExists."""
    try:
        connection.execute(
            "INSERT INTO ops.analysts (name, login, until, created_by) VALUES (%s, %s, %s, %s)",
            [name, login, until, by],
        )
    except errors.UniqueViolation as exc:
        raise AlreadyExists(f"there is an analyst {name} already", hint="`mpm-ops analyst list` shows all.") from exc


def remove(connection: psycopg.Connection, name: str) -> None:
    """Delete an analyst with all grants."""
    connection.execute("DELETE FROM ops.analysts WHERE name = %s", [name])


def grant(
    connection: psycopg.Connection,
    name: str,
    companies: Collection[int | None],
    *,
    personal_data: bool,
    until: dt.datetime | None,
    by: str,
) -> None:
    """Let an analyst read these companies, None for all; a grant that there was becomes this one."""
    connection.execute(
        """
        INSERT INTO ops.analyst_grants (analyst_id, company_id, personal_data, until, granted_by)
        SELECT a.id, c.id, %(personal)s, %(until)s, %(by)s
        FROM ops.analysts a CROSS JOIN unnest(%(companies)s::bigint[]) AS c (id) WHERE a.name = %(name)s
        ON CONFLICT (analyst_id, company_id) DO UPDATE SET
            personal_data = excluded.personal_data, until = excluded.until,
            granted_at = now(), granted_by = excluded.granted_by
        """,
        {"name": name, "companies": list(companies), "personal": personal_data, "until": until, "by": by},
    )


def revoke(connection: psycopg.Connection, name: str, companies: Collection[int] | None) -> int:
    """Take grants of these companies away, or all grants; return how many there were."""
    done = connection.execute(
        """
        DELETE FROM ops.analyst_grants g USING ops.analysts a
        WHERE a.id = g.analyst_id AND a.name = %s AND (%s::bigint[] IS NULL OR g.company_id = ANY (%s))
        """,
        [name, *[None if companies is None else list(companies)] * 2],
    )
    return done.rowcount


def ended(connection: psycopg.Connection) -> list[str]:
    """List the logins whose time is over. Read-only."""
    return [login for (login,) in connection.execute("SELECT login FROM ops.analysts WHERE until <= now() ORDER BY 1")]


def drop_ended(connection: psycopg.Connection, logins: Collection[str]) -> None:
    """Delete the grants whose time is over, and the analysts with these logins."""
    connection.execute("DELETE FROM ops.analyst_grants WHERE until <= now()")
    connection.execute("DELETE FROM ops.analysts WHERE login = ANY (%s)", [list(logins)])


def find(connection: psycopg.Connection, name: str) -> Analyst:
    """Return an analyst. Raises UnknownAnalyst. Read-only."""
    known = listed(connection)
    for analyst in known:
        if analyst.name == name:
            return analyst
    names = ", ".join(analyst.name for analyst in known[:5])
    raise UnknownAnalyst(
        f"there is no analyst {name[:60]!r}",
        hint=f"There are: {names}" if names else "Add one: mpm-ops analyst add NAME",
    )


def listed(connection: psycopg.Connection) -> Sequence[Analyst]:
    """List the analysts by name, with their grants. Read-only."""
    rows = connection.execute(
        """
        SELECT a.name, a.login, a.until, a.created_at, a.created_by,
               g.company_id, coalesce(c.name::text, ''), g.personal_data, g.until, g.granted_at, g.granted_by
        FROM ops.analysts a
        LEFT JOIN ops.analyst_grants g ON g.analyst_id = a.id LEFT JOIN companies c ON c.id = g.company_id
        ORDER BY a.name, g.company_id NULLS FIRST
        """
    )
    found: dict[str, tuple[tuple[object, ...], list[AnalystGrant]]] = {}
    for *about, company_id, company, personal_data, until, granted_at, granted_by in rows:
        _, grants = found.setdefault(about[0], (tuple(about), []))
        if granted_at is not None:
            grants.append(
                AnalystGrant(
                    company_id=company_id,
                    company=company,
                    personal_data=personal_data,
                    until=until,
                    granted_at=granted_at,
                    granted_by=granted_by,
                )
            )
    names = ("name", "login", "until", "created_at", "created_by")
    return [
        Analyst(**dict(zip(names, about, strict=True)), grants=grants)  # type: ignore[arg-type]  # a row's types are the table's
        for about, grants in found.values()
    ]


def keep(connection: psycopg.Connection, *, alone: bool = False) -> None:
    """Keep the grants as they are to the end of the transaction; `alone`, also keep others from doing so.

    The server is made to agree with them meanwhile. A lock of the table, which an analyst cannot take.
    """
    mode = "SHARE ROW EXCLUSIVE" if alone else "SHARE"
    connection.execute(f"LOCK TABLE ops.analyst_grants IN {mode} MODE".encode())


def wanted(connection: psycopg.Connection, server: str) -> dict[tuple[str, str], bool]:
    """Return who is to read which database of a server now: by login and database, whether personal data too.

    The widest of an analyst's grants counts. Read-only.
    """
    rows = connection.execute(
        """
        SELECT a.login, d.database_name, bool_or(g.personal_data)
        FROM ops.analysts a JOIN ops.analyst_grants g ON g.analyst_id = a.id
        JOIN company_databases d ON d.company_id = g.company_id OR g.company_id IS NULL
        WHERE d.server = %s AND (g.until IS NULL OR g.until > now()) AND (a.until IS NULL OR a.until > now())
        GROUP BY a.login, d.database_name
        """,
        [server],
    )
    return {(login, database): personal for login, database, personal in rows}
