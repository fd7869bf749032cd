"""doctor finds what lets an analyst do more than read, each with what closes it; harden closes a server to all."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from mpm_ops import Company, Ops, Settings
from mpm_ops.errors import ServerError
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server
from mpm_ops.records import Deviation, Hardening
from tests.conftest import PREFIX, make_settings, reopen
from tests.integration.test_migrations import Register

pytestmark = pytest.mark.slow  # each hole is made, found and closed

ANALYST = f"{PREFIX}analyst"


@pytest.fixture
def companies(ops: Ops, register: Register, maintenance: psycopg.Connection) -> Iterator[list[Company]]:
    """Two companies on a server that is hardened, so that the doctor finds nothing of theirs."""
    found = [register(name) for name in ("Acme Power", "Sun Hill")]
    assert [one.error for one in ops.harden()] == ["", "", ""]
    yield found
    reopen(maintenance, ops.settings)


@pytest.fixture
def analyst(server: Server, maintenance: psycopg.Connection, companies: list[Company]) -> Iterator[str]:
    """A login that may read the first of them."""
    name, group = sql.Identifier(ANALYST), sql.Identifier(roles.read_group(companies[0].database))
    maintenance.execute(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 4 IN ROLE {}").format(name, group))
    yield ANALYST
    roles.drop(server, maintenance, ANALYST)


@pytest.fixture
def helper(server: Server, maintenance: psycopg.Connection) -> Iterator[str]:
    """A role that somebody made by hand."""
    name = f"{PREFIX}helper"
    maintenance.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    yield name
    roles.drop(server, maintenance, name)


def found(ops: Ops, companies: list[Company]) -> list[Deviation]:
    """What the doctor finds of this test's: the server has databases of others, too."""
    names = {ops.settings.central_database, *(one.database for one in companies)}
    subjects = {
        ANALYST,
        "temp_file_limit",
        *names,
        *(group for one in companies for group in (roles.read_group(one.database),)),
    }
    return [one for one in ops.doctor() if one.database in names or one.subject in subjects]


ON_THE_SERVER = [
    ("ALTER ROLE {analyst} SUPERUSER", "everything"),
    ("ALTER ROLE {analyst} CREATEROLE", "make roles"),
    ("ALTER ROLE {analyst} CREATEDB", "make databases"),
    ("ALTER ROLE {analyst} REPLICATION", "copy the whole server"),
    ("ALTER ROLE {analyst} BYPASSRLS", "row security"),
    ("ALTER ROLE {analyst} CONNECTION LIMIT -1", "any number of connections"),
    ("GRANT {owner} TO {analyst}", "can act as"),
    ("GRANT {app} TO {analyst}", "can act as"),
    ("GRANT pg_read_all_data TO {read}", "can act as pg_read_all_data"),
    ("GRANT {read} TO {analyst} WITH ADMIN OPTION", "let others into"),
    ("GRANT CONNECT ON DATABASE {other} TO {analyst}", "belongs elsewhere"),
    ("GRANT CONNECT ON DATABASE {other} TO {read}", "belongs elsewhere"),
    ("GRANT CONNECT ON DATABASE {database} TO PUBLIC", "everybody may connect"),
    ("GRANT TEMPORARY ON DATABASE {database} TO {read}", "temporary tables"),
    ("GRANT CREATE ON DATABASE {database} TO {analyst}", "make schemas in it"),
    ("GRANT {helper} TO {analyst}", "can act as"),
    ("GRANT {helper} TO {analyst}; REVOKE {read} FROM {analyst}; GRANT {read} TO {helper}", "can act as"),
    ("GRANT {other_read} TO {read}", "can act as"),
    ("ALTER ROLE {read} LOGIN CONNECTION LIMIT 1", "log in"),
    ("ALTER ROLE {read} CREATEROLE", "make roles"),
    ("ALTER DATABASE {database} OWNER TO {analyst}", "owns it"),
    ("GRANT SET ON PARAMETER temp_file_limit TO {analyst}", "may set it"),
]
IN_THE_DATABASE = [
    ("GRANT UPDATE ON people TO {read}", "may update it"),
    ("GRANT DELETE, TRUNCATE ON people TO {analyst}", "may delete, truncate it"),
    ("GRANT UPDATE (name) ON people TO {analyst}", "may update it"),
    ("GRANT SELECT ON people TO PUBLIC", "everybody may select it"),
    ("GRANT SELECT ON meters TO {analyst}", "not on the list"),
    ("GRANT SELECT ON meters TO {other_read}", "not on the list"),
    ("GRANT SELECT ON masked.people TO {other_read}", "masks nothing"),
    ("ALTER VIEW masked.people RESET (security_barrier)", "no barrier"),
    ("CREATE SCHEMA own; CREATE VIEW own.users AS TABLE users; GRANT SELECT ON own.users TO {read}", "may select it"),
    ("GRANT SELECT ON pg_statistic TO {read}", "may select it"),
    ("GRANT SELECT (rolpassword) ON pg_authid TO {read}", "may select it"),
    ("GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {analyst}", "may execute it"),
    ("GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC", "everybody may execute it"),
    ("CREATE EXTENSION dblink", "everybody may go to other databases"),
    (
        "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;"
        "GRANT USAGE ON FOREIGN SERVER far TO {read}",
        "may use it",
    ),
    ("SELECT lo_create(5); GRANT SELECT ON LARGE OBJECT 5 TO {read}", "may use it"),
    ("CREATE SCHEMA theirs AUTHORIZATION {analyst}", "owns it"),
    ("GRANT USAGE ON SEQUENCE people_id_seq TO {read}", "may usage it"),
    ("GRANT SELECT ON password_resets TO {read}", "not on the list"),
    ("GRANT SELECT ON users TO {read}", "not on the list"),
    ("GRANT SELECT (password) ON users TO {analyst}", "not on the list"),
    ("CREATE TABLE by_hand (); GRANT SELECT ON by_hand TO {read}", "not on the list"),
    ("GRANT CREATE ON SCHEMA public TO {read}", "make tables"),
    ("GRANT USAGE ON SCHEMA public TO PUBLIC", "look into it"),
    ("CREATE SCHEMA own; GRANT CREATE ON SCHEMA own TO {analyst}", "make tables"),
    (
        "CREATE FUNCTION f() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1';"
        "GRANT EXECUTE ON FUNCTION f TO PUBLIC",
        "with the rights of",
    ),
    ("CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON ROUTINE p TO {read}", "may run it"),
    ("CREATE TABLE theirs (); ALTER TABLE theirs OWNER TO {read}", "owns it"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {read}", "is open to"),
    ("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT EXECUTE ON FUNCTIONS TO PUBLIC", "everybody may run what"),
]


@pytest.mark.parametrize(("opened", "told"), [*ON_THE_SERVER, *IN_THE_DATABASE])
def test_what_is_open_is_found_and_its_fix_closes_it(
    ops: Ops, server: Server, companies: list[Company], analyst: str, helper: str, opened: str, told: str
) -> None:
    assert found(ops, companies) == []
    database = companies[0].database
    values = {
        "analyst": analyst,
        "owner": ops.settings.owner_role,
        "database": database,
        "other": companies[1].database,
        "app": roles.app_group(database),
        "read": roles.read_group(database),
        "other_read": roles.read_group(companies[1].database),
        "helper": helper,
    }
    with server.connect(database) as tenant:
        tenant.execute(sql.SQL(opened).format(**{name: sql.Identifier(one) for name, one in values.items()}))
    seen = found(ops, companies)
    assert [one for one in seen if told in one.what], seen
    for one in seen:
        with server.connect(one.database or ops.settings.central_database) as connection:
            connection.execute(one.fix.encode())
    assert found(ops, companies) == []


def test_whoever_is_let_in_without_a_password_is_found(ops: Ops, maintenance: psycopg.Connection) -> None:
    program = "COPY (SELECT 'local nobody nobody trust') TO PROGRAM {}"
    (path,) = maintenance.execute("SHOW hba_file").fetchone() or ("",)
    doors = [one for one in ops.doctor() if one.subject == "pg_hba.conf"]
    maintenance.execute(sql.SQL(program).format(sql.Literal(f"cat >> '{path}'")))
    try:
        (one,) = [one for one in ops.doctor() if one.subject == "pg_hba.conf" and one not in doors]
        assert "without a password" in one.what
    finally:
        maintenance.execute(sql.SQL(program).format(sql.Literal(f"cat > /dev/null; sed -i '/ nobody /d' '{path}'")))


def test_a_session_that_writes_is_nothing_to_be_found(ops: Ops, register: Register) -> None:
    register(admin_email="ada@example.com")
    before = ops.doctor()
    with ops.login("ada@example.com", "correct horse", write=True) as session:
        session.ask("SELECT 1")
        assert ops.doctor() == before


def test_strict_takes_the_catalog_away_and_leaves_owner_and_application_what_they_need(
    ops: Ops, settings: Settings, server: Server, dsn: str, companies: list[Company]
) -> None:
    strict = settings.model_copy(update={"hardening": Hardening.STRICT})
    with Ops(strict) as ours:
        before = [one for one in ours.doctor() if one.database == companies[0].database]
        assert {one.fix for one in before} == {"mpm-ops harden --level strict"}
        assert any("pg_try_advisory_lock" in one.what or "functions" in one.what for one in before)
        assert [one.error for one in ours.harden()] == ["", "", ""]
        assert found(ours, companies) == []
        assert [one.error for one in ours.harden()] == ["", "", ""]
        owner = settings.owner_role
        with server.open(companies[0].database, role=owner) as tenant:
            tenant.execute("SELECT pg_advisory_lock(1), set_config('work_mem', '5MB', false), pg_current_xact_id()")
            tenant.execute(
                "DO 'BEGIN END'; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION f"
            )
            for query in ("SELECT pg_read_file('x')", "SELECT lo_import('x')", "SELECT * FROM pg_authid"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    tenant.execute(query.encode())
        app = roles.app_group(companies[0].database)
        with server.open(companies[0].database, role=app) as tenant:
            tenant.execute("SELECT pg_advisory_xact_lock(1), set_config('work_mem', '5MB', false)")
            tenant.execute("INSERT INTO people (name, surname) VALUES ('a', 'b')")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                tenant.execute("SELECT lo_creat(-1)")
        read = roles.read_group(companies[0].database)
        with server.open(companies[0].database, role=read) as tenant:
            for query in ("SELECT pg_try_advisory_lock(1)", "SELECT * FROM pg_roles", "DO 'BEGIN END'"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    tenant.execute(query.encode())
        assert ours.company(companies[0].id).read_sql("SELECT count(*) AS n FROM people")["n"][0] == 1
        assert all(one.clean for one in ours.drift())


def test_strict_takes_a_superuser(ops: Ops, settings: Settings, maintenance: psycopg.Connection, dsn: str) -> None:
    name = f"{PREFIX}deployer"
    maintenance.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD 'x'").format(sql.Identifier(name)))
    try:
        given = Server(dsn).with_login(name, "x").dsn(settings.central_database)
        weak = make_settings(given, settings.home, central=settings.central_database, hardening=Hardening.STRICT)
        admit = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        maintenance.execute(admit.format(sql.Identifier(settings.central_database), sql.Identifier(name)))
        with Ops(weak) as theirs, pytest.raises(ServerError, match="takes a superuser"):
            theirs.harden()
    finally:
        maintenance.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


def test_what_cannot_be_looked_at_is_found(ops: Ops, companies: list[Company], maintenance: psycopg.Connection) -> None:
    name = sql.Identifier(companies[1].database)
    maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
    (one,) = [one for one in ops.doctor() if one.database == companies[1].database]
    assert one.company == "Sun Hill"
    assert "could not be looked at" in one.what
    assert [one.error == "" for one in ops.harden()] == [True, True, False]
