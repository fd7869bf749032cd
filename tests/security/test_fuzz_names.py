"""Whatever a company, an analyst or an installation is to be called: it is so called, or nothing has happened.

`MPM_OPS_HYPOTHESIS=deep pytest tests/security -k fuzz --timeout 0` looks for longer, and elsewhere each time.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpm_ops import Company, Ops, Settings
from mpm_ops.companies import register as registering
from mpm_ops.errors import InvalidInput, LoginFailed, MpmOpsError, UnknownCompany
from mpm_ops.postgres import databases, roles
from mpm_ops.postgres.server import Server
from mpm_ops.records import MAIN
from mpm_ops.settings import load_settings
from tests.cli.conftest import Run, run
from tests.conftest import PREFIX, effort, make_settings
from tests.security.odd import TEXTS
from tests.security.scene import told

__all__ = ["run"]

#: As good as a name and an address get, so that the other values are come to.
NAMES = st.one_of(st.just("Acme"), TEXTS, TEXTS.map(lambda text: f"Acme {text}"))
EMAILS = st.one_of(
    st.just("info@example.com"),
    st.emails(),
    TEXTS,
    TEXTS.map(lambda text: f"{text}@example.com"),
    TEXTS.map(lambda text: f"info@{text}.com"),
)
#: Long enough, and to be recognised in an error.
PASSWORDS = TEXTS.map(lambda text: f"{text}#planted")


def found(ops: Ops) -> tuple[object, ...]:
    """Return all that registrations and analysts leave on the server and in the central database."""
    with ops._installation.central() as connection:
        tables = ("companies", "company_databases", "database_proxies", "ops.registration_steps", "ops.analysts")
        rows = [connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in tables]
        return rows, databases.names(connection, f"{PREFIX}company_"), roles.names(connection, PREFIX)


@effort(8, deep=1_500)
@given(name=NAMES, email=EMAILS, user=EMAILS.map("x".__add__), password=PASSWORDS, other=TEXTS)
@example(name="Acme", email="a@example.com", user="e\u0301@EXAMPLE.com", password="correct horse", other="-")
@example(name="\u200b\u3164", email="a@example.com", user="b@example.com", password="correct horse", other="-")
@example(name="a\u2028b", email="a@example.com", user="b@example.com", password="correct horse", other="-")
@example(name=":smile: [red]x[/red] \\", email="a@example.com", user="b@example.com", password="8" * 72, other="-")
def test_a_registration_is_one_company_or_nothing(
    ops: Ops, run: Run, name: str, email: str, user: str, password: str, other: str
) -> None:
    before = found(ops)
    values: dict[str, Any] = {"name": name, "email": email, "admin_email": user, "admin_name": other, "address": other}
    company = told(lambda: ops.register(**values, admin_password=password))
    if isinstance(company, Company):
        assert company.name == unicodedata.normalize("NFC", name).strip()
        assert all(unicodedata.category(one) not in ("Cc", "Cs", "Zl", "Zp") for one in company.name)
        look_at(ops, run, company, user, password)
        with ops._installation.central() as connection:
            registering.undo(ops._installation, connection, connection, company.id, server=MAIN)
    else:
        assert isinstance(company, MpmOpsError)
        assert "#planted" not in f"{company} {company.hint}"
    assert found(ops) == before


def look_at(ops: Ops, run: Run, company: Company, user: str, password: str) -> None:
    """Look for a company in all ways there are."""
    assert ops.list_companies() == [company]
    for term in (company.id, company.email, user, *(() if company.name.isdigit() else (company.name,))):
        assert ops.get_company(term) == company
    with ops.login(user, password) as session:
        assert session.company == company
        [settings] = session.ask("SELECT company_name FROM main_settings").rows
        assert settings == (company.name,)
    for wrong in (password + "x", password[:-1], password.replace("?", "\ud800") + "\ud800"):
        with pytest.raises(LoginFailed):
            ops.login(user, wrong)
    [listed] = json.loads(run("companies", "--json").out)
    assert (listed["name"], listed["email"]) == (company.name, company.email)
    assert company.name in run("companies").out


@effort(40, deep=3_000)
@given(term=TEXTS | EMAILS | st.integers() | st.integers(4300, 5000).map(lambda digits: 10**digits))
@example(term="9" * 5000)
@example(term=10**5000)
@example(term="a@\ud800")
def test_nobody_is_found_where_nobody_is(ops: Ops, term: str | int) -> None:
    with pytest.raises(UnknownCompany) as caught:
        ops.get_company(term)
    assert len(f"{caught.value} {caught.value.hint}") < 1000
    with pytest.raises(LoginFailed):
        ops.login(str(term) if isinstance(term, str) else "", "correct horse")
    if isinstance(term, str):
        with pytest.raises(LoginFailed):
            ops.login("info@example.com", term)


WHENS = st.none() | st.datetimes(timezones=st.none() | st.timezones())


@effort(20, deep=2_000)
@given(name=st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True) | TEXTS, until=WHENS, hours=st.floats())
@example(name="ada", until=dt.datetime.fromisoformat("2100-01-01"), hours=float("nan"))
@example(name="ada", until=dt.datetime.max.replace(tzinfo=dt.UTC), hours=float("inf"))
@example(name="ada", until=dt.datetime.min.replace(tzinfo=dt.UTC), hours=1e300)
@example(name="ada", until=None, hours=1e9)
@example(name="ada", until=None, hours=-1.0)
def test_an_analyst_is_a_login_or_nothing(ops: Ops, name: str, until: dt.datetime | None, hours: float) -> None:
    before = found(ops)
    for refused in (
        ops.remove_analyst,
        lambda one: ops.grant_analyst(one, None),
        lambda one: ops.revoke_analyst(one, None),
    ):
        with pytest.raises(MpmOpsError):
            refused(name)
    assert found(ops) == before
    try:
        made = ops.add_analyst(name)
    except InvalidInput:
        assert not re.fullmatch(r"[a-z][a-z0-9_]{0,23}", name)
    else:
        with ops._installation.central() as connection:
            assert roles.exists(connection, made.login)
        granted(ops, name, until)
        ops.remove_analyst(name)
    with suppress(InvalidInput):
        ops.remove_analyst(ops.token(name, [], hours=hours).name)
    # The group of all analysts stays.
    assert roles_of(found(ops)) - roles_of(before) <= {ops.settings.analysts_role}


def granted(ops: Ops, name: str, until: dt.datetime | None) -> None:
    try:
        grants = ops.grant_analyst(name, None, until=until).grants
    except InvalidInput:
        assert until is not None
        grants = []
    [listed] = ops.analysts()
    assert list(listed.grants) == list(grants)
    assert [one.until for one in grants] in ([], [until])


def roles_of(state: tuple[object, ...]) -> set[str]:
    return set(state[-1])  # type: ignore[call-overload,no-any-return]  # what `found` puts there


NAMED = st.text("abcdefgh_0123456789", min_size=1, max_size=70)


@effort(100, deep=5_000)
@given(prefix=TEXTS | NAMED, central=TEXTS | NAMED)
@example(prefix="pg_", central="postgres")
@example(prefix="mpm_", central="mpm_template_x")
@example(prefix="mpm_template_", central="template1")
def test_names_of_an_installation_are_plain_or_refused(prefix: str, central: str) -> None:
    try:
        settings = Settings.model_validate({"prefix": prefix, "central_database": central})
    except ValueError:
        return
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,15}", prefix)
    assert not prefix.startswith("pg_")
    assert re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", central)
    assert central not in ("postgres", "template0", "template1")
    # Nothing that is swept or listed by the beginning of its name may be the central database.
    assert not re.match(f"{prefix}(company|template|scratch)_", central)
    assert len(f"{settings.company_database(10**9)}_login_{'0' * 12}") < 64


@effort(2, deep=60)
@given(prefix=st.text("abc_09", max_size=8), central=st.text("abc_09", max_size=55))
def test_plain_names_work(
    dsn: str,
    server: Server,
    maintenance: psycopg.Connection,
    tmp_path_factory: pytest.TempPathFactory,
    prefix: str,
    central: str,
) -> None:
    names = {"prefix": PREFIX + prefix, "central": f"{PREFIX}{central}"}
    settings = make_settings(dsn, tmp_path_factory.getbasetemp(), central=names["central"], prefix=names["prefix"])
    others = databases.names(maintenance, ""), roles.names(maintenance, "")
    try:
        with Ops(settings) as ops:
            ops.migrate()
            assert ops.list_companies() == []
            assert databases.exists(maintenance, names["central"])
    finally:
        if names["central"] not in others[0]:
            databases.drop(maintenance, names["central"])
        if settings.owner_role not in others[1]:
            roles.drop(server, maintenance, settings.owner_role)
    assert (databases.names(maintenance, ""), roles.names(maintenance, "")) == others


VARIABLES = sorted(Settings.model_fields)


@effort(80, deep=5_000)
@given(
    variable=st.sampled_from(VARIABLES),
    value=TEXTS.map("{}#planted".format) | st.sampled_from(("~no one/x", '{"main": "x"}', "[]", "{}", "1e9")),
)
@example(variable="home", value="~no one/x")
def test_settings_are_read_or_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    value = value.replace("\0", "").encode("utf-8", "replace").decode()
    with monkeypatch.context() as patch:
        patch.setenv(f"MPM_OPS_{variable.upper()}", value)
        read = told(load_settings)
    assert isinstance(read, Settings) or (
        isinstance(read, InvalidInput) and f"MPM_OPS_{variable.upper()}" in str(read) and "#planted" not in str(read)
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyst", "grant", "ada", "--all", "--until", "9999-12-31"),
        ("analyst", "grant", "ada", "--all", "--until", "0001-01-01"),
        ("token", "ada", "--company", "1", "--ttl", "9" * 5000 + "h"),
        ("company", "9" * 5000),
        ("company", "a@\udc80"),
    ],
)
def test_what_is_out_of_reach_is_wrong_usage(ops: Ops, run: Run, arguments: tuple[str, ...]) -> None:
    ops.add_analyst("ada")
    assert run(*arguments).code == 2
    ops.remove_analyst("ada")


def test_twins_are_told_apart_and_nobody_stands_in_for_another(ops: Ops, register: Callable[..., Company]) -> None:
    first, second = register("Straße", email="info@first.example.com"), register("STRASSE")
    assert [ops.get_company(name) for name in ("Straße", "STRASSE", "Stra\u00dfe ")] == [first, second, first]
    register("info@first.example.com")
    register("boss@first.example.com")
    third = register("Third", admin_email="boss@first.example.com")
    for unclear in ("strasse", "info@first.example.com", "INFO@first.example.com"):
        with pytest.raises(UnknownCompany, match="may be one of several") as caught:
            ops.get_company(unclear)
        assert f"{first.name} (id {first.id})" in caught.value.hint
    with pytest.raises(UnknownCompany, match="several") as caught:
        ops.get_company("boss@first.example.com")
    assert f"Third (id {third.id})" in caught.value.hint
