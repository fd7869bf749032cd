"""Models and migrations agree in both trees; up, down and up again works; plain Alembic keeps the stamp true."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import alembic.command
import pytest
import sqlalchemy as sa
from alembic.config import Config

from mpm_ops.central import models
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import apply, read_heads
from mpm_ops.schema.trees import Tree
from mpm_ops.shipped import shipped
from mpm_ops.tenant import metadata
from tests.conftest import PREFIX

TREES = {"migrations": models.metadata, "tenant_migrations": metadata}


@pytest.fixture
def empty(server: Server) -> Iterator[str]:
    """An empty database."""
    name = f"{PREFIX}empty_{secrets.token_hex(3)}"
    with server.connect("postgres") as connection:
        databases.create(connection, name)
        yield name
        server.close()
        databases.drop(connection, name)


def config(tree: str, connection: sa.Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(shipped(tree)))
    made.attributes["connection"] = connection
    return made


@pytest.mark.parametrize("tree", TREES)
def test_alembic_check_finds_nothing(server: Server, empty: str, tree: str) -> None:
    with server.engine(empty).connect() as connection:
        alembic.command.upgrade(config(tree, connection), "heads")
        alembic.command.check(config(tree, connection))


@pytest.mark.parametrize("tree", TREES)
def test_a_plain_upgrade_and_downgrade_keep_the_stamp_true(server: Server, empty: str, tree: str) -> None:
    with server.engine(empty).connect() as connection:
        alembic.command.upgrade(config(tree, connection), "heads")
        connection.commit()
        with server.connect(empty) as plain:
            assert databases.stamps(plain, empty)[empty] == read_heads(plain) != ()
        alembic.command.downgrade(config(tree, connection), "base")
        connection.commit()
        with server.connect(empty) as plain:
            assert databases.stamps(plain, empty)[empty] == read_heads(plain) == ()


@pytest.mark.parametrize("tree", TREES)
def test_up_down_to_base_and_up_again(server: Server, empty: str, tree: str) -> None:
    found = Tree(shipped(tree), own=Path("/nonexistent"))
    heads = found.heads()
    apply(server, empty, found.upgrade_plan(()), owner=None)
    first = fingerprint(server, empty)
    down = found.downgrade_plan(heads, [revision.id for revision in reversed(found.applied(heads))])
    apply(server, empty, down, owner=None)
    assert {row[0] for row in fingerprint(server, empty)} == {"alembic_version"}
    apply(server, empty, found.upgrade_plan(()), owner=None)
    assert fingerprint(server, empty) == first


@pytest.mark.parametrize("tree", TREES)
def test_rendered_and_plain_upgrades_make_the_same_schema(server: Server, empty: str, tree: str) -> None:
    found = Tree(shipped(tree), own=Path("/nonexistent"))
    apply(server, empty, found.upgrade_plan(()), owner=None)
    rendered = fingerprint(server, empty)
    heads = found.heads()
    apply(server, empty, found.downgrade_plan(heads, [r.id for r in reversed(found.applied(heads))]), owner=None)
    with server.engine(empty).connect() as connection:
        alembic.command.upgrade(config(tree, connection), "heads")
        connection.commit()
    assert fingerprint(server, empty) == rendered


def fingerprint(server: Server, database: str) -> list[tuple[object, ...]]:
    """Columns, constraints and indexes."""
    with server.connect(database) as connection:
        return connection.execute(
            """
            SELECT table_name::text, column_name::text, data_type::text, is_nullable::text, column_default::text
            FROM information_schema.columns WHERE table_schema IN ('public', 'ops')
            UNION ALL
            SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), '', '' FROM pg_constraint
            WHERE connamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'ops'))
            UNION ALL
            SELECT tablename::text, indexname::text, indexdef, '', '' FROM pg_indexes
            WHERE schemaname IN ('public', 'ops')
            ORDER BY 1, 2, 3
            """
        ).fetchall()
