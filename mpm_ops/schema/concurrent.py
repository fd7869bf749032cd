"""Steps whose parts commit one by one, around CREATE and DROP INDEX CONCURRENTLY: what an attempt has left or done.

Such a statement goes on in the server when its client is killed, and nothing in the database says then that the
revision has had its index, nor that a part before it is committed when the server refuses it. So both stand in the
comment of `alembic_version` until the transaction that also writes the new revision.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from mpm_ops.postgres.server import translated
from mpm_ops.schema.plan import Step

_CREATES = re.compile(
    r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(\"[^\"]+\"|\w+)", re.IGNORECASE
)
_DROPS = re.compile(r"\bDROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?(?:public\.)?(\"[^\"]+\"|\w+)", re.IGNORECASE)
_MARK = "mpm_ops has under way: "
#: Belongs into the transaction that writes the new revision.
UNMARK = "COMMENT ON TABLE public.alembic_version IS NULL"
#: The mark, and the rows of `alembic_version` with the transactions that wrote them: whatever moved the database since
#: the mark was made, there and back again, has changed those.
_READ = """
    SELECT obj_description('public.alembic_version'::regclass, 'pg_class'),
           (SELECT jsonb_object_agg(version_num, xmin::text) FROM public.alembic_version)
"""


@dataclass
class Progress:
    """What attempts have done of a step, this one and those before it."""

    connection: psycopg.Connection
    step: Step
    #: What the database is at; None at base, where nothing tells one stay from another.
    rows: dict[str, str] | None = None
    #: Hashes of the parts, or single statements, that are committed, in their order.
    done: list[str] = field(default_factory=list)
    #: Names of the indexes that a statement is at, or was when it broke off.
    under_way: frozenset[str] = frozenset()
    _passed: int = 0

    @classmethod
    def read(cls, connection: psycopg.Connection, step: Step) -> Progress:
        """Return what the comment of `alembic_version` says of the step."""
        with translated():
            exists = connection.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
            row = connection.execute(_READ).fetchone() if exists and exists[0] else None
        found = cls(connection, step, rows=row[1] if row else None)
        text = str(row[0] or "") if row else ""
        mark = json.loads(text.removeprefix(_MARK)) if text.startswith(_MARK) else {}
        if mark.get("step") == [step.direction, step.revision] and mark.get("rows") == found.rows:
            found.under_way = frozenset(mark["indexes"])
            found.done = mark["done"] if found.rows else []
        return found

    def passed(self, *statements: str) -> bool:
        """Whether these, the next of the step, are committed; where the revision was edited, what follows is not."""
        if self.done[self._passed : self._passed + 1] == [_hash(statements)]:
            self._passed += 1
            return True
        del self.done[self._passed :]
        return False

    def mark_done(self, *statements: str) -> str:
        """Return the statement that notes these, the next of the step, for their own transaction or right after."""
        return self._mark([*self.done, _hash(statements)], ())

    def committed(self, *statements: str) -> None:
        """Take in that these are committed, and their mark with them."""
        self.done.append(_hash(statements))
        self._passed = len(self.done)
        self.under_way = frozenset()

    def mark_index(self, name: str) -> None:
        """Note that a statement is about to make or drop an index."""
        self.under_way |= {name}
        self.connection.execute(self._mark(self.done, self.under_way).encode())

    def mark_refused(self) -> str:
        """Return the statement that notes that the server refused the next one: nothing is under way."""
        return self._mark(self.done, ()) if self.done else UNMARK

    def _mark(self, done: Sequence[str], indexes: Collection[str]) -> str:
        mark = {
            "step": [self.step.direction, self.step.revision],
            "rows": self.rows,
            "done": list(done),
            "indexes": sorted(indexes),
        }
        return f"COMMENT ON TABLE public.alembic_version IS {sql.Literal(_MARK + json.dumps(mark)).as_string()}"


def run_alone(connection: psycopg.Connection, statement: str, progress: Progress) -> None:
    """Run one statement outside of a transaction; finish what an attempt before it has left half done.

    An index of that name which was there before any attempt is not touched: the server refuses to make another.
    """
    if progress.passed(statement):
        return
    with translated(statement):
        if not _done_already(connection, statement, progress):
            # By itself: a message with a second statement would be a transaction.
            connection.execute(statement.encode())
        connection.execute(progress.mark_done(statement).encode())
        progress.committed(statement)


def _done_already(connection: psycopg.Connection, statement: str, progress: Progress) -> bool:
    """Make way for a statement and note its index; True when an attempt that broke off has dropped that already."""
    for name in _names(_CREATES, statement):
        valid = _index(connection, name)
        if valid is False or (valid and name in progress.under_way):
            connection.execute(sql.SQL("DROP INDEX CONCURRENTLY public.{}").format(sql.Identifier(name)))
            valid = None
        if valid is None:
            progress.mark_index(name)
    for name in _names(_DROPS, statement):
        if _index(connection, name) is not None:
            progress.mark_index(name)
        elif name in progress.under_way:
            return True
    return False


def _hash(statements: Collection[str]) -> str:
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()[:12]


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
