"""Sessions on a server: how many more it takes, who blocks whom, and breaking them off."""

from __future__ import annotations

import psycopg


def free(connection: psycopg.Connection) -> int:
    """Return how many more connections the server takes from a login that is not a superuser. Read-only."""
    row = connection.execute(
        """
        SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
               - coalesce(current_setting('reserved_connections', true)::int, 0) - sum(numbackends)
        FROM pg_stat_database
        """
    ).fetchone()
    return max(0, int(row[0])) if row else 0


def count(connection: psycopg.Connection, application: str) -> int:
    """Return how many sessions go by this application_name. Read-only."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [application]
    ).fetchone()
    return int(row[0]) if row else 0


def connected(connection: psycopg.Connection, database: str) -> int:
    """Return how many sessions of anybody are in a database. Read-only."""
    # Not by backend_type: a login that is no superuser sees no other's. Autovacuum goes by no name, and gives way.
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename IS NOT NULL", [database]
    ).fetchone()
    return int(row[0]) if row else 0


def blockers(connection: psycopg.Connection, application: str) -> dict[str, str]:
    """Return, by database, who holds the lock that a session of `application` waits for there. Read-only."""
    rows = connection.execute(
        """
        SELECT a.datname, format('pid %%s, %%s, %%s s in its transaction: %%s', b.pid,
               coalesce(b.usename, 'a login that this one may not see'),
               coalesce(extract(epoch FROM clock_timestamp() - b.xact_start)::int::text, '?'),
               left(regexp_replace(coalesce(b.query, ''), '\\s+', ' ', 'g'), 200))
        FROM pg_stat_activity a
        CROSS JOIN LATERAL unnest(pg_blocking_pids(a.pid)) AS blocking (pid)
        JOIN pg_stat_activity b ON b.pid = blocking.pid
        WHERE a.application_name = %s AND a.wait_event_type = 'Lock'
        """,
        [application],
    )
    return dict(rows.fetchall())


def cancel(connection: psycopg.Connection, application: str) -> None:
    """Cancel the statements that the sessions of `application` are running."""
    connection.execute(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND state = 'active'",
        [application],
    )


def end_older(
    connection: psycopg.Connection, logins: str, databases: str, *, seconds: float, dry_run: bool = False
) -> list[tuple[str, str, float, str]]:
    """End the sessions of logins that match, whose statement or open transaction is so many seconds old.

    A dry run ends none.

    Those of a role that is gone are nobody's, and end at once in databases that match. Return login, database, age in
    seconds and state of each. Parallel workers end with the session that they work for.
    """
    # A procedure begins its transaction anew with each COMMIT; its statement is as old as it is.
    rows = connection.execute(
        """
        SELECT coalesce(usename::text, 'a role that is gone'), datname::text,
               extract(epoch FROM clock_timestamp() - least(xact_start, query_start, state_change))::float8, state,
               CASE WHEN NOT %s THEN pg_terminate_backend(pid, 2000) END
        FROM pg_stat_activity
        WHERE backend_type = 'client backend'
          AND (usename ~ %s AND state <> 'idle'
               AND least(xact_start, query_start) < clock_timestamp() - make_interval(secs => %s)
               OR usename IS NULL AND datname ~ %s)
        """,
        [dry_run, logins, seconds, databases],
    )
    return [(login, database, age, state) for login, database, age, state, _ in rows]
