"""A user's session: who gets in, and what the server lets that session do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import bcrypt
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

import mpm_ops
from mpm_ops import Company, Ops
from mpm_ops.errors import LoginFailed, QueryError, ServerUnavailable, UsageError
from mpm_ops.postgres import roles, scram
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX

Register = Callable[..., Company]
PASSWORD = "correct horse"


def change(session: mpm_ops.Session, statement: str) -> None:
    with session.transaction() as connection:
        connection.execute(statement.encode())


@pytest.fixture
def acme(register: Register) -> Company:
    return register("Acme Power", admin_email="ada@acme.example.com")


def test_a_user_lands_in_the_database_of_their_company(ops: Ops, acme: Company, register: Register) -> None:
    other = register("Beta", admin_email="bob@beta.example.com")
    with ops.login("ADA@acme.example.com", PASSWORD) as session:
        assert session.read_sql("SELECT current_database()::text AS d").iloc[0, 0] == acme.database
    with ops.login("bob@beta.example.com", PASSWORD) as session:
        assert session.company == other


def test_the_server_keeps_a_session_out_of_other_companies(
    ops: Ops, acme: Company, register: Register, server: Server
) -> None:
    other = register("Beta")
    for write in (False, True):
        with ops.login("ada@acme.example.com", PASSWORD, write=write) as session:
            login = session._login.server
            for database in (other.database, ops.settings.central_database):
                with pytest.raises(ServerUnavailable, match="permission denied"):
                    login.open(database)


def test_a_session_reads_by_default(ops: Ops, acme: Company) -> None:
    with ops.login("ada@acme.example.com", PASSWORD) as session:
        with pytest.raises(UsageError, match="read-only"):
            session.transaction().__enter__()
        with session.engine().connect() as connection:
            with pytest.raises(sa.exc.InternalError, match="read-only transaction"):
                connection.execute(sa.text("DELETE FROM people"))
            connection.rollback()
            connection.execute(sa.text("SET default_transaction_read_only = off"))
            connection.commit()
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                connection.execute(sa.text("DELETE FROM people"))
        with pytest.raises(QueryError, match="permission denied"):
            session.read_sql("SELECT password FROM users")


def test_a_writing_session_does_what_the_application_does_and_no_more(ops: Ops, acme: Company) -> None:
    with ops.login("ada@acme.example.com", PASSWORD, write=True) as session:
        with session.transaction() as connection:
            connection.execute("INSERT INTO connection_groups (name) VALUES ('Shops')")
        with pytest.raises(QueryError, match="division by zero"):
            change(session, "DELETE FROM connection_groups; SELECT 1 / 0")
        assert session.read_sql("SELECT count(*) FROM connection_groups").iloc[0, 0] == 2
        for statement in (
            "DROP TABLE people",
            "CREATE TABLE x (i int)",
            "UPDATE alembic_version SET version_num = 'x'",
        ):
            with pytest.raises(QueryError, match=r"permission denied|must be owner"):
                change(session, statement)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@acme.example.com", "wrong horse"),
        ("ada@acme.example.com", ""),
        ("ada@acme.example.com", "x" * 100),
        ("ada@acme.example.com", "a\0b"),
        ("nobody@acme.example.com", PASSWORD),
        ("", ""),
        ("' OR 1=1 --", PASSWORD),
        ("ada@acme.example.com\0", PASSWORD),
    ],
)
def test_wrong_is_wrong_and_never_says_why(ops: Ops, acme: Company, email: str, password: str) -> None:
    with pytest.raises(LoginFailed) as caught:
        ops.login(email, password)
    assert str(caught.value) == "The e-mail address or the password is wrong."
    assert caught.value.hint == caught.value.company == ""


def test_an_unknown_address_does_the_work_of_a_wrong_password(
    ops: Ops, acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is the same because the work is: as many connections, and one hash of the same cost."""
    work: list[object] = []
    check, connect = bcrypt.checkpw, Server.open

    def counted_check(password: bytes, stored: bytes) -> bool:
        work.append(stored[:7])
        return check(password, stored)

    def counted_open(self: Server, database: str, **options: object) -> psycopg.Connection:
        work.append("connection")
        return connect(self, database, **options)  # type: ignore[arg-type]  # passed on as they come

    monkeypatch.setattr(bcrypt, "checkpw", counted_check)
    monkeypatch.setattr(Server, "open", counted_open)
    for email in ("ada@acme.example.com", "nobody@acme.example.com"):
        with pytest.raises(LoginFailed):
            ops.login(email, "wrong horse")
    half = len(work) // 2
    assert work[:half] == work[half:] == ["connection", b"$2b$04$"]


def test_a_session_leaves_no_login_behind(ops: Ops, acme: Company, maintenance: psycopg.Connection) -> None:
    session = ops.login("ada@acme.example.com", PASSWORD)
    engine = session.engine()
    assert len(roles.names(maintenance, f"{acme.database}_login_")) == 1
    session.close()
    assert roles.names(maintenance, f"{acme.database}_login_") == []
    with pytest.raises(sa.exc.OperationalError):
        engine.connect()


def test_logins_whose_time_is_over_are_swept(ops: Ops, acme: Company, maintenance: psycopg.Connection) -> None:
    past = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    roles.create_login(maintenance, f"{PREFIX}company_1_login_old", until=past, connections=1)
    session = ops.login("ada@acme.example.com", PASSWORD)
    ops.reconcile()
    assert len(roles.names(maintenance, f"{acme.database}_login_")) == 1  # the one in use
    session.close()


def test_login_works_as_a_function_of_the_package(ops: Ops, acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.integration.test_register import environment

    for name, value in environment(ops.settings).items():
        if name.startswith("MPM_OPS_"):
            monkeypatch.setenv(name, value)
    with mpm_ops.login("ada@acme.example.com", PASSWORD) as session:
        assert session.name == "Acme Power"


def test_the_server_takes_a_verifier_and_keys_for_the_password_that_they_were_made_of(
    maintenance: psycopg.Connection, server: Server
) -> None:
    name = f"{PREFIX}company_1_login_new"
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    password, verifier = roles.create_login(maintenance, name, until=tomorrow, connections=1)
    maintenance.execute(sql.SQL("GRANT CONNECT ON DATABASE postgres TO {}").format(sql.Identifier(name)))
    try:
        for known in ("", verifier):
            with server.with_login(name, password, verifier=known).connect("postgres") as connection:
                assert connection.info.user == name
            with pytest.raises(ServerUnavailable):
                server.with_login(name, password[:-1], verifier=known).open("postgres")
        # Keys of a password that was set anew: the password itself is tried.
        other = scram.verifier(password)
        maintenance.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(other)))
        with server.with_login(name, password, verifier=verifier).connect("postgres") as connection:
            assert connection.info.user == name
    finally:
        maintenance.execute(sql.SQL("REVOKE CONNECT ON DATABASE postgres FROM {}").format(sql.Identifier(name)))
        roles.drop(server, maintenance, name)


def test_a_process_that_opens_many_connections_derives_its_keys_once(server: Server, dsn: str) -> None:
    other = Server(dsn)
    for _ in range(6):
        other.open("postgres").close()
    with other.connect("postgres") as connection:
        superuser = connection.info.parameter_status("is_superuser") == "on"
    keys = list(other._keys.values())
    assert len(keys) == (2 if superuser and psycopg.pq.version() >= 180_000 else 0)
    assert not any(key in shown for key in keys for shown in (repr(other), str(other.address), str(vars(connection))))
