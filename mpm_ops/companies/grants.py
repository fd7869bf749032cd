"""What the two groups of a company database may do in it, as its owner grants it."""

from __future__ import annotations

import re
from functools import cache

import psycopg

from mpm_ops.postgres import roles
from mpm_ops.schema.plan import Step
from mpm_ops.tenant.readable import READABLE


def grant(connection: psycopg.Connection, *, owner: str, database: str = "") -> None:
    """Grant the tables of the database that `connection` goes to, to the two groups of `database` (default: itself).

    Run it as the owner.
    """
    name = database or connection.info.dbname
    app, read = roles.app_group(name), roles.read_group(name)
    roles.grant_application(connection, owner=owner, app=app, read=read)
    connection.execute(roles.reading_statement(read, READABLE))


def grants_of(step: Step, database: str) -> list[str]:
    """Return the statements that a step's transaction needs to stay true to the list of what may be read.

    Writing needs none: the application's group has it by default privileges. A table that is not listed stays hidden.
    """
    listed = _listed(step)
    return [roles.reading_statement(roles.read_group(database), listed).as_string()] if listed else []


@cache
def _listed(step: Step) -> dict[str, tuple[str, ...]]:
    """Return what of the list a step makes or changes: its new tables, and listed columns of tables that it names."""
    named = step.creates | {
        table
        for table, columns in READABLE.items()
        if columns and re.search(rf"\b{table}\b", step.sql) and not step.sql.startswith("-- downgrade")
    }
    return {table: READABLE[table] for table in sorted(named) if table in READABLE}
