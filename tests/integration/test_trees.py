"""Models and migrations agree in both trees; up, down and up again works; plain Alembic keeps the stamp true."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import alembic.command
import pytest
import sqlalchemy as sa
from alembic.config import Config

from mpm_ops import Ops
from mpm_ops.central import models
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import apply, read_heads
from mpm_ops.schema.trees import Tree
from mpm_ops.shipped import shipped
from mpm_ops.tenant.models import metadata
from tests.conftest import PREFIX
from tests.integration.test_migrations import core_head, own_revision

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


OWN = """op.create_table('notes', sa.Column('id', sa.BigInteger(), primary_key=True))
    op.add_column('meters', sa.Column('own_phase', sa.Text(), index=True))
    op.create_unique_constraint('one_own_phase', 'meters', ['own_phase'])"""


@pytest.fixture
def own(ops: Ops) -> Ops:
    """An installation with a revision of its own."""
    own_revision(ops.settings, "o1", None, OWN)
    ops.forget_revisions()
    return ops


@pytest.mark.parametrize("by", ["TENANT_MIGRATIONS", "HOME"])
def test_plain_alembic_finds_own_revisions(
    own: Ops, server: Server, empty: str, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    place = own.settings.home if by == "HOME" else own.settings.own_tenant_migrations
    monkeypatch.setenv(f"MPM_OPS_{by}", str(place))
    with server.engine(empty).connect() as connection:
        made = Config(shipped("tenant_migrations") / "alembic.ini", attributes={"connection": connection})
        alembic.command.upgrade(made, "own@head")
        connection.commit()
        with server.connect(empty) as plain:
            assert databases.stamps(plain, empty)[empty] == read_heads(plain) == ("o1",)
        alembic.command.downgrade(made, "own@base")
        connection.commit()
        with server.connect(empty) as plain:
            assert read_heads(plain) == (core_head(),)


def test_what_own_revisions_made_is_not_proposed_to_be_dropped(own: Ops) -> None:
    path = Path(own.make_migration_tenant("nothing", own=True, autogenerate=True).path)
    assert path.read_text().count("    pass") == 2


def test_what_shipped_revisions_made_is_proposed_to_be_dropped(own: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = sa.MetaData(naming_convention=metadata.naming_convention)
    *kept, last = metadata.sorted_tables
    for table in kept:
        table.to_metadata(fewer)
    monkeypatch.setattr("mpm_ops.tenant.models.metadata", fewer)
    text = Path(own.make_migration_tenant("drops", own=True, autogenerate=True).path).read_text()
    assert re.findall(r"op.drop_table\('(\w+)'\)", text) == [last.name]
    assert "own_phase" not in text


def test_a_shipped_revision_knows_nothing_of_own_ones(own: Ops, tmp_path: Path) -> None:
    folder = shutil.copytree(shipped("tenant_migrations"), tmp_path / "shipped")
    own._installation.tenant_tree = Tree(folder, own=own.settings.own_tenant_migrations)
    made = own.make_migration_tenant("nothing", own=False, autogenerate=True)
    assert Path(made.path).parent == folder / "versions"
    assert made.down == (core_head(),)
    assert Path(made.path).read_text().count("    pass") == 2
