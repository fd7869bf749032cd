"""No password, no connection string with one and no value of a parameter shows where somebody may read it.

Canaries are planted where secrets belong, everything is done that there is to do, and what comes out is searched.
Flows, notebooks, files and processes are searched in `test_canaries_elsewhere`.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import logging
import pickle
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import keyring
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from mpm_ops import Company, MpmOpsError, Ops, Settings
from mpm_ops.cli import app
from mpm_ops.errors import InvalidInput, QueryError
from mpm_ops.postgres import scram
from mpm_ops.postgres.server import Server
from mpm_ops.records import NewLogin
from mpm_ops.settings import load_settings
from tests.cli.conftest import Ran, Run
from tests.cli.conftest import run as run
from tests.cli.test_commands import commands
from tests.conftest import PREFIX, clean, make_settings, reopen
from tests.security.canaries import Canaries, all_of, living, log_of, stored

DEPLOYER = f"{PREFIX}canary_deployer"


@dataclass(kw_only=True)
class Scene:
    """An installation whose every secret is a canary."""

    canaries: Canaries
    settings: Settings
    ops: Ops
    company: Company
    analyst: NewLogin
    token: NewLogin


@pytest.fixture(scope="module")
def scene(dsn: str, server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    canaries = Canaries()
    password = canaries.plant("the deployer's password")
    with server.connect("postgres") as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}; ALTER ROLE {} SET log_statement = 'all'").format(
                sql.Identifier(DEPLOYER), sql.Literal(scram.verifier(password)), sql.Identifier(DEPLOYER)
            )
        )
    ours = server.with_login(DEPLOYER, password).dsn("postgres")
    settings = make_settings(ours, tmp_path_factory.mktemp("canaries"), central=f"{PREFIX}canaries")
    with Ops(settings) as ops:
        ops.migrate()
        company = ops.register(
            name="Acme",
            email="info@acme.example.com",
            admin_email="ada@acme.example.com",
            admin_password=canaries.plant("the first user's password"),
        )
        analyst = canaries.in_login("an analyst's password", ops.add_analyst("mary"))
        ops.grant_analyst("mary", None)
        token = canaries.in_login("a token's password", ops.token("brief", [company.id], hours=1))
        yield Scene(canaries=canaries, settings=settings, ops=ops, company=company, analyst=analyst, token=token)
        for one in ops.analysts():
            ops.remove_analyst(one.name)
    with server.connect("postgres") as connection:
        reopen(connection, settings)
        connection.execute(f'REASSIGN OWNED BY "{DEPLOYER}" TO CURRENT_USER; DROP OWNED BY "{DEPLOYER}"'.encode())
    clean(server, f"{PREFIX}company_", f"{PREFIX}canaries")
    with server.connect("postgres") as connection:
        connection.execute(f'DROP OWNED BY "{DEPLOYER}"; DROP ROLE "{DEPLOYER}"'.encode())


@pytest.fixture
def settings(scene: Scene) -> Settings:
    """Those that `run` gives to the commands."""
    return scene.settings


@pytest.fixture(autouse=True)
def talk(scene: Scene, caplog: pytest.LogCaptureFixture) -> Iterator[list[warnings.WarningMessage]]:
    """Search, after each test, all that was logged at whatever level, and all warnings."""
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield warned
    records = [f"{record.getMessage()} {record.args} {record.exc_info} {record.exc_text}" for record in caplog.records]
    assert scene.canaries.found_in(*records, *(one.message for one in warned)) == []


def test_what_is_planted_is_found_where_it_belongs(scene: Scene) -> None:
    canaries, url = scene.canaries, scene.settings.database_url
    assert url is not None
    for text in (url.get_secret_value(), pickle.dumps(url), scene.ops._installation.server.dsn("x")):
        assert canaries.found_in(text) == ["the deployer's password"]
    assert canaries.found_in(scene.analyst.url, scene.token.url) == ["an analyst's password", "a token's password"]
    value = canaries.plant("a value in base64")
    for before in ("", "x", "xx", "xxx"):
        encoded = base64.b64encode(f"{before}{value}yy".encode())
        assert canaries.found_in(encoded, encoded.decode()) == ["a value in base64"]
    shown = dataclasses.replace(scene.company, name=value)
    assert [one for one in living("mpm_ops") if canaries.found_in(one)] == [f"Company: {shown!r} {shown}"]
    assert canaries.found_in("nothing", b"nothing") == []


#: Every command, so that each finds something to show; what it ends with is not what is tested.
LINES = [
    "migrate",
    "companies",
    "companies --json",
    "company 1",
    "company 1 --json",
    "company Nobody",
    "plugins --json",
    "register Sun --email s@example.com --admin-email a@s.example.com --json",
    "register Sun --email s@example.com --admin-email a@s.example.com",
    "register Moon --email s --admin-email a@s.example.com",
    "register Moon --email m@example.com --admin-email a@m.example.com --server west",
    "reconcile --json",
    "make-migration one --own",
    "make-migration-tenant phase --own",
    "lint-migrations --json",
    "migrate-tenant --dry-run",
    "migrate-tenant --rehearse 1 --json",
    "migrate-tenant --canary 1 --json",
    "migrate-tenant --resume 1 --json",
    "migrate-tenant --gate nonsense",
    "migrate-tenant-status --verify --json",
    "runs --json",
    "run 1 --json",
    "run 99",
    "pause 99",
    "resume 99",
    "history 1 --json",
    "rollback --run 1 --force --json",
    "migrate-tenant-rollback 1 --step 1 --force --json",
    "migrate-tenant-refresh 2 --force --json",
    "migrate-tenant-fresh 2 --force --json",
    "migrate-tenant-reset 2 --force --json",
    "status --json",
    "status --verify",
    "drift --full --json",
    "usage --snapshot --json",
    "plugin list 1 --json",
    "plugin install 1 CalinMeter",
    "plugin disable 1 CalinMeter",
    "plugin enable 1 CalinMeter",
    "plugin uninstall 1 CalinMeter --drop-data",
    "plugin snapshots --json",
    "plugin snapshots 1 --drop-older-than 0",
    "doctor --json",
    "audit --json",
    "audit --repair",
    "harden --level standard --force --json",
    "query 1 TABLE(tariffs)",
    "query all SELECT+1 --format json",
    "query 1 SELECT+nope",
    "query 1 SELECT+1/0",
    "export lake --table tariffs --json",
    "analyst list --json",
    "analyst grant mary 1 --personal-data --json",
    "analyst revoke mary 1",
    "analyst revoke nobody 1",
    "analyst remove nobody --force",
    "audit-log --json",
    "sweep --json",
    "reap --json",
    "demo",
    "demo-data 1 --customers 20",
    "server start",
    "server stop",
    "server status",
    "server url",
    "query --password x",
    "query --password x --log-json",
    "query 1 SELECT+nope --log-json",
    "company Nobody --quiet --log-json",
    "register Sun --email s@example.com --admin-email a@s.example.com --log-json",
    "migrate-tenant --alone --gate nonsense --log-json",
    "migrate-tenant --alone --verify --log-json --quiet",
]
#: Those that are to show a new password, once; and whether on the output for data.
SHOWN_ONCE = {"analyst add eve": True, "analyst add eva --json": True, "token t --company 1": True}


def test_a_new_password_is_shown_once_and_one_from_standard_input_never(
    scene: Scene, server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = scene.canaries
    for line in SHOWN_ONCE:
        ran = run(*line.split())
        assert ran.code == 0, ran.err
        url = ran.out.partition("postgresql://")[2]
        canaries.watch(f"the password of: {line}", url.partition(":")[2].partition("@")[0])
        assert canaries.found_in(ran.out) == [f"the password of: {line}"]
        assert canaries.found_in(ran.err) == []
    password = canaries.plant("a password on standard input")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    given = ("register", "Star", "--email", "i@star.example.com", "--admin-email", "a@star.example.com")
    for ran in (run(*given, "--password-stdin"), run(*given, "--password-stdin", "--json")):
        assert canaries.found_in(ran.out, ran.err) == []
    for line in ("companies --json", "analyst list --json", "audit-log --json", "analyst revoke mary 9"):
        ran = run(*line.split())
        assert canaries.found_in(ran.out, ran.err) == [], line
    remains(scene, server)


@pytest.mark.slow
def test_no_command_shows_one(scene: Scene, server: Server, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    canaries = scene.canaries
    monkeypatch.chdir(scene.settings.home)  # some write files
    for line in LINES:
        monkeypatch.setenv("MPM_OPS_ENV", "production" if line == "demo" else "development")
        ran = run(*(word.replace("+", " ") for word in line.split(" ")))
        assert ran.code in (0, 1, 2, 3), line
        assert "Traceback" not in ran.err, line
        assert canaries.found_in(ran.out, ran.err) == [], line
    for command in commands():
        shown = run(*command.split(), "--help")
        assert canaries.found_in(shown.out, shown.err) == [], command
    remains(scene, server)


def test_every_command_is_among_those_that_are_searched() -> None:
    every = {one for one in commands() for line in (*LINES, *SHOWN_ONCE) if f"{line} ".startswith(f"{one} ")}
    assert every == set(commands())


def remains(scene: Scene, server: Server) -> None:
    """Search what all that left behind, on the server and in this process."""
    found = {name: scene.canaries.found_in(rows) for name, rows in stored(server, PREFIX)}
    assert set(found) >= {"shared", scene.settings.central_database, scene.company.database}
    assert {name: what for name, what in found.items() if what} == {}
    assert scene.settings.database_url is not None
    # The deployer's statements are all in it.
    if (log := log_of(scene.settings.database_url.get_secret_value())) is not None:
        assert b"CREATE ROLE" in log.read_bytes()
        assert scene.canaries.found_in(log.read_bytes()) == []
    assert [one for one in living("mpm_ops") if scene.canaries.found_in(one)] == []


def test_the_command_line_shows_no_variables_of_a_crash() -> None:
    assert app.pretty_exceptions_enable is False


BROKEN = {
    "refused": "postgresql://nobody:{}@127.0.0.1:1/",
    "an @ that is not escaped": "postgresql://nobody:x@{}@127.0.0.1:1/",
    "a / that is not escaped": "postgresql://nobody:{}/x@127.0.0.1:1/",
    "a / behind digits": "postgresql://nobody:1/{}@127.0.0.1:1/",
    "an @ and a /": "postgresql://nobody:x@{}/y@127.0.0.1:1/",
    "an @ and a :": "postgresql://nobody:x@y:{}@127.0.0.1:1/",
    "a % that is not escaped": "postgresql://nobody:%zz{}@127.0.0.1:1/",
    "no host": "postgresql://nobody:{}",
    "no end": "host=127.0.0.1 password='{}",
    "an option that is none": "host=127.0.0.1 pasword={}",
    "no URL": "{}",
    "a driver's URL": "postgresql+psycopg://nobody:{}@127.0.0.1:1/",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_no_failure_to_connect_shows_one(scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    url = BROKEN[broken].format(scene.canaries.plant(f"a URL with {broken}"))
    searched(scene, lambda: Ops(scene.settings.model_copy(update={"database_url": SecretStr(url)})).list_companies())
    west = scene.settings.model_copy(update={"servers": {"west": SecretStr(url)}})
    ops = Ops(west)
    searched(scene, lambda: ops.register(**REGISTRATION, server="west"))
    searched(scene, ops.harden)
    assert scene.canaries.found_in(ops, repr(west), west, west.model_dump_json(), repr(ops._installation)) == []
    ops.close()
    monkeypatch.setenv("MPM_OPS_DATABASE_URL", url)
    said(scene, run("companies", "--json"), {1, 2})
    said(scene, run("status", "--watch", "1"), {1, 2})


REGISTRATION: dict[str, Any] = {
    "name": "Moon",
    "email": "m@example.com",
    "admin_email": "a@m.example.com",
    "admin_password": "correct horse",
}


def test_a_wrong_password_shows_nowhere(
    scene: Scene, server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = scene.canaries.plant("a wrong password")
    url = server.with_login(DEPLOYER, wrong).dsn("postgres")
    searched(scene, lambda: Ops(scene.settings.model_copy(update={"database_url": SecretStr(url)})).list_companies())
    monkeypatch.setenv("MPM_OPS_DATABASE_URL", url)
    said(scene, run("companies"), {1})
    with pytest.raises(MpmOpsError) as caught:
        scene.ops.login("ada@acme.example.com", wrong)
    assert scene.canaries.found_in(*all_of(caught.value)) == []
    assert scene.canaries.found_in(*traceback.format_exception(caught.value)) == []


def test_a_password_of_the_keyring_shows_nowhere(scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = scene.canaries.plant("a wrong password in the keyring")
    monkeypatch.setattr(keyring, "get_password", lambda *_: wrong)
    given = scene.settings.database_url
    assert given is not None
    parts = conninfo_to_dict(given.get_secret_value())
    url = make_conninfo(**{name: str(part) for name, part in parts.items() if name != "password"})
    keyed = scene.settings.model_copy(update={"database_url": SecretStr(url), "keyring": "mpm_ops"})
    searched(scene, lambda: Ops(keyed).list_companies())
    monkeypatch.setenv("MPM_OPS_DATABASE_URL", url)
    monkeypatch.setenv("MPM_OPS_KEYRING", "mpm_ops")
    ran = run("companies")
    said(scene, ran, {1})
    assert "password authentication failed" in ran.err


SERVERS = ['{{"west": {}', '{{"A{}": "x"}}', '{{"postgresql://u:{}@host/": 5}}', '{{"west": ["{}"]}}', '["{}"]', "{}"]


@pytest.mark.parametrize("servers", SERVERS)
def test_settings_that_cannot_be_read_are_not_quoted(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch, servers: str
) -> None:
    monkeypatch.setenv("MPM_OPS_SERVERS", servers.format(scene.canaries.plant(f"servers as {servers}")))
    error = searched(scene, load_settings)
    assert isinstance(error, InvalidInput)
    assert str(error).startswith("MPM_OPS_SERVERS: ")
    said(scene, run("companies"), {2})


@pytest.mark.parametrize(
    "values",
    [{"admin_password": "short"}, {"admin_password": "\0"}, {"email": "no"}, {"nonsense": 1}, {"server": "west"}],
)
def test_a_registration_that_is_refused_does_not_quote_the_password(scene: Scene, values: dict[str, object]) -> None:
    given: dict[str, Any] = {**REGISTRATION, "admin_password": scene.canaries.plant("a refused user's password")}
    for name, value in values.items():
        given[name] = f"{given[name]}{value}" * 5 if name == "admin_password" else value
    with pytest.raises(MpmOpsError) as caught:
        scene.ops.register(**given)
    assert scene.canaries.found_in(*all_of(caught.value), *traceback.format_exception(caught.value)) == []


#: What makes the server quote a value.
QUOTED = [
    "SELECT {}::int",
    "SELECT {}::text::numeric",
    "SELECT {}::date",
    "SELECT {}::json",
    "SELECT ('[1, ' || {})::json",
    "SELECT {}::uuid",
    "SELECT {}::text::int[]",
    "SELECT to_timestamp('x', {})::text::int",
    "SELECT nope, {}",
    "SELECT nope({})",
    "SELECT 1/0, {}",
    "SELECT {}",
]


@pytest.mark.parametrize("query", QUOTED)
def test_a_value_of_a_parameter_is_in_no_error_and_in_no_audit_log(scene: Scene, query: str) -> None:
    value = scene.canaries.plant("a value of a parameter")
    reader = scene.ops.company(scene.company.id)
    asked: list[tuple[str, object]] = [(":v", {"v": value}), ("%(v)s", {"v": f'{{"a": {value}'}), ("%s", [value])]
    for place, params in asked:
        with suppress(QueryError), quoting_nothing(scene):
            reader.ask(query.format(place), params=params)  # type: ignore[arg-type]  # a mapping or a list
    log = scene.ops.audit_log(limit=len(asked))
    assert [one.statement for one in log] == [query.format(place) for place, _ in reversed(asked)]
    assert scene.canaries.found_in(*map(repr, log), json.dumps([vars(one) for one in log], default=str)) == []


def test_an_error_names_the_place_of_a_value_that_it_does_not_quote(scene: Scene) -> None:
    reader = scene.ops.company(scene.company.id)
    with pytest.raises(QueryError) as caught:
        reader.ask("SELECT :serial::int", params={"serial": 'a "b" c'})
    assert str(caught.value) == "invalid input syntax for type integer: :serial"
    with pytest.raises(QueryError, match='type integer: "a"'):
        reader.ask("SELECT 'a'::int, :serial", params={"serial": "b"})
    with pytest.raises(QueryError, match='type integer: "a"'):
        reader.ask("SELECT 'a'::int")


@contextmanager
def quoting_nothing(scene: Scene) -> Iterator[None]:
    """Search the error that a block ends with, if it does."""
    try:
        yield
    except MpmOpsError as exc:
        found = scene.canaries.found_in(*all_of(exc), *traceback.format_exception(exc))
        if found:
            pytest.fail(f"{exc!r} holds {found}")
        raise


def searched(scene: Scene, work: Callable[[], object]) -> MpmOpsError:
    """Return the error that something ends with, once it was searched: with the variables of all its frames, too."""
    with pytest.raises(MpmOpsError) as caught:
        work()
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    # The first frames are pytest's and the test's own, which has it in a variable.
    ours = [frame for frame in shown.stack if "/mpm_ops/" in frame.filename]
    for one in (shown.__cause__, shown.__context__ if not shown.__suppress_context__ else None):
        ours += one.stack if one else []
    assert scene.canaries.found_in(*all_of(caught.value), *(f"{one.line} {one.locals}" for one in ours)) == []
    return caught.value


def said(scene: Scene, ran: Ran, codes: set[int]) -> None:
    assert ran.code in codes
    assert scene.canaries.found_in(ran.out, ran.err) == []
