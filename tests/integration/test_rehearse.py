"""Rehearsals: clones that tell what a run would do, disturb nobody, and are gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from mpm_ops import Company, Hooks, Ops, Outcome, Policy, Settings, Status
from mpm_ops.companies.rehearsal import Rehearsal, TableLock
from mpm_ops.companies.rehearse import _locks, riskiest
from mpm_ops.errors import MpmOpsError, ServerError
from mpm_ops.postgres import databases, dump, roles
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX
from tests.integration.test_deployer import deployer
from tests.integration.test_fleet import ADD_X, LIVE, PREFLIGHT, column, held, revise
from tests.integration.test_fleet_broken_off import wait_until
from tests.integration.test_migrations import Register, core_head, truth
from tests.integration.test_register import GIVEN
from tests.integration.test_servers import second, west

#: Minutes of killed processes, stopped servers and copies: `make test-slow`.
pytestmark = pytest.mark.slow

__all__ = ["deployer", "second", "west"]  # fixtures

SCRATCH = f"{PREFIX}scratch_"


@pytest.fixture(autouse=True)
def no_clone_is_left(maintenance: psycopg.Connection) -> Iterator[None]:
    yield
    assert databases.names(maintenance, SCRATCH) == []


def fill(server: Server, company: Company, rows: int) -> None:
    with server.connect(company.database) as tenant:
        tenant.execute(
            "INSERT INTO people (name, surname) SELECT repeat('n', 30), 'x' FROM generate_series(1, %s)", [rows]
        )


def locks(rehearsal: Rehearsal) -> dict[str, str]:
    return {lock.table: lock.mode for clone in rehearsal.clones for step in clone.steps for lock in step.locks}


def test_the_riskiest_are_the_largest_and_the_oldest_and_no_one_twice(ops: Ops, register: Register) -> None:
    fleet = [register(f"Company {n}") for n in range(5)]
    sizes = {company.database: size for company, size in zip(fleet, (9, 8, 5, 6, 7), strict=True)}
    assert [one.id for one, _ in riskiest(fleet, sizes, 3)] == [fleet[n].id for n in (0, 1, 2)]
    assert [one.id for one, _ in riskiest(fleet, sizes, 4)] == [fleet[n].id for n in (0, 1, 2, 3)]
    assert [one.id for one, _ in riskiest(fleet[::-1], {}, 2)] == [fleet[n].id for n in (0, 1)]
    assert len(riskiest(fleet, sizes, 99)) == 5
    assert [why.split(",")[0] for _, why in riskiest(fleet, sizes, 3)] == [
        "no. 1 by size",
        "no. 2 by size",
        "no. 3 by age",
    ]


def test_a_rehearsal_tells_times_locks_and_sizes_and_changes_nobody(
    ops: Ops, register: Register, server: Server, maintenance: psycopg.Connection
) -> None:
    fleet = [register(f"Company {n}") for n in range(4)]
    fill(server, fleet[2], 20_000)
    revise(ops, "o1", None, *ADD_X)
    revise(
        ops,
        "o2",
        "o1",
        "op.execute('UPDATE people SET x = name'); op.execute('SELECT 1'); op.drop_table('map_settings')",
    )
    revise(ops, "o3", "o2", "op.execute('CREATE TABLE mine (id int)')")
    seen: list[Outcome] = []
    rehearsal = ops.rehearse(count=2, hooks=Hooks(on_outcome=seen.append))
    assert [(clone.company_id, clone.why.split(",")[0]) for clone in rehearsal.clones] == [
        (fleet[2].id, "no. 1 by size"),
        (fleet[0].id, "no. 1 by age"),
    ]
    large = rehearsal.clones[0]
    assert [tuple(step.revisions) for step in large.steps] == [("o1",), ("o2",), ("o3",)]
    assert [[(lock.table, lock.mode) for lock in step.locks] for step in large.steps] == [
        [("people", "ACCESS EXCLUSIVE")],
        [("map_settings", "ACCESS EXCLUSIVE"), ("people", "ROW EXCLUSIVE")],
        [],
    ]
    assert 0 < large.steps[1].locks[0].seconds <= large.steps[1].seconds <= large.seconds
    assert large.size_after > large.size_before > 1_000_000
    assert large.steps[1].seconds > rehearsal.clones[1].steps[1].seconds
    assert rehearsal.longest == (large, large.steps[1], large.steps[1].locks[0])
    assert rehearsal.ok
    assert rehearsal.companies == 4
    assert rehearsal.estimate == pytest.approx(2 * sum(one.seconds for one in rehearsal.clones))
    assert [one.status for one in seen] == [Status.DONE] * 2
    assert {truth(server, company) for company in fleet} == {((core_head(),), (core_head(),))}
    assert ops.runs() == []
    assert [one.status for one in ops.migrate_tenant().outcomes] == [Status.DONE] * 4
    assert str(ops.rehearse(count=2)) == "rehearsal: nothing to migrate"


def test_a_clone_that_fails_names_revision_and_statement(ops: Ops, register: Register, server: Server) -> None:
    fleet = [register("Long names"), register("Other")]
    fill(server, fleet[0], 1)
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.create_check_constraint('short', 'people', 'length(name) < 20')")
    rehearsal = ops.rehearse(count=2)
    assert [clone.ok for clone in rehearsal.clones] == [False, True]
    clone = rehearsal.clones[0]
    assert clone.failure is not None
    assert (clone.failure.revision, clone.failure.sqlstate) == ("o2", "23514")
    assert "ADD CONSTRAINT" in clone.failure.statement
    assert [step.revisions for step in clone.steps] == [["o1"]]
    assert clone.size_after > 0
    assert not rehearsal.ok


def test_assertions_are_asked_in_the_clone(ops: Ops, settings: Settings, register: Register, server: Server) -> None:
    fill(server, register(), 3)
    revise(ops, "o1", None, *ADD_X)
    path = next(settings.own_tenant_migrations.glob("*o1.py"))
    path.write_text(path.read_text() + PREFLIGHT)
    ops.forget_revisions()
    (clone,) = ops.rehearse(count=1).clones
    assert clone.failure is not None
    assert "long names: 3 rows" in clone.failure.message
    assert ops.rehearse(count=1, policy=Policy(preflight="off")).ok


def test_one_transaction_is_one_step_and_what_cannot_be_seen_is_told(ops: Ops, register: Register) -> None:
    register()
    column(ops, "o1", None)
    column(ops, "o2", "o1")
    (clone,) = ops.rehearse(count=1, policy=Policy(one_transaction=True)).clones
    assert [step.revisions for step in clone.steps] == [["o1", "o2"]]
    revise(
        ops,
        "o3",
        "o2",
        "op.create_check_constraint('named', 'meters', \"serial_number <> ''\")\n"
        "    with op.get_context().autocommit_block():\n"
        "        op.execute('CREATE INDEX CONCURRENTLY i ON people (name)')",
    )
    revise(ops, "o4", "o3", LIVE)
    path = next(ops.settings.own_tenant_migrations.glob("*o4.py"))
    path.write_text(path.read_text() + "\nlive = True\n")
    ops.forget_revisions()
    (clone,) = ops.rehearse(count=1).clones
    assert clone.ok, clone.failure
    assert [step.note.split(":")[0] for step in clone.steps] == [
        "",
        "",
        "the locks of what runs outside of a transaction are not seen",
        "live",
    ]
    assert [(lock.table, lock.mode) for lock in clone.steps[2].locks] == [("meters", "ACCESS EXCLUSIVE")]


def test_a_company_in_use_is_copied_by_pg_dump_and_nobody_is_disturbed(
    ops: Ops, register: Register, server: Server
) -> None:
    company = register()
    fill(server, company, 1_000)
    revise(ops, "o1", None, "op.execute('UPDATE people SET surname = name')")
    with held(server, company, "INSERT INTO people (name, surname) VALUES ('open', 'x')") as other:
        (clone,) = ops.rehearse(count=1).clones
        assert (clone.ok, clone.copied_by) == (True, "pg_dump"), clone
        assert [(lock.table, lock.mode) for lock in clone.steps[0].locks] == [("people", "ROW EXCLUSIVE")]
        assert other.execute("SELECT count(*) FROM people WHERE surname = 'x'").fetchone() == (1_001,)
    (clone,) = ops.rehearse(count=1).clones
    assert (clone.ok, clone.copied_by) == (True, "template")


def test_a_company_in_use_is_not_rehearsed_without_pg_dump(
    ops: Ops, register: Register, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, quiet = register("Busy"), register("Quiet")
    revise(ops, "o1", None, *ADD_X)
    monkeypatch.setattr("mpm_ops.postgres.dump._folders", lambda _: [])
    with server.connect(busy.database):
        rehearsal = ops.rehearse(count=2)
    told = {clone.company_id: clone.not_rehearsed for clone in rehearsal.clones}
    assert told[busy.id].startswith("1 sessions are connected to its database (With pg_dump and")
    assert told[quiet.id] == ""
    assert not rehearsal.ok


def test_a_copy_that_takes_long_is_left_to_pg_dump(
    ops: Ops, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    revise(ops, "o1", None, *ADD_X)
    monkeypatch.setattr("mpm_ops.companies.clone._PATIENCE", 1)
    (clone,) = ops.rehearse(count=1).clones
    assert (clone.ok, clone.copied_by) == (True, "pg_dump")


def test_pg_dump_that_fails_is_told(ops: Ops, register: Register, server: Server, dsn: str) -> None:
    company = register()
    revise(ops, "o1", None, *ADD_X)
    with server.connect(company.database) as other, other.transaction():
        other.execute("LOCK TABLE people")
        (clone,) = ops.rehearse(count=1).clones
    assert clone.not_rehearsed.startswith("its copy by pg_dump failed: pg_dump: error")
    with server.connect("postgres") as connection:
        tools = dump.tools(connection.info.server_version // 10_000)
    assert tools is not None
    with pytest.raises(ServerError, match="pg_restore: error"):
        dump.copy(tools, server, company.database, f"{PREFIX}nowhere", role="postgres")


@pytest.mark.parametrize("connected", [False, True])
def test_only_the_owner_gets_into_a_clone(
    ops: Ops, settings: Settings, register: Register, server: Server, maintenance: psycopg.Connection, connected: bool
) -> None:
    company = register()
    login = f"{PREFIX}reader_clone"
    maintenance.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'planted' IN ROLE {}, {}").format(
            *map(sql.Identifier, (login, roles.app_group(company.database), roles.read_group(company.database)))
        )
    )
    revise(ops, "o1", None, "op.execute('SELECT pg_sleep(0.3)')")
    tried: list[str] = []
    over = threading.Event()

    def intrude() -> None:
        stranger = server.with_login(login, "planted")
        with server.connect("postgres") as connection:
            while not over.is_set():
                for name in databases.names(connection, SCRATCH):
                    try:
                        with stranger.connect(name):
                            tried.append("is in")
                    except MpmOpsError as exc:
                        tried.append(str(exc))

    intruder = threading.Thread(target=intrude)
    intruder.start()
    try:
        with server.connect(company.database if connected else "postgres"):
            (clone,) = ops.rehearse(count=1).clones
    finally:
        over.set()
        intruder.join()
    assert (clone.ok, clone.copied_by) == (True, "pg_dump" if connected else "template")
    assert any("permission denied for database" in answer for answer in tried), tried
    assert "is in" not in tried


def test_a_copied_template_lets_nobody_in_before_it_is_closed(
    ops: Ops, register: Register, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    revise(ops, "o1", None, *ADD_X)
    close_to_public, tried = databases.close_to_public, []

    def look_first(connection: psycopg.Connection, name: str) -> None:
        with pytest.raises(MpmOpsError, match="not currently accepting connections"), server.connect(name):
            pass
        tried.append(name)
        close_to_public(connection, name)

    monkeypatch.setattr(databases, "close_to_public", look_first)
    assert ops.rehearse(count=1).clones[0].copied_by == "template"
    assert len(tried) == 1


CHILD = """
import sys
from mpm_ops import Ops, Settings
from pydantic import SecretStr

settings = Settings.model_validate_json(sys.argv[1]).model_copy(update={"database_url": SecretStr(sys.stdin.read())})
with Ops(settings) as ops:
    ops.rehearse(count=1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_clones_are_dropped_after_a_signal_and_swept_after_a_kill(
    ops: Ops,
    settings: Settings,
    register: Register,
    dsn: str,
    maintenance: psycopg.Connection,
    number: signal.Signals,
) -> None:
    register()
    revise(ops, "o1", None, "op.execute('SELECT pg_sleep(60)')")
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, settings.model_dump_json(exclude={"database_url"})],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdin is not None
    process.stdin.write(dsn)
    process.stdin.close()
    process.stdin = None
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(datname, %s) AND wait_event = 'PgSleep'"
    wait_until(lambda: maintenance.execute(asleep, [SCRATCH]).fetchone() == (1,))
    ops.reconcile()
    assert len(databases.names(maintenance, SCRATCH)) == 1  # somebody is at it
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=30)
    if number != signal.SIGKILL:
        assert "KeyboardInterrupt" in err
        assert databases.names(maintenance, SCRATCH) == []
    else:
        assert len(databases.names(maintenance, SCRATCH)) == 1
        # The server ends the session that held the name when it misses its client.
        wait_until(lambda: ops.reconcile() == [] and databases.names(maintenance, SCRATCH) == [])


def test_a_deployer_without_superuser_rehearses_both_ways(deployer: Ops, server: Server) -> None:
    company = deployer.register(**GIVEN)
    revise(deployer, "o1", None, *ADD_X)
    (clone,) = deployer.rehearse(count=1).clones
    assert (clone.ok, clone.copied_by) == (True, "template"), clone
    with server.connect(company.database):
        (clone,) = deployer.rehearse(count=1).clones
    assert (clone.ok, clone.copied_by) == (True, "pg_dump"), clone


def test_each_company_is_cloned_on_its_own_server(
    settings: Settings, second: tuple[object, str], west: Server, server: Server
) -> None:
    with Ops(settings.model_copy(update={"servers": {"west": SecretStr(second[1])}})) as ops:
        fleet = [
            ops.register(
                name=f"Company {n}",
                email=f"info{n}@example.com",
                admin_email=f"admin{n}@example.com",
                admin_password="correct horse",
                server=("main", "west")[n],
            )
            for n in range(2)
        ]
        revise(ops, "o1", None, *ADD_X)
        rehearsal = ops.rehearse(count=2)
        assert sorted((clone.server, clone.ok) for clone in rehearsal.clones) == [("main", True), ("west", True)]
        assert locks(rehearsal) == {"people": "ACCESS EXCLUSIVE"}
        with west.connect("postgres") as connection:
            assert databases.names(connection, SCRATCH) == []
            databases.drop(connection, fleet[1].database)
        rehearsal = ops.rehearse(count=2)
        assert [clone.company_id for clone in rehearsal.clones] == [fleet[0].id]
        assert "does not exist" in rehearsal.notes[0]


def test_locks_are_compared_by_strength() -> None:
    rows = [("mpm_ops_lock", "7", mode, "0.5") for mode in ("ShareLock", "ShareRowExclusiveLock", "RowExclusiveLock")]
    assert _locks([*rows, ("mpm_ops_lock", "8", "AccessExclusiveLock", "1"), ("x",)], {"7": "people"}) == [
        TableLock(table="people", mode="SHARE ROW EXCLUSIVE", seconds=0.5)
    ]


def test_programs_of_the_servers_own_version_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(folder: Path, version: str) -> Path:
        folder.mkdir()
        for name in ("pg_dump", "pg_restore"):
            (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
            (folder / name).chmod(0o755)
        return folder

    folders = [
        tmp_path / "nowhere",
        install(tmp_path / "a", "17.2 (Debian 17.2-1)"),
        install(tmp_path / "b", "18beta1"),
    ]
    folders += [install(tmp_path / "c", "18.6"), install(tmp_path / "d", "nonsense")]
    monkeypatch.setattr("mpm_ops.postgres.dump._folders", lambda _: folders)
    chosen = [found and found.pg_dump.parent.name for found in map(dump.tools, (16, 17, 18, 19))]
    assert chosen == [None, "a", "b", None]
