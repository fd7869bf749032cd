"""Thirty companies fail for two reasons: two causes are told, each with the one command that tries it again."""

from __future__ import annotations

import re
import shlex

import psycopg
import pytest

from mpm_ops import Ops, Settings
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.cli.conftest import Run
from tests.integration.test_fleet import revise
from tests.integration.test_migrations import Register, core_head, insert_company

NOT_SHORT = "INSERT INTO notes VALUES (repeat('n', 30))"
OTHER_NAME = "ALTER TABLE notes RENAME COLUMN body TO text"


@pytest.fixture
def thirty(settings: Settings, server: Server, maintenance: psycopg.Connection) -> list[str]:
    """Names of 32 databases with a revision and one table, which are made faster than companies."""
    names = [settings.company_database(number) for number in range(1, 33)]
    owner = settings.owner_role
    databases.create(maintenance, names[0], owner=owner)
    with server.connect(names[0], role=owner) as tenant:
        tenant.execute("CREATE TABLE alembic_version (version_num text); CREATE TABLE notes (body text)")
        tenant.execute("INSERT INTO alembic_version VALUES (%s)", [core_head()])
    with server.connect(settings.central_database) as central:
        for number, name in enumerate(names, 1):
            insert_company(central, number, name)
            if number > 1:
                databases.create(maintenance, name, owner=owner, template=names[0])
            maintenance.execute(databases.stamp(name, [core_head()]))
    return names


def commands(shown: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in re.findall(r"try again: (.*)", shown)]


def test_thirty_failures_of_two_kinds_are_two_causes(
    run: Run, ops: Ops, thirty: list[str], server: Server, maintenance: psycopg.Connection
) -> None:
    revise(ops, "o1", None, "op.execute('ALTER TABLE notes ADD CONSTRAINT short CHECK (length(body) < 20)')")
    for number, name in enumerate(thirty[:30]):
        with server.connect(name) as tenant:
            tenant.execute((NOT_SHORT if number % 3 else OTHER_NAME).encode())
    done = run("migrate-tenant")
    assert done.code == 1
    assert "30 failures, 2 causes:" in done.out
    assert '20 × check constraint "short" of relation "notes" is violated by some row in revision o1' in done.out
    assert '10 × column "body" does not exist in revision o1' in done.out
    number = ops.runs()[0].id
    first, second = commands(done.out)
    assert first == ["migrate-tenant", "--resume", str(number), "--cause", "1"]
    shown = run("run", str(number))
    assert (shown.code, commands(shown.out)) == (1, [first, second])
    as_json = run("run", str(number), "--json").json["causes"]
    assert [len(cause["company_ids"]) for cause in as_json] == [20, 10]

    stamps = databases.stamps(maintenance, thirty[0][: -len("1")])
    assert {stamps[name] for name in thirty[:30]} == {(core_head(),)}
    assert {stamps[name] for name in thirty[30:]} == {("o1",)}
    for name in thirty[1:30:3]:
        with server.connect(name) as tenant:
            tenant.execute("DELETE FROM notes")
    again = run(*first)
    assert "10 done, 10 failed of 20 companies" in again.out, again.out
    for name in thirty[:30:3]:
        with server.connect(name) as tenant:
            tenant.execute("ALTER TABLE notes RENAME COLUMN text TO body")
    assert "10 done of 10 companies" in run(*second).out
    for name in thirty[2:30:3]:
        with server.connect(name) as tenant:
            tenant.execute("DELETE FROM notes")
    assert run(*commands(again.out)[0]).code == 0
    assert run("migrate-tenant-status").code == 0


def test_what_tries_again_a_rollback_names_its_companies(
    run: Run, ops: Ops, thirty: list[str], server: Server, maintenance: psycopg.Connection
) -> None:
    revise(ops, "o1", None, "op.execute('CREATE TABLE t (i int)')", "op.drop_table('t')")
    assert run("migrate-tenant", "--only", "1", "--only", "2", "--only", "3").code == 0
    for name in thirty[:2]:
        with server.connect(name) as tenant:
            tenant.execute("CREATE VIEW v AS SELECT * FROM t")
    done = run("migrate-tenant-rollback", "--step", "1", "--only", "1", "--only", "2", "--only", "3", "--force")
    assert done.code == 1
    (command,) = commands(done.out)
    assert command == ["migrate-tenant-rollback", "--step", "1", "--only", "1", "--only", "2"]
    assert commands(run("run", "2").out) == [command]
    undone = run("rollback", "--run", "1", "--force")
    assert commands(undone.out) == [["rollback", "--run", "1"]]
    assert commands(run("run", "3").out) == [["rollback", "--run", "1"]]
    for name in thirty[:2]:
        with server.connect(name) as tenant:
            tenant.execute("DROP VIEW v")
    assert run(*command, "--force").code == 0
    assert databases.stamps(maintenance, thirty[0])[thirty[0]] == (core_head(),)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--cause", "1"), "goes with --resume"), (("--resume", "1", "--cause", "2"), "run 1 has 0 causes")],
)
def test_a_cause_that_there_is_not(
    run: Run, ops: Ops, register: Register, arguments: tuple[str, ...], said: str
) -> None:
    register()
    ops.migrate_tenant()
    done = run("migrate-tenant", *arguments)
    assert done.code == 2
    assert said in done.err
