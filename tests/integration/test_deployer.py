"""A deployer that is no superuser: CREATEDB and CREATEROLE are enough, as managed servers grant them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from mpm_ops import Company, Ops, Policy, Status
from mpm_ops.postgres import databases, roles
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX, make_settings
from tests.integration.test_migrations import own_revision

PREFIX_HERE = PREFIX.removesuffix("_") + "d_"


@pytest.fixture
def deployer(server: Server, tmp_path: Path) -> Iterator[Ops]:
    name, password = f"{PREFIX_HERE}deployer", secrets.token_urlsafe(12)
    with server.connect("postgres") as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(
                sql.Identifier(name), sql.Literal(password)
            )
        )
    dsn = server.with_login(name, password).dsn("postgres")
    with Ops(make_settings(dsn, tmp_path, central=f"{PREFIX_HERE}central", prefix=PREFIX_HERE)) as ops:
        ops.migrate()
        yield ops
    with server.connect("postgres") as connection:
        for database in databases.names(connection, PREFIX_HERE):
            databases.drop(connection, database)
        for role in sorted(roles.names(connection, PREFIX_HERE), key=lambda role: role == name):
            roles.drop(server, connection, role)


@pytest.fixture
def pair(deployer: Ops) -> list[Company]:
    names = ("Acme", "Bright")
    given = [(name, f"info@{name}.example.com", f"ada@{name}.example.com") for name in names]
    return [
        deployer.register(name=name, email=email, admin_email=admin, admin_password="correct horse")
        for name, email, admin in given
    ]


def test_a_size_that_a_deployer_may_not_know_stops_nobody(deployer: Ops, pair: list[Company], server: Server) -> None:
    own_revision(deployer.settings, "o1", None, "op.execute('CREATE TABLE t (i int)')", "op.execute('DROP TABLE t')")
    deployer.forget_revisions()
    with server.connect("postgres") as connection:
        owner = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        connection.execute(owner.format(sql.Identifier(pair[0].database), sql.Identifier(connection.info.user)))
    report = deployer.migrate_tenant()
    assert [outcome.status for outcome in report.outcomes] == [Status.FAILED, Status.DONE]
    assert "permission denied" in report.failed[0].why
    hidden, known = deployer.usage_snapshot()
    assert (hidden.size, bool(hidden.error)) == (None, True)
    assert known.size
    assert known.error == ""


def test_few_connections_fail_no_assertion(deployer: Ops, pair: list[Company], server: Server) -> None:
    own_revision(deployer.settings, "o1", None, "op.execute('CREATE TABLE t (i int)')", "op.execute('DROP TABLE t')")
    path = next(deployer.settings.own_tenant_migrations.glob("*o1.py"))
    path.write_text(path.read_text() + '\npreflight = {"nobody": "SELECT 1 FROM people, pg_sleep(0.2)"}\n')
    deployer.forget_revisions()
    policy = Policy(workers=6, attempts=10, backoff=0.05, canary="2", gate="SELECT pg_sleep(0.2) WHERE 1 = 0")
    login = sql.Identifier(f"{PREFIX_HERE}deployer")
    with server.connect("postgres") as connection:
        # One is kept for look-ups, one writes the account, one watches: the one that is left is for a company.
        connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 4").format(login))
        report = deployer.migrate_tenant(policy=policy)
    assert ([one.status for one in report.outcomes], report.ended) == ([Status.DONE] * 2, "finished")


def test_a_deployer_without_superuser_does_the_whole_job(deployer: Ops) -> None:
    company = deployer.register(
        name="Acme Power",
        email="info@acme.example.com",
        admin_email="ada@acme.example.com",
        admin_password="correct horse",
        plugins=(21,),
    )
    own_revision(deployer.settings, "o1", None, "op.execute('CREATE TABLE t (i int)')", "op.execute('DROP TABLE t')")
    deployer.forget_revisions()
    assert [outcome.status for outcome in deployer.migrate_tenant().outcomes] == [Status.DONE]
    assert [outcome.status for outcome in deployer.rollback_tenant().outcomes] == [Status.DONE]
    assert [one.error for one in deployer.usage_snapshot()] == [""]
    assert deployer.company(company.id).read_sql("SELECT count(*) FROM countries").iloc[0, 0] == 245
    login = deployer.login("ada@acme.example.com", "correct horse", write=True)
    with login as session, session.transaction() as connection:
        connection.execute("INSERT INTO connection_groups (name) VALUES ('Shops')")
    fresh = deployer.fresh_tenant()
    assert fresh.ok, fresh.outcomes[0].why
    assert deployer.reconcile() == []
