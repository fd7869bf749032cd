"""What was granted ends, whatever the analyst does about it and whoever else is at work at the same time."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from psycopg import sql

from mpm_ops import Company, Ops
from mpm_ops.central import analysts as rows
from mpm_ops.companies import analysts
from mpm_ops.companies.groups import make_groups
from mpm_ops.errors import ServerUnavailable
from mpm_ops.postgres import roles, sessions
from mpm_ops.postgres.server import Server
from mpm_ops.records import Hardening, NewLogin, Reaped
from tests.conftest import PREFIX
from tests.integration.test_migrations import Register
from tests.security.test_analysts import companies, ops, settings

pytestmark = pytest.mark.slow  # with the attacks

__all__ = ["companies", "ops", "settings"]


def entered(login: NewLogin, company: Company) -> psycopg.Connection:
    """Connect as psql does."""
    return psycopg.connect(login.url, dbname=company.database, autocommit=True)


def groups_of(maintenance: psycopg.Connection, *logins: NewLogin) -> set[tuple[str, str]]:
    return roles.members(maintenance, f"^{PREFIX}company_", [one.login for one in logins])


@pytest.mark.parametrize("in_favour_of", ["PUBLIC", "{bob}"])
def test_default_privileges_of_an_analyst_keep_nobody_from_being_removed(
    ops: Ops, companies: list[Company], maintenance: psycopg.Connection, in_favour_of: str
) -> None:
    ada, bob = ops.add_analyst("ada"), ops.add_analyst("bob")
    token = ops.token("cid", [1], hours=1)
    ops.grant_analyst("ada", [1])
    with entered(ada, companies[0]) as theirs:
        whom = sql.SQL(in_favour_of).format(bob=sql.Identifier(bob.login))
        theirs.execute(sql.SQL("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {}").format(whom))
    with ops._installation.central() as central:
        central.execute("UPDATE ops.analysts SET until = now()")
    assert ops.sweep()[:3] == [ada.login, bob.login, token.login]
    assert ops.analysts() == []
    assert not any(roles.exists(maintenance, one.login) for one in (ada, bob, token))


def test_default_privileges_keep_no_other_company_from_being_undone(
    ops: Ops, companies: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    ada = ops.add_analyst("ada")
    ops.grant_analyst("ada", [1])
    app = roles.app_group(companies[1].database)
    with entered(ada, companies[0]) as theirs:
        grant = sql.SQL("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {}")
        theirs.execute(grant.format(sql.Identifier(app)))
    maintenance.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(companies[1].database)))
    roles.drop(server, maintenance, app)
    assert not roles.exists(maintenance, app)


def test_what_somebody_owns_outlives_them(
    server: Server, companies: list[Company], maintenance: psycopg.Connection
) -> None:
    name = f"{PREFIX}company_1_by_hand"
    with server.connect(companies[0].database) as tenant:
        tenant.execute(
            sql.SQL("CREATE ROLE {0}; CREATE TABLE kept AS SELECT 1 AS n; ALTER TABLE kept OWNER TO {0}").format(
                sql.Identifier(name)
            )
        )
        roles.drop(server, maintenance, name)
        assert tenant.execute("TABLE kept").fetchall() == [(1,)]


def test_what_somebody_owned_has_no_rights_of_others_then(
    ops: Ops, companies: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    eve, bob = ops.add_analyst("eve"), ops.add_analyst("bob")
    ops.grant_analyst("bob", [1])
    with server.connect(companies[0].database) as tenant:
        tenant.execute(
            "CREATE FUNCTION public.spy() RETURNS text SECURITY DEFINER LANGUAGE sql"
            " AS 'SELECT password FROM users LIMIT 1'"
        )
        tenant.execute("CREATE VIEW public.spied AS SELECT password FROM users")
        tenant.execute("GRANT SELECT ON public.spied TO PUBLIC; GRANT EXECUTE ON FUNCTION public.spy() TO PUBLIC")
        for thing in ("FUNCTION public.spy()", "VIEW public.spied"):
            owner = sql.SQL("ALTER {} OWNER TO {}").format(sql.SQL(thing), sql.Identifier(eve.login))
            tenant.execute(owner)
    ops.remove_analyst("eve")
    assert not roles.exists(maintenance, eve.login)
    with entered(bob, companies[0]) as theirs:
        for question in ("SELECT public.spy()", "SELECT password FROM public.spied"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table users"):
                theirs.execute(question)


def test_what_is_revoked_is_not_given_again_by_who_looked_before(
    ops: Ops, companies: list[Company], maintenance: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = ops.add_analyst("ada"), ops.add_analyst("bob")
    ops.grant_analyst("ada", [1])
    look, waiting = rows.wanted, threading.Event()

    def revoke() -> None:
        with Ops(ops.settings) as another:
            another.revoke_analyst("ada", [1])

    other = threading.Thread(target=revoke)

    def wanted(connection: psycopg.Connection, server: str) -> dict[tuple[str, str], bool]:
        found = look(connection, server)
        if not waiting.is_set():
            waiting.set()
            other.start()
            # It is through, or waits for what this one holds.
            while other.is_alive() and not _waits(maintenance):
                pass
        return found

    monkeypatch.setattr(rows, "wanted", wanted)
    ops.grant_analyst("bob", [2])
    other.join()
    assert groups_of(maintenance, ada, bob) == {(bob.login, roles.read_group(companies[1].database))}


def _waits(connection: psycopg.Connection) -> bool:
    return connection.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None


def test_a_login_that_is_missing_on_a_server_stops_nothing(
    ops: Ops, companies: list[Company], maintenance: psycopg.Connection, register: Register
) -> None:
    ada, bob = ops.add_analyst("ada"), ops.add_analyst("bob")
    ops.grant_analyst("ada", None)
    ops.grant_analyst("bob", [1])
    maintenance.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(ada.login)))
    assert ops.revoke_analyst("bob", [1]).grants == []
    assert groups_of(maintenance, bob) == set()
    register("Lake View")


def test_nobody_comes_back_while_a_login_is_dropped_and_reap_ends_who_did(
    ops: Ops, companies: list[Company], maintenance: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = ops.add_analyst("ada")
    ops.grant_analyst("ada", [1])
    execute = psycopg.Connection.execute

    def come_back(connection: psycopg.Connection, query: object, *args: object, **kwargs: object) -> object:
        done = execute(connection, query, *args, **kwargs)  # type: ignore[call-overload]  # as it was called
        if isinstance(query, str) and "pg_terminate_backend" in query:
            with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
                entered(ada, companies[0])
        return done

    with entered(ada, companies[0]) as theirs:
        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Connection, "execute", come_back)
            ops.remove_analyst("ada")
        with pytest.raises(psycopg.OperationalError):
            theirs.execute("SELECT 1")
    bob = ops.add_analyst("bob")
    ops.grant_analyst("bob", [1])
    with entered(bob, companies[0]) as theirs:
        theirs.execute("SELECT 1")
        maintenance.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(bob.login)))
        assert [(one.database, one.what) for one in ops.reap(seconds=3600)] == [(companies[0].database, "idle")]
        with pytest.raises(psycopg.OperationalError):
            theirs.execute("SELECT 1")


def test_tokens_end_with_the_analyst_that_they_are_of(
    ops: Ops, companies: list[Company], maintenance: psycopg.Connection
) -> None:
    ops.add_analyst("ada")
    other = ops.add_analyst("ada_abcdef")
    token, of_other = ops.token("ada", [1], hours=1), ops.token("ada_abcdef", [1], hours=1)
    ops.remove_analyst("ada")
    assert not roles.exists(maintenance, token.login)
    assert {one.login for one in ops.analysts()} == {other.login, of_other.login}
    ops.remove_analyst("ada_abcdef")
    assert ops.analysts() == []


def test_of_a_token_that_could_not_be_made_nothing_is_left(
    ops: Ops, companies: list[Company], maintenance: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ServerUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(analysts, "settle", away)
        with pytest.raises(ServerUnavailable):
            ops.token("ada", [1], hours=1)
    assert ops.analysts() == []
    assert roles.names(maintenance, f"{PREFIX}analyst_ada") == []


def test_a_procedure_that_commits_all_the_time_is_as_old_as_its_statement(
    ops: Ops, companies: list[Company], maintenance: psycopg.Connection
) -> None:
    ada = ops.add_analyst("ada")
    ops.grant_analyst("ada", [1])
    endless = "DO $$ BEGIN LOOP PERFORM count(*) FROM generate_series(1, 100000); COMMIT; END LOOP; END $$"
    outcome: list[str] = []

    def go_on() -> None:
        with entered(ada, companies[0]) as theirs:
            try:
                theirs.execute(endless)
            except psycopg.Error as exc:
                outcome.append(exc.sqlstate or "")

    busy = threading.Thread(target=go_on)
    busy.start()
    ended: list[Reaped] = []
    until = time.monotonic() + 20
    while busy.is_alive() and not ended and time.monotonic() < until:
        ended = ops.reap(seconds=1)
    sessions.cancel(maintenance, "")
    busy.join()
    # At `strict` there is no language to write it in.
    refused = ops.settings.hardening is Hardening.STRICT
    assert ([one.login for one in ended], outcome) == (([], ["42501"]) if refused else ([ada.login], ["57P01"]))


def test_who_is_given_a_company_waits_while_its_groups_are_made(
    ops: Ops, companies: list[Company], maintenance: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = ops.add_analyst("ada")
    note = roles.note

    def give() -> None:
        with Ops(ops.settings) as another:
            another.grant_analyst("ada", [1], personal_data=True)

    other = threading.Thread(target=give)

    def noting(connection: psycopg.Connection, name: str, text: str) -> None:
        note(connection, name, text)  # which holds the role until the groups are made
        other.start()
        while other.is_alive() and not _waits(maintenance):
            pass

    monkeypatch.setattr(roles, "note", noting)
    make_groups(ops._installation, companies[0].server, companies[0].database)
    other.join()
    assert groups_of(maintenance, ada) == {(ada.login, roles.personal_group(companies[0].database))}
