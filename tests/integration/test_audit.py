"""Audit: each thing that can be amiss is planted, found, put right by what is printed, and gone."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from mpm_ops import Company, Ops, Settings
from mpm_ops.companies.findings import AuditFinding, AuditKind
from mpm_ops.companies.register import lock_key
from mpm_ops.postgres import binaries, databases, locks, roles
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.postgres.server import Server
from tests.cli.conftest import Run, run
from tests.conftest import PREFIX
from tests.integration.test_deployer import deployer
from tests.integration.test_fleet import column
from tests.integration.test_migrations import Register, core_head
from tests.integration.test_register import GIVEN
from tests.integration.test_servers import second, west

#: Minutes of killed processes, stopped servers and copies: `make test-slow`.
pytestmark = pytest.mark.slow


__all__ = ["deployer", "run", "second", "west"]  # fixtures

#: An id that no company of a test gets.
NOBODY = f"{PREFIX}company_777"


@pytest.fixture(autouse=True)
def nothing_is_left(server: Server) -> Iterator[None]:
    yield
    with server.connect("postgres") as connection:
        for name in databases.names(connection, f"away_{PREFIX}"):
            databases.drop(connection, name)


def psql(server: Server, script: str) -> None:
    """Run statements as an operator would paste them."""
    program = which("psql") or str(binaries.installed() / binaries.BIN / "psql")
    command = [program, "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
    variables = {**os.environ, **server.environment("postgres")}
    done = subprocess.run(command, input=script, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def do(run: Run, server: Server, finding: AuditFinding) -> None:
    """Do what a finding says."""
    if finding.command:
        program, *arguments = finding.command.split()
        assert program == "mpm-ops"
        done = run(*arguments)
        assert done.code == 0, done.err
    else:
        psql(server, finding.repair)


def execute(connection: psycopg.Connection, text: str, *names: str) -> None:
    connection.execute(sql.SQL(text).format(*map(sql.Identifier, names)))


Plant = Callable[[psycopg.Connection, Company, Settings], None]


def central_row(connection: psycopg.Connection, settings: Settings, statement: str) -> None:
    with psycopg.connect(connection.info.dsn, password=connection.info.password, dbname=settings.central_database) as c:
        c.execute(statement.encode())


def forget_row(connection: psycopg.Connection, company: Company, settings: Settings) -> None:
    central_row(connection, settings, "DELETE FROM company_databases")


def break_off(connection: psycopg.Connection, company: Company, settings: Settings) -> None:
    central_row(
        connection,
        settings,
        "INSERT INTO companies (id, name, address, phone, email) VALUES (777, 'B', '-', '-', 'b@example.com')",
    )


def unknown(connection: psycopg.Connection, company: Company, settings: Settings) -> None:
    databases.create(connection, NOBODY, owner=settings.owner_role)
    roles.ensure_group(connection, f"{NOBODY}_app")


def old_template(connection: psycopg.Connection, company: Company, settings: Settings) -> None:
    databases.create(connection, f"{PREFIX}template_old")
    databases.seal_template(connection, f"{PREFIX}template_old")


def group_with_grants(connection: psycopg.Connection, company: Company, settings: Settings) -> None:
    """A role whose database was renamed: it has grants in it, a table of its own, and CONNECT."""
    role, away = f"{NOBODY}_app", f"away_{PREFIX}database"
    roles.ensure_group(connection, role)
    databases.create(connection, away, owner=settings.owner_role)
    execute(connection, "GRANT CONNECT ON DATABASE {} TO {}", away, role)
    with psycopg.connect(connection.info.dsn, password=connection.info.password, dbname=away) as inside:
        inside.execute("CREATE TABLE kept AS SELECT 1 AS n")
        execute(inside, "GRANT SELECT ON kept TO {}", role)
        inside.execute("CREATE TABLE own AS SELECT 2 AS n")
        execute(inside, "ALTER TABLE own OWNER TO {}", role)


#: What is amiss, how that comes about, how many findings it is, and whether --repair may do it.
PLANTED: list[tuple[AuditKind, Plant, int, bool]] = [
    (AuditKind.NO_DATABASE, lambda c, one, _: databases.drop(c, one.database), 1, False),
    (AuditKind.NO_DATABASE_ROW, forget_row, 1, False),
    (AuditKind.UNKNOWN_DATABASE, unknown, 1, False),
    (AuditKind.UNKNOWN_DATABASE, lambda c, *_: databases.create(c, f"{PREFIX}company_1_away"), 1, False),
    (
        AuditKind.WRONG_OWNER,
        lambda c, one, _: execute(c, "ALTER DATABASE {} OWNER TO CURRENT_USER", one.database),
        1,
        True,
    ),
    (
        AuditKind.OPEN_TO_PUBLIC,
        lambda c, one, _: execute(c, "GRANT CONNECT ON DATABASE {} TO PUBLIC", one.database),
        1,
        True,
    ),
    (
        AuditKind.OPEN_TO_PUBLIC,
        lambda c, _, settings: execute(c, "GRANT CONNECT ON DATABASE {} TO PUBLIC", settings.central_database),
        1,
        True,
    ),
    (AuditKind.NO_GROUP, lambda c, one, _: drop_groups(c, one), 3, True),
    (
        AuditKind.NO_CONNECT,
        lambda c, one, _: execute(c, "REVOKE CONNECT ON DATABASE {} FROM {}", one.database, f"{one.database}_read"),
        1,
        True,
    ),
    (
        AuditKind.OLD_GRANTS,
        lambda c, one, _: execute(c, "COMMENT ON ROLE {} IS NULL", roles.personal_group(one.database)),
        1,
        True,
    ),
    (AuditKind.UNKNOWN_ROLE, lambda c, *_: roles.ensure_group(c, f"{NOBODY}_read"), 1, True),
    (AuditKind.UNKNOWN_ROLE, group_with_grants, 1, False),
    (AuditKind.STALE_TEMPLATE, old_template, 1, True),
    (AuditKind.LEFTOVER, lambda c, *_: databases.create(c, f"{PREFIX}template_building"), 1, True),
    (AuditKind.LEFTOVER, lambda c, *_: databases.create(c, f"{PREFIX}scratch_left"), 1, True),
    (AuditKind.LEFTOVER, lambda c, one, _: databases.create(c, f"{one.database}_new"), 1, True),
    (AuditKind.LEFTOVER, lambda c, one, _: databases.create(c, f"{one.database}_old"), 1, False),
    (AuditKind.ABANDONED, break_off, 1, True),
]


def test_a_template_that_waits_for_its_successor_is_no_finding_and_is_swept_with_it(
    ops: Ops, register: Register, maintenance: psycopg.Connection
) -> None:
    company = register()
    before = set(databases.names(maintenance, f"{PREFIX}template_"))
    column(ops, "o1", None)
    assert ops.audit() == []
    ops.migrate_tenant()
    assert ops.audit() == []
    (old,) = before
    register("Beta")  # which builds the new one and drops the old one
    assert old not in databases.names(maintenance, f"{PREFIX}template_")
    databases.create(maintenance, old)
    maintenance.execute(databases.stamp(old, [core_head()]))
    assert [one.kind for one in ops.audit()] == [AuditKind.STALE_TEMPLATE]
    ops.rollback_tenant([company.id])
    assert ops.audit() == []


def drop_groups(connection: psycopg.Connection, company: Company) -> None:
    groups = roles.groups(company.database)
    with psycopg.connect(connection.info.dsn, password=connection.info.password, dbname=company.database) as tenant:
        for group in groups:
            execute(tenant, "DROP OWNED BY {}", group)
    for group in groups:
        execute(connection, "DROP ROLE {}", group)


@pytest.mark.parametrize(("kind", "plant", "number", "safe"), PLANTED)
def test_what_is_amiss_is_found_and_what_is_printed_puts_it_right(
    ops: Ops,
    settings: Settings,
    register: Register,
    run: Run,
    server: Server,
    maintenance: psycopg.Connection,
    kind: AuditKind,
    plant: Plant,
    number: int,
    safe: bool,
) -> None:
    company = register()
    assert ops.audit() == []
    plant(maintenance, company, settings)
    found = ops.audit()
    assert [(one.kind, one.server, one.safe) for one in found] == [(kind, "main", safe)] * number
    assert {one.company_id for one in found} <= {company.id, 777, None}
    for one in found:
        do(run, server, one)
    left = ops.audit()
    if kind is AuditKind.UNKNOWN_DATABASE and left:
        # Its role has nothing to hold on to any more.
        assert [one.kind for one in left] == [AuditKind.UNKNOWN_ROLE]
        do(run, server, left[0])
        left = ops.audit()
    assert left == []
    assert ops.company(company.id).read_sql("SELECT count(*) FROM countries").iloc[0, 0] == 245


@pytest.mark.parametrize(("kind", "plant", "number", "safe"), PLANTED)
def test_repair_does_what_is_safe_and_nothing_else(
    ops: Ops,
    settings: Settings,
    register: Register,
    maintenance: psycopg.Connection,
    kind: AuditKind,
    plant: Plant,
    number: int,
    safe: bool,
) -> None:
    company = register()
    plant(maintenance, company, settings)
    found = ops.audit()
    before = set(databases.names(maintenance, PREFIX))
    results = ops.repair(found)
    assert [one.error for one in results] == ([""] * number if safe else [])
    assert ops.audit() == ([] if safe else found)
    if not safe:
        assert set(databases.names(maintenance, PREFIX)) == before
        for name in databases.names(maintenance, f"away_{PREFIX}"):
            databases.drop(maintenance, name)
        for name in databases.names(maintenance, f"{PREFIX}company_"):
            databases.drop(maintenance, name)


def test_the_grants_of_new_groups_are_those_of_a_new_company(
    ops: Ops, register: Register, server: Server, maintenance: psycopg.Connection
) -> None:
    grants = """
        SELECT coalesce(string_agg(concat_ws(' ', c.relname, a.attname, replace(x::text, %s, '')), E'\\n' ORDER BY
               c.relname, a.attname, x::text), '')
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
        CROSS JOIN LATERAL unnest(c.relacl || a.attacl) AS x
        WHERE c.relnamespace = 'public'::regnamespace
    """

    def granted(company: Company) -> str:
        with server.connect(company.database) as tenant:
            row = tenant.execute(grants, [company.database]).fetchone()
            return str(row[0]) if row else ""

    company, other = register("Acme"), register("Other")
    expected = granted(other)
    drop_groups(maintenance, company)
    assert granted(company) != expected
    ops.repair(ops.audit())
    assert granted(company) == expected != ""


def test_what_is_under_way_is_no_finding(
    ops: Ops, settings: Settings, register: Register, server: Server, maintenance: psycopg.Connection
) -> None:
    company = register()
    break_off(maintenance, company, settings)
    for name in (f"{company.database}_new", f"{PREFIX}template_building", f"{PREFIX}scratch_mine", NOBODY):
        databases.create(maintenance, name)
    with server.connect(settings.central_database) as other:
        keys = (lock_key(777), f"fresh {company.database}", f"{PREFIX}template_building", f"{PREFIX}scratch_mine")
        for key in keys:
            locks.hold(other, key)
        assert ops.audit() == []
    assert sorted(one.kind for one in ops.audit()) == ["abandoned registration", "leftover", "leftover", "leftover"]
    ops.repair(ops.audit())
    assert ops.audit() == []
    assert databases.names(maintenance, NOBODY) == []  # the registration was undone


def test_an_audit_beside_registrations_finds_nothing(ops: Ops, settings: Settings, register: Register) -> None:
    register("First")
    over = threading.Event()

    def busy() -> None:
        with Ops(settings) as other:
            for number in range(4):
                company = other.register(
                    name=f"Company {number}",
                    email=f"info{number}@example.com",
                    admin_email=f"admin{number}@example.com",
                    admin_password="correct horse",
                )
                assert other.fresh_tenant([company.id]).ok
        over.set()

    worker = threading.Thread(target=busy)
    worker.start()
    found: list[AuditFinding] = []
    rounds = 0
    while not over.is_set() or rounds == 0:
        found += ops.audit()
        rounds += 1
    worker.join()
    assert found == []


def test_every_server_is_looked_at(
    ops: Ops, settings: Settings, second: tuple[EmbeddedServer, str], west: Server, server: Server, run: Run
) -> None:
    both = settings.model_copy(update={"servers": {"west": SecretStr(second[1])}})
    with Ops(both) as there:
        company = there.register(**{**GIVEN, "server": "west"})
        assert there.audit() == []
        with west.connect("postgres") as connection:
            unknown(connection, company, both)
            execute(connection, "GRANT CONNECT ON DATABASE {} TO PUBLIC", company.database)
        found = there.audit()
        assert [(one.kind, one.server) for one in found] == [
            (AuditKind.OPEN_TO_PUBLIC, "west"),
            (AuditKind.UNKNOWN_DATABASE, "west"),
        ]
        for one in found:
            do(run, west, one)
        (role,) = there.audit()
        assert (role.kind, role.safe) == (AuditKind.UNKNOWN_ROLE, True)
        assert [one.error for one in there.repair([role])] == [""]
        assert there.audit() == []
        with west.connect("postgres") as connection:
            databases.drop(connection, f"away_{NOBODY}")
    (finding,) = ops.audit()
    assert (finding.kind, finding.server) == (AuditKind.UNKNOWN_SERVER, "west")
    assert finding.command.startswith('export MPM_OPS_SERVERS=\'{"west": ')
    second[0].stop()
    with Ops(both) as there:
        (finding,) = there.audit()
    assert (finding.kind, finding.server, finding.repair) == (AuditKind.UNREACHABLE, "west", "")
    second[0].start()


def test_a_database_on_another_server_than_its_row_says_is_not_made_anew(
    ops: Ops,
    settings: Settings,
    register: Register,
    second: tuple[EmbeddedServer, str],
    west: Server,
    server: Server,
    run: Run,
) -> None:
    company = register()
    both = settings.model_copy(update={"servers": {"west": SecretStr(second[1])}})
    with server.connect(settings.central_database) as central:
        central.execute("UPDATE company_databases SET server = 'west'")
    with Ops(both) as there:
        (finding,) = there.audit()
        assert (finding.kind, finding.company_id, finding.safe) == (AuditKind.OTHER_SERVER, company.id, False)
        do(run, server, finding)
        assert there.audit() == []


def test_a_repair_that_fails_is_told_and_stops_no_other(
    ops: Ops, register: Register, server: Server, maintenance: psycopg.Connection
) -> None:
    company = register()
    leftover = f"{company.database}_new"
    databases.create(maintenance, leftover)
    execute(maintenance, "GRANT CONNECT ON DATABASE {} TO PUBLIC", company.database)
    with server.connect(leftover):
        errors = {one.finding.kind: one.error for one in ops.repair(ops.audit())}
    assert errors[AuditKind.OPEN_TO_PUBLIC] == ""
    assert "is being accessed by other users" in errors[AuditKind.LEFTOVER]
    ops.repair(ops.audit())
    assert ops.audit() == []


def test_a_deployer_without_superuser_audits_and_repairs(deployer: Ops, server: Server) -> None:
    company = deployer.register(**GIVEN)
    with server.connect("postgres") as connection:
        execute(connection, "GRANT CONNECT ON DATABASE {} TO PUBLIC", company.database)
        drop_groups(connection, company)
    assert {one.error for one in deployer.repair(deployer.audit())} == {""}
    assert deployer.audit() == []


def test_the_command_tells_repairs_and_has_an_exit_code(
    run: Run, register: Register, maintenance: psycopg.Connection, tmp_path: Path
) -> None:
    company = register("Acme [Power]")
    clean = run("audit")
    assert (clean.code, clean.out, clean.err.strip()) == (0, "", "Nothing found.")
    execute(maintenance, "GRANT CONNECT ON DATABASE {} TO PUBLIC", company.database)
    databases.create(maintenance, f"{company.database}_old")
    found = run("audit", "--json")
    assert (found.code, [one["kind"] for one in found.json]) == (1, ["open to PUBLIC", "leftover"])
    assert found.json[0]["repair"] == f'REVOKE ALL ON DATABASE "{company.database}" FROM PUBLIC;'
    shown = run("audit")
    assert "Acme [Power]" in shown.out
    assert "mpm-ops audit --repair" in shown.err
    repaired = run("audit", "--repair")
    assert repaired.code == 1
    assert f"{company.database}, open to PUBLIC: repaired" in repaired.err
    assert f'DROP DATABASE "{company.database}_old";' in repaired.out
    assert "open to PUBLIC" not in repaired.out
