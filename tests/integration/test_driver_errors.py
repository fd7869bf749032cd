"""What the driver raises becomes ours: what passes is told from what does not, by the words where there is no code."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from mpm_ops.errors import QueryError, ServerUnavailable, Transient
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX


@pytest.fixture
def limited(server: Server, maintenance: psycopg.Connection) -> Iterator[tuple[str, str]]:
    """A login that may have one connection."""
    name, password = f"{PREFIX}limited", secrets.token_urlsafe(12)
    role = sql.Identifier(name)
    statement = "CREATE ROLE {} LOGIN CONNECTION LIMIT 1 PASSWORD {}"
    maintenance.execute(sql.SQL(statement).format(role, sql.Literal(password)))
    maintenance.execute(sql.SQL("GRANT CONNECT ON DATABASE postgres TO {}").format(role))
    yield name, password
    maintenance.execute(sql.SQL("REVOKE CONNECT ON DATABASE postgres FROM {}").format(role))
    maintenance.execute(sql.SQL("DROP ROLE {}").format(role))


def test_a_server_that_is_full_is_transient_with_its_code(server: Server, limited: tuple[str, str]) -> None:
    login = server.with_login(*limited)
    with login.connect("postgres"), pytest.raises(Transient, match="too many connections") as caught:
        login.open("postgres")
    assert caught.value.sqlstate == "53300"


def test_a_server_that_is_not_there_is_away(server: Server) -> None:
    with pytest.raises(ServerUnavailable) as caught:
        Server("host=127.0.0.1 port=1 user=nobody").open("postgres")
    assert caught.value.away


def test_what_does_not_pass_is_not_away(server: Server, limited: tuple[str, str]) -> None:
    for refused, database in (
        (server.with_login(limited[0], "wrong"), "postgres"),
        (server, "no_such_database"),
        (Server("host=no.such.host.invalid user=nobody"), "postgres"),
    ):
        with pytest.raises(ServerUnavailable) as caught:
            refused.open(database)
        assert not caught.value.away, caught.value


def test_a_connection_that_is_lost_is_transient(server: Server, maintenance: psycopg.Connection) -> None:
    with pytest.raises(Transient), server.connect("postgres") as connection:  # noqa: PT012 the block is what is tried
        maintenance.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
        connection.execute("SELECT 1")
    with pytest.raises(Transient), server.connect("postgres") as connection:  # noqa: PT012 which of them raises is the driver's affair
        connection.close()
        connection.execute("SELECT 1")


def test_a_refused_statement_is_not_transient(server: Server) -> None:
    with pytest.raises(QueryError) as caught, server.connect("postgres") as connection:
        connection.execute("SELECT 1/0")
    assert (type(caught.value), caught.value.sqlstate) == (QueryError, "22012")
