"""Analysts with logins of their own: what they were granted, all that their laptop needs, and the end of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from mpm_ops import Company, Ops, Settings
from mpm_ops.central import analysts as rows
from mpm_ops.companies import analysts
from mpm_ops.errors import (
    AlreadyExists,
    InvalidInput,
    MpmOpsError,
    QueryError,
    ServerError,
    UnknownAnalyst,
    UnknownCompany,
    UsageError,
)
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server
from mpm_ops.records import Hardening, NewLogin
from tests.conftest import PREFIX, reopen
from tests.integration.test_migrations import Register

Laptop = Callable[[NewLogin], Ops]


@pytest.fixture(params=list(Hardening))
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """At both levels."""
    return settings.model_copy(update={"hardening": request.param})


@pytest.fixture
def ops(settings: Settings, maintenance: psycopg.Connection) -> Iterator[Ops]:
    with Ops(settings) as ops:
        ops.harden()
        yield ops
        while left := ops.analysts():
            ops.remove_analyst(left[0].name)
    reopen(maintenance, settings)


@pytest.fixture
def companies(ops: Ops, register: Register) -> list[Company]:
    found = [register(name) for name in ("Acme Power", "Sun Hill")]
    for one in found:
        with ops._installation.server.connect(one.database) as tenant:
            tenant.execute("INSERT INTO people (name, surname) VALUES ('Ada', 'Lovelace')")
    return found


@pytest.fixture
def laptop(settings: Settings) -> Iterator[Laptop]:
    """Open an installation as somebody does who has nothing but the URL."""
    opened: list[Ops] = []

    def open_(login: NewLogin) -> Ops:
        opened.append(Ops(settings.model_copy(update={"database_url": SecretStr(login.url)})))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def names(ops: Ops) -> list[str]:
    return [company.name for company in ops.list_companies()]


def test_an_analyst_sees_what_was_granted_and_nothing_else(ops: Ops, companies: list[Company], laptop: Laptop) -> None:
    ada = ops.add_analyst("ada")
    assert ada.url not in repr(ada)
    theirs = laptop(ada)
    assert names(theirs) == []
    given = ops.grant_analyst("ada", ["Acme Power"])
    assert [(one.company, one.personal_data) for one in given.grants] == [("Acme Power", False)]
    assert names(theirs) == ["Acme Power"]
    found = theirs.read_sql("SELECT name, surname FROM people")
    assert list(found["company"]) == ["Acme Power"]
    assert "Ada" not in list(found["name"])
    for term in ("Sun Hill", companies[1].id, "ada@nowhere.example.com"):
        with pytest.raises(UnknownCompany):
            theirs.company(term)
    reader = theirs.company("Acme Power")
    assert set(reader.tables()["table"]) >= {"people", "meters"}
    with pytest.raises(QueryError):
        reader.read_sql("SELECT name FROM public.people")
    assert [one for one in ops.doctor() if one.subject == ada.login] == []
    for forbidden in (theirs.migrate_tenant, theirs.analysts, theirs.reconcile, theirs.runs, theirs.drift):
        with pytest.raises(MpmOpsError):
            forbidden()


def test_personal_data_is_a_grant_of_its_own(ops: Ops, companies: list[Company], laptop: Laptop) -> None:
    theirs = laptop(ops.add_analyst("ada"))
    query = "SELECT name FROM people"
    ops.grant_analyst("ada", [1], personal_data=True)
    assert list(theirs.company(1).read_sql(query)["name"]) == ["Ada"]
    assert list(theirs.company(1, personal_data=True).read_sql(query)["name"]) == ["Ada"]
    ops.grant_analyst("ada", [1])
    assert list(theirs.company(1).read_sql(query)["name"]) != ["Ada"]
    with pytest.raises(UsageError, match="may not see personal data"):
        theirs.company(1, personal_data=True).read_sql(query)
    ops.grant_analyst("ada", None)
    ops.grant_analyst("ada", [2], personal_data=True)
    assert sorted(name == "Ada" for name in theirs.read_sql(query)["name"]) == [False, True]


def test_who_may_read_all_reads_those_to_come(
    ops: Ops, companies: list[Company], laptop: Laptop, register: Register
) -> None:
    theirs = laptop(ops.add_analyst("ada"))
    ops.grant_analyst("ada", None)
    register("Lake View")
    assert names(theirs) == ["Acme Power", "Sun Hill", "Lake View"]
    assert len(theirs.read_sql("SELECT 1 AS one")) == 3
    with pytest.raises(MpmOpsError, match="all companies"):
        ops.revoke_analyst("ada", [1])
    assert ops.revoke_analyst("ada", None).grants == []
    assert names(theirs) == []


def test_what_is_revoked_ends_at_once(ops: Ops, companies: list[Company]) -> None:
    ada = ops.add_analyst("ada")
    ops.grant_analyst("ada", [1, 2])
    with (
        psycopg.connect(ada.url, dbname=companies[0].database, autocommit=True) as first,
        psycopg.connect(ada.url, dbname=companies[1].database, autocommit=True) as second,
    ):
        ops.revoke_analyst("ada", [1])
        with pytest.raises(psycopg.OperationalError):
            first.execute("SELECT 1")
        second.execute("SELECT count(*) FROM meters")
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(ada.url, dbname=companies[0].database)
        ops.remove_analyst("ada")
        with pytest.raises(psycopg.OperationalError):
            second.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(ada.url, dbname=companies[1].database)


def test_what_is_over_is_swept(
    ops: Ops, companies: list[Company], laptop: Laptop, maintenance: psycopg.Connection
) -> None:
    theirs = laptop(ops.add_analyst("ada"))
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    ops.grant_analyst("ada", [1], until=soon)
    ops.grant_analyst("ada", [2])
    token = ops.token("b" * 24, ["Acme Power"], hours=8)
    brief = laptop(token)
    assert names(brief) == ["Acme Power"]
    assert len(brief.read_sql("SELECT 1 AS one")) == 1
    assert ops.sweep() == []
    with ops._installation.central() as central:
        central.execute("UPDATE ops.analyst_grants SET until = now() WHERE until IS NOT NULL")
        central.execute("UPDATE ops.analysts SET until = now() WHERE until IS NOT NULL")
    # The centre shows it at once; the sweep takes it from the servers.
    assert (names(theirs), names(brief)) == (["Sun Hill"], [])
    told = ops.sweep(dry_run=True)
    assert roles.exists(maintenance, token.login)
    ended = ops.sweep()
    assert ended == told
    assert token.login in ended
    assert any(roles.read_group(companies[0].database) in one for one in ended)
    assert not roles.exists(maintenance, token.login)
    assert roles.members(maintenance, f"^{PREFIX}company_", [f"{PREFIX}analyst_ada"]) == {
        (f"{PREFIX}analyst_ada", roles.read_group(companies[1].database))
    }
    with pytest.raises(InvalidInput):
        ops.grant_analyst("ada", [1], until=dt.datetime.now(dt.UTC))


def test_a_grant_that_was_broken_off_is_settled_by_the_next(ops: Ops, companies: list[Company], laptop: Laptop) -> None:
    theirs = laptop(ops.add_analyst("ada"))
    with ops._installation.central() as central:
        rows.grant(central, "ada", [1], personal_data=False, until=None, by="x")
    ops.sweep()
    assert len(theirs.read_sql("SELECT 1 AS one")) == 1


@pytest.mark.parametrize("name", ["", "Ada", "a b", "a'; DROP ROLE x", "x" * 25, "1a", "ä"])
def test_a_name_is_plain(ops: Ops, name: str) -> None:
    with pytest.raises(InvalidInput):
        ops.add_analyst(name)
    assert list(ops.analysts()) == []


def test_an_analyst_that_cannot_be_made_everywhere_is_made_nowhere(
    ops: Ops, maintenance: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(analysts, "_open_central", _fail)
        with pytest.raises(ServerError):
            ops.add_analyst("ada")
    assert list(ops.analysts()) == []
    assert not roles.exists(maintenance, f"{PREFIX}analyst_ada")
    ops.add_analyst("ada")


def _fail(*_: object) -> None:
    raise ServerError("the disk is full")


def test_a_database_that_masks_nothing_is_opened_to_nobody(
    ops: Ops, companies: list[Company], maintenance: psycopg.Connection
) -> None:
    ada = ops.add_analyst("ada")
    personal, older = roles.personal_group(companies[0].database), f"{PREFIX}set_aside"
    rename = sql.SQL("ALTER ROLE {} RENAME TO {}")
    maintenance.execute(rename.format(sql.Identifier(personal), sql.Identifier(older)))
    ops.grant_analyst("ada", None)
    reads = roles.members(maintenance, f"^{PREFIX}company_", [ada.login])
    assert reads == {(ada.login, roles.read_group(companies[1].database))}
    maintenance.execute(rename.format(sql.Identifier(older), sql.Identifier(personal)))
    ops.sweep()
    assert len(roles.members(maintenance, f"^{PREFIX}company_", [ada.login])) == 2


def test_names_that_are_wrong(ops: Ops, companies: list[Company], server: Server) -> None:
    ops.add_analyst("ada")
    with pytest.raises(AlreadyExists):
        ops.add_analyst("ada")
    with pytest.raises(UnknownAnalyst, match="bob"):
        ops.grant_analyst("bob", [1])
    with pytest.raises(UnknownCompany):
        ops.grant_analyst("ada", ["Nobody"])
    with pytest.raises(UnknownAnalyst):
        ops.remove_analyst("bob")
    with pytest.raises(UnknownCompany):
        ops.token("bob", ["Nobody"], hours=1)
    assert [one.name for one in ops.analysts()] == ["ada"]


def test_what_is_explained_is_noted_also_when_its_refusal_tells_a_value(
    ops: Ops, companies: list[Company], laptop: Laptop
) -> None:
    ops.grant_analyst(ops.add_analyst("ada").name, [1], personal_data=True)
    reader = laptop(ops.token("ada", [1], hours=1)).company(1)
    with pytest.raises(QueryError, match="invalid input syntax"):
        reader.explain("SELECT type::int FROM people", analyze=True)
    reader.explain("SELECT 1")
    assert [(one.statement, one.outcome, one.sqlstate, one.rows) for one in ops.audit_log()] == [
        ("EXPLAIN SELECT 1", "answered", "", 0),
        ("EXPLAIN SELECT type::int FROM people", "failed", "22P02", 0),
    ]


def test_lines_that_were_not_written_by_this_client_do_not_fill_the_screen(ops: Ops, companies: list[Company]) -> None:
    ada = ops.add_analyst("ada")
    with psycopg.connect(ada.url, dbname=ops.settings.central_database) as central:
        central.execute(
            """
            INSERT INTO granted.questions
            VALUES (repeat('w', 9999), 1, repeat('s', 99999), 0, 0, 'cut', repeat('x', 99))
            """
        )
    (line,) = ops.audit_log()
    assert [len(text) for text in (line.who, line.statement, line.sqlstate)] == [200, 20_000, 5]
    assert line.login == ada.login


def test_what_was_asked_is_noted_and_an_analyst_can_only_add_to_it(
    ops: Ops, companies: list[Company], laptop: Laptop
) -> None:
    ada = ops.add_analyst("ada")
    ops.grant_analyst("ada", None)
    theirs = laptop(ada)
    theirs.read_sql("SELECT id FROM people WHERE id = :id", params={"id": 77})
    with pytest.warns(UserWarning, match="cut"):
        theirs.company(1).read_sql("SELECT generate_series(1, 9)", max_rows=3)
    with pytest.raises(QueryError):
        theirs.company(2).read_sql("SELECT nope FROM meters")
    ops.company(1).read_sql("SELECT 1")
    own, failed, cut, *both = ops.audit_log()
    assert (own.login, own.statement, own.outcome, own.rows) == ("postgres", "SELECT 1", "answered", 1)
    assert (failed.login, failed.company, failed.outcome, failed.sqlstate) == (
        ada.login,
        "Sun Hill",
        "failed",
        "42703",
    )
    assert (cut.outcome, cut.rows) == ("cut", 3)
    assert sorted(one.company for one in both) == ["Acme Power", "Sun Hill"]
    assert {one.statement for one in both} == {"SELECT id FROM people WHERE id = :id"}
    assert [one.company for one in ops.audit_log("Sun Hill")] == ["Sun Hill", "Sun Hill"]
    with psycopg.connect(ada.url, dbname=ops.settings.central_database, autocommit=True) as central:
        for statement in (
            "SELECT * FROM granted.questions",
            "DELETE FROM granted.questions",
            "UPDATE granted.questions SET rows = 0",
            "SELECT * FROM ops.questions",
            "INSERT INTO ops.questions (login) VALUES ('bob')",
            "SELECT * FROM ops.usage",
            "SELECT * FROM public.companies",
            "SELECT * FROM ops.analysts",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                central.execute(statement.encode())
