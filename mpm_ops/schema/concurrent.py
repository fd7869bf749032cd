"""CREATE and DROP INDEX CONCURRENTLY, which commit by themselves: what an attempt that broke off has left or done.

Such a statement goes on in the server when its client is killed, and nothing in the database says then that the
revision has had its index. So the names of the indexes under way stand in the comment of `alembic_version` until the
transaction that also writes the new revision.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection

import psycopg
from psycopg import sql

from mpm_ops.postgres.server import translated

_CREATES = re.compile(
    r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(\"[^\"]+\"|\w+)", re.IGNORECASE
)
_DROPS = re.compile(r"\bDROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?(?:public\.)?(\"[^\"]+\"|\w+)", re.IGNORECASE)
_MARK = "mpm_ops has under way: "
#: Belongs into the transaction that writes the new revision.
UNMARK = "COMMENT ON TABLE public.alembic_version IS NULL"


def run_alone(connection: psycopg.Connection, statement: str) -> None:
    """Run one statement outside of a transaction; finish what an attempt before it has left half done.

    An index of that name which was there before any attempt is not touched: the server refuses to make another.
    """
    with translated(statement):
        marked = _marked(connection)
        for name in _names(_CREATES, statement):
            valid = _index(connection, name)
            if valid is False or (valid and name in marked):
                connection.execute(sql.SQL("DROP INDEX CONCURRENTLY public.{}").format(sql.Identifier(name)))
                valid = None
            if valid is None:
                marked = _mark(connection, marked | {name})
        for name in _names(_DROPS, statement):
            if _index(connection, name) is not None:
                marked = _mark(connection, marked | {name})
            elif name in marked:
                return
        # By itself: a message with a second statement would be a transaction.
        connection.execute(statement.encode())


def _names(pattern: re.Pattern[str], statement: str) -> list[str]:
    return [name.strip('"') if name.startswith('"') else name.lower() for name in pattern.findall(statement)]


def _index(connection: psycopg.Connection, name: str) -> bool | None:
    """Whether an index is valid; None when there is none of that name."""
    row = connection.execute(
        """
        SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relname = %s AND c.relnamespace = 'public'::regnamespace
        """,
        [name],
    ).fetchone()
    return bool(row[0]) if row else None


def _marked(connection: psycopg.Connection) -> frozenset[str]:
    row = connection.execute("SELECT obj_description(to_regclass('public.alembic_version'), 'pg_class')").fetchone()
    text = str(row[0] or "") if row else ""
    return frozenset(json.loads(text.removeprefix(_MARK))) if text.startswith(_MARK) else frozenset()


def _mark(connection: psycopg.Connection, names: Collection[str]) -> frozenset[str]:
    text = sql.Literal(_MARK + json.dumps(sorted(names)))
    connection.execute(sql.SQL("COMMENT ON TABLE public.alembic_version IS {}").format(text))
    return frozenset(names)
