"""Advisory locks: one holder per key and database, released with the session, so a killed process leaves none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

#: First half of every key of ours, so that an application's own advisory locks do not collide ("mpm" in ASCII).
_CLASS = 0x6D706D


@contextmanager
def try_lock(connection: psycopg.Connection, key: str) -> Iterator[bool]:
    """Try to take the lock `key` in the connection's database for a block; yields whether it was got."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_CLASS, key]).fetchone()
    got = bool(row and row[0])
    try:
        yield got
    finally:
        if got and not connection.closed:
            _unlock(connection, key)


@contextmanager
def lock(connection: psycopg.Connection, key: str) -> Iterator[None]:
    """Wait for the lock `key` in the connection's database and hold it for a block."""
    connection.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [_CLASS, key])
    try:
        yield
    finally:
        if not connection.closed:
            _unlock(connection, key)


def _unlock(connection: psycopg.Connection, key: str) -> None:
    # A broken connection has lost its locks already; the error that broke it is the one to report.
    try:
        connection.execute("RESET ROLE; RESET lock_timeout")
        connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_CLASS, key])
    except psycopg.OperationalError:
        connection.close()
