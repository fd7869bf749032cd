"""The batches of a run that several processes share: each is claimed by whoever comes first.

Every function takes an autocommit connection to the central database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from mpm_ops.postgres import locks


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Companies that are migrated together, or the gate behind a stage."""

    number: int
    #: The stage that the gate stands behind; empty for companies to migrate.
    gate: str = ""
    #: Ids: those to migrate, or those that the gate is asked of. A list of batches leaves them out: they are many.
    companies: Sequence[int] = ()
    done: bool = False
    #: Whether some process is at it.
    held: bool = False


def free(pieces: Sequence[Piece]) -> list[Piece]:
    """Return those of a run's batches that may be claimed now: the ones before the next gate, or that gate itself."""
    found: list[Piece] = []
    for piece in pieces:
        if piece.gate and not piece.done:
            passable = not piece.held and all(one.done for one in pieces if one.number < piece.number)
            return [piece] if passable else found
        if not piece.done and not piece.held:
            found.append(piece)
    return found


def write(connection: psycopg.Connection, run_id: int, pieces: Sequence[Piece]) -> None:
    """Write the batches of a run, all of them to be done."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ops.batches (run_id, number, gate, companies) VALUES (%s, %s, %s, %s)",
            [(run_id, one.number, one.gate, list(one.companies)) for one in pieces],
        )


def listed(connection: psycopg.Connection, run_id: int) -> list[Piece]:
    """List the batches of a run in their order. Read-only.

    Held is also one whose part goes on: a claim that was lost with its connection is not taken again, a part's lock is.
    """
    with connection.cursor(row_factory=class_row(Piece)) as cursor:
        return cursor.execute(
            """
            SELECT b.number, b.gate, b.done_at IS NOT NULL AS done, EXISTS (
                SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND l.classid = %(class)s AND l.objid::bigint IN (
                    hashtext(format('run %%s batch %%s', b.run_id, b.number))::bigint & 4294967295,
                    hashtext('run ' || part.id)::bigint & 4294967295
                )
            ) AS held
            FROM ops.batches b
            LEFT JOIN (SELECT batch, max(id) AS id FROM ops.runs WHERE part_of = %(id)s GROUP BY batch) AS part
                ON part.batch = b.number
            WHERE b.run_id = %(id)s ORDER BY b.number
            """,
            {"id": run_id, "class": locks.CLASS},
        ).fetchall()


def companies(connection: psycopg.Connection, run_id: int, number: int) -> list[int]:
    """Return the ids of the companies of a batch, or of those that a gate is asked of. Read-only."""
    query = "SELECT companies FROM ops.batches WHERE run_id = %s AND number = %s"
    row = connection.execute(query, [run_id, number]).fetchone()
    return list(row[0]) if row else []


def total(connection: psycopg.Connection, run_id: int) -> int:
    """Return how many companies of a run had something to be done. Read-only."""
    query = "SELECT coalesce(sum(cardinality(companies)), 0) FROM ops.batches WHERE run_id = %s AND gate = ''"
    row = connection.execute(query, [run_id]).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def claimed(connection: psycopg.Connection, run_id: int, number: int) -> Iterator[bool]:
    """Try to have a batch of a run under way for oneself in a block; yields whether it was got and is to be done."""
    with locks.try_lock(connection, f"run {run_id} batch {number}") as mine:
        row = connection.execute(
            """
            SELECT b.done_at IS NULL AND r.state = 'running' FROM ops.batches b JOIN ops.runs r ON r.id = b.run_id
            WHERE b.run_id = %s AND b.number = %s
            """,
            [run_id, number],
        ).fetchone()
        yield mine and bool(row and row[0])


def close(connection: psycopg.Connection, run_id: int, number: int) -> None:
    """Write that a batch is done."""
    connection.execute("UPDATE ops.batches SET done_at = now() WHERE run_id = %s AND number = %s", [run_id, number])


def last_part(connection: psycopg.Connection, run_id: int, number: int) -> int | None:
    """Return the last run that a batch became; None when nobody has begun it. Read-only."""
    row = connection.execute(
        "SELECT max(id) FROM ops.runs WHERE part_of = %s AND batch = %s", [run_id, number]
    ).fetchone()
    return row[0] if row else None


def broken_off(connection: psycopg.Connection, run_id: int) -> list[str]:
    """Return why parts of a run halted in batches that are done with: servers that stayed away. Read-only."""
    rows = connection.execute(
        """
        SELECT DISTINCT ON (r.batch) r.state, r.reason FROM ops.runs r
        JOIN ops.batches b ON b.run_id = r.part_of AND b.number = r.batch AND b.done_at IS NOT NULL
        WHERE r.part_of = %s ORDER BY r.batch, r.id DESC
        """,
        [run_id],
    )
    return list(dict.fromkeys(reason for state, reason in rows if state == "halted"))
