"""Scratch databases: made for a moment, closed to everybody else, and dropped whatever happens."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from mpm_ops.companies.installation import Installation
from mpm_ops.postgres import databases, locks


@contextmanager
def scratch_name(installation: Installation, connection: psycopg.Connection) -> Iterator[str]:
    """Lend the name of a database that the block may create; it is dropped at the end, after Ctrl-C as well.

    `connection` is one that `installation.maintenance` lends; it holds a lock of that name meanwhile. A killed
    process loses its lock, and `sweep_scratch` drops what it has left.
    """
    name = f"{_prefix(installation)}{secrets.token_hex(4)}"
    with locks.lock(connection, name):
        try:
            yield name
        finally:
            # A broken connection cannot; what broke it is the one to report, and the database is swept later.
            if not connection.closed:
                databases.drop(connection, name)


def abandoned_scratch(installation: Installation, connection: psycopg.Connection) -> list[str]:
    """List the scratch databases whose process is gone. Read-only."""
    return [name for name in databases.names(connection, _prefix(installation)) if locks.free(connection, name)]


def sweep_scratch(installation: Installation, connection: psycopg.Connection) -> None:
    """Drop the scratch databases that a killed process has left; those of a living one are left alone."""
    for name in abandoned_scratch(installation, connection):
        databases.drop(connection, name)


def _prefix(installation: Installation) -> str:
    return f"{installation.settings.prefix}scratch_"
