"""Clones of company databases: copied without disturbing whoever is in them, and closed before anybody can look in."""

from __future__ import annotations

import time

import psycopg
from psycopg import errors

from mpm_ops.companies.installation import Installation
from mpm_ops.errors import ServerError
from mpm_ops.postgres import databases, dump, sessions
from mpm_ops.records import Company

#: How long those who are connected may take to leave, in seconds.
_MOMENT = 1.0
#: How long the server may copy a database as a template, in milliseconds: who connects to it meanwhile has to wait.
_PATIENCE = 5_000


def clone(installation: Installation, connection: psycopg.Connection, company: Company, name: str) -> str:
    """Copy a company's database to a new one, `name`; return how: 'template' or 'pg_dump'.

    CREATE DATABASE TEMPLATE is the faster way, and the copy is the same to the page. The server refuses it while
    somebody is connected, and lets nobody in until it is done. So it is taken when nobody is there and it does not
    take long; else pg_dump reads the database in one snapshot beside those who work in it. The clone belongs to the
    owner role, and nobody else may connect, the company's own groups included. Raises ServerError when there is
    no way.
    """
    there = _staying(connection, company.database)
    if not there and _copied_as_template(installation, connection, company, name):
        return "template"
    major = connection.info.server_version // 10_000
    if (tools := dump.tools(major)) is None:
        raise ServerError(
            f"{there} sessions are connected to its database" if there else "its database takes long to copy",
            hint=f"With pg_dump and pg_restore {major} on the PATH it is copied all the same.",
        )
    server, owner = installation.server_of(company), installation.settings.owner_role
    # Locked, because who gets in before it is closed would stay.
    databases.create(connection, name, owner=owner, locked=True)
    databases.close_to_public(connection, name)
    databases.unlock(connection, name)
    dump.copy(tools, server, company.database, name, role=owner)
    with server.connect(name, role=owner) as copied:
        copied.execute("ANALYZE")  # what a dump leaves out: a migration's own queries are planned by it
    return "pg_dump"


def _staying(connection: psycopg.Connection, database: str) -> int:
    """Return how many sessions are in the database and do not leave within a moment."""
    until = time.monotonic() + _MOMENT
    while (there := sessions.connected(connection, database)) and time.monotonic() < until:
        time.sleep(0.02)
    return there


def _copied_as_template(
    installation: Installation, connection: psycopg.Connection, company: Company, name: str
) -> bool:
    """Copy the database as a template; False when somebody came, or when it would have taken too long."""
    owner = installation.settings.owner_role
    connection.execute(f"SET statement_timeout = {_PATIENCE:d}".encode())
    try:
        # Locked, because the data is there before the database can be closed to others.
        databases.create(connection, name, owner=owner, template=company.database, locked=True)
    except (errors.ObjectInUse, errors.QueryCanceled):
        return False
    finally:
        if not connection.closed:
            connection.execute("RESET statement_timeout")
    databases.close_to_public(connection, name)
    databases.unlock(connection, name)
    return True
