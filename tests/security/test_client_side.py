"""What an analyst's own side may be told wrongly: by data, by names, by values and by the environment.

The family `client side` of the attacks: here the server is not asked for more than it gives, but what shows its answer
may be, and what asks may have been set up by somebody else.
"""

from __future__ import annotations

import enum
import html
import json
import os
import pty
import re
import sys
from collections import UserDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
from pydantic import SecretStr
from rich.progress import Progress

from mpm_ops import Company, CompanyReader, Ops, Settings
from mpm_ops.analysis import frames
from mpm_ops.analysis.guard import Limits
from mpm_ops.cli import output
from mpm_ops.cli.terminal import Terminal
from mpm_ops.errors import InvalidInput, MpmOpsError, NotReadOnly, QueryError, UnknownCompany
from mpm_ops.harmless import harmless, harmless_json
from mpm_ops.postgres.server import Server
from mpm_ops.records import DryRun, PlannedSql
from tests.cli.conftest import Run
from tests.cli.conftest import run as run
from tests.conftest import PREFIX, clean, make_settings, reopen

pytestmark = pytest.mark.slow  # with the other attacks

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
#: A colour, a title, a paste, a cursor, the same in eight bits, and what overwrites the line.
ESCAPES = "\x1b[31mred\x1b]0;title\x07\x1b[200~rm -rf ~\x1b[2J\x9b31m\x08\x08\x7f\rgone"
#: What no terminal is to get: every control character but those that end a line or a column.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.fixture(scope="module")
def analyst(dsn: str, server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of an analyst who may read the first of two companies."""
    settings = make_settings(dsn, tmp_path_factory.mktemp("client"), central=f"{PREFIX}client")
    with Ops(settings) as ops:
        ops.migrate()
        companies = [registered(ops, name) for name in ("Acme", "Sun Hill")]
        login = ops.add_analyst("mallory")
        ops.grant_analyst("mallory", [companies[0].id])
        yield settings.model_copy(update={"database_url": SecretStr(login.url)})
        ops.remove_analyst("mallory")
    with server.connect("postgres") as connection:
        reopen(connection, settings)
    clean(server, f"{PREFIX}company_", f"{PREFIX}client")


def registered(ops: Ops, name: str) -> Company:
    email = f"{name.replace(' ', '').lower()}@example.com"
    return ops.register(name=name, email=email, admin_email=f"admin-{email}", admin_password="correct horse")


@pytest.fixture(scope="module")
def theirs(analyst: Settings) -> Iterator[Ops]:
    with Ops(analyst) as ops:
        yield ops


@pytest.fixture(scope="module")
def reader(theirs: Ops) -> CompanyReader:
    return theirs.company("Acme")


@pytest.fixture
def settings(analyst: Settings) -> Settings:
    """Those that `run` gives to the commands."""
    return analyst


# Names


NAMES = [
    "x'; --",
    '";DROP TABLE companies;--',
    "Acme'; SELECT 1; --",
    "%",
    "*",
    "_",
    "%@%",
    "",
    " ",
    "\0",
    "Acme\0",
    "\ud800",
    "\x1b[31m",
    "../Acme",
    "1; --",
    "²",
    "9" * 40,
    "Sun Hill",
    "sunhill@example.com",
    "admin-sunhill@example.com",
    -1,
    2**70,
    None,
    True,
    1.5,
    b"Acme",
    ["Acme"],
    {"Acme": 1},
]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_name_picks_what_was_granted_or_nothing(theirs: Ops, name: object) -> None:
    picks: tuple[Callable[[Any], object], ...] = (
        theirs.company,
        theirs.get_company,
        lambda one: theirs.read_sql("SELECT 1", companies=[one]),
    )
    for pick in picks:
        with pytest.raises(UnknownCompany) as caught:
            pick(name)
        assert "Sun" not in caught.value.hint
    assert [one.name for one in theirs.list_companies()] == ["Acme"]


@pytest.mark.parametrize("name", ["x'; --", "\0", "\ud800", "people; --", '"people"', "%", "..", "\x1b[31m"])
def test_a_name_of_a_table_or_of_a_setting_is_a_value(reader: CompanyReader, name: str) -> None:
    for ask in (reader.columns, reader.show):
        with pytest.raises(MpmOpsError):
            ask(name)


PATHS = ["../../x", "/etc/x", "..", ".", "a/b", "a\\b", "x\n", "x\0", "~", "$(id)", "`id`", "%(here)s", "x" * 500, ""]


@pytest.mark.parametrize("name", PATHS, ids=repr)
def test_a_name_of_a_migration_is_no_path(analyst: Settings, tmp_path: Path, name: str) -> None:
    settings = analyst.model_copy(update={"tenant_migrations": tmp_path / "own", "migrations": tmp_path / "central"})
    with Ops(settings) as ops:
        for make in (ops.make_migration, ops.make_migration_tenant):
            with pytest.raises(InvalidInput):
                make(name, own=True)
    assert list(tmp_path.rglob("*")) == []


# Values


class Text(str):
    """A text that says something else than it is."""

    def __str__(self) -> str:
        return "'; DROP TABLE people; --"

    def __format__(self, spec: str) -> str:
        return "'; DROP TABLE people; --"


class Number(int):
    def __str__(self) -> str:
        return "1); DROP TABLE people; --"

    __repr__ = __str__


class Colour(enum.StrEnum):
    RED = ":b"


class Names(dict[str, object]):
    def __str__(self) -> str:
        return "'; DROP TABLE people; --"


BOUND = [
    ({"a": ":b", "b": "%(a)s"}, (":b", "%(a)s")),
    ({"a": "$2", "b": "'; DROP TABLE people; --"}, ("$2", "'; DROP TABLE people; --")),
    ({"a": "%s", "b": "%"}, ("%s", "%")),
    (Names(a="1", b="2"), ("1", "2")),
    (UserDict(a="1", b="2"), ("1", "2")),
    ({"a": Text("x"), "b": Text("y")}, ("x", "y")),
    ({"a": Number(7), "b": True}, ("7", "true")),
    ({"a": Colour.RED, "b": None}, (":b", None)),
    ({"a": "é'\"\\", "b": "\\'; --"}, ("é'\"\\", "\\'; --")),
]


@pytest.mark.parametrize(("params", "values"), BOUND)
def test_a_value_is_never_taken_for_a_placeholder_or_for_sql(
    reader: CompanyReader, params: dict[str, object], values: tuple[object, ...]
) -> None:
    for query in ("SELECT :a::text, :b::text", "SELECT %(a)s::text, %(b)s::text"):
        assert reader.ask(query, params=params).rows == [values]
    listed = [params["a"], params["b"]]
    assert reader.ask("SELECT %s::text, %s::text, '%s', ':a'", params=listed).rows == [(*values, "%s", ":a")]


def test_names_that_begin_alike_are_told_apart(reader: CompanyReader) -> None:
    query = "SELECT :a, :ab, :a_b, %(a)s, %(ab)s, :a"
    assert reader.ask(query, params={"a": 1, "a_b": 3, "ab": 2}).rows == [(1, 2, 3, 1, 2, 1)]


class Name:
    """A name that becomes another one as text."""

    def __str__(self) -> str:
        return "a"


@pytest.mark.parametrize(
    "params",
    [{1: "x", "a": "y"}, {Name(): "x"}, {Name(): "x", "a": "y"}, {None: 1, "a": 1}, {b"a": 1}, {("a",): 1, "a": 1}],
)
def test_a_name_that_is_no_text_is_refused(reader: CompanyReader, params: dict[str, object]) -> None:
    with pytest.raises(QueryError, match="a name in params is no text"):
        reader.ask("SELECT :a", params=params)


NO_VALUES = ["\0", "\ud800", object(), {1, 2}, {"x": 1}, iter("x"), Ops, lambda: 1]


@pytest.mark.parametrize("value", NO_VALUES, ids=[type(one).__name__ + str(at) for at, one in enumerate(NO_VALUES)])
def test_what_is_no_value_is_refused(reader: CompanyReader, value: object) -> None:
    for params in ({"a": value}, {"a": [value]}):
        with pytest.raises(QueryError):
            reader.ask("SELECT :a::text", params=params)
    assert reader.ask("SELECT 1").rows == [(1,)]


# Environment


ENVIRONMENTS = [
    {"PGOPTIONS": "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0 -c work_mem=1GB"},
    {"PGOPTIONS": "-c idle_in_transaction_session_timeout=0 -c work_mem=64"},
    {"PGOPTIONS": "-c search_path=pg_temp,public,pg_catalog -c row_security=off"},
    {"PGOPTIONS": "-c standard_conforming_strings=off -c backslash_quote=on"},
    {"PGOPTIONS": "-c extra_float_digits=-15 -c intervalstyle=sql_standard -c bytea_output=escape"},
    {"PGOPTIONS": "-c client_encoding=SQL_ASCII -c datestyle=German -c timezone=Asia/Kathmandu"},
    {"PGHOST": "evil.example.com", "PGHOSTADDR": "", "PGPORT": "1", "PGDATABASE": "postgres"},
    {"PGUSER": "postgres", "PGPASSWORD": "x", "PGPASSFILE": os.devnull},
    {"LOGNAME": "x'; --\n\x1b[31m", "USER": "root"},
    {"PGAPPNAME": "x'; DROP TABLE people; --"},
    {"PGCLIENTENCODING": "SQL_ASCII"},
    {"PGCLIENTENCODING": "LATIN1"},
    {"PGCLIENTENCODING": "GBK"},
    {"PGDATESTYLE": "German, DMY"},
    {"PGDATESTYLE": "SQL", "PGTZ": "Asia/Kathmandu"},
    {"PGSSLMODE": "disable"},
    {"PGCONNECT_TIMEOUT": "0", "PGGEQO": "off", "PGMINPROTOCOLVERSION": "3.0"},
    {"PYTHONSTARTUP": "/nonexistent", "COLUMNS": "x", "LC_ALL": "C"},
]
#: Under these there is no connection, and that is told.
REFUSED = [
    {"PGOPTIONS": "-c role=postgres"},
    {"PGOPTIONS": "-c session_preload_libraries=x"},
    {"PGOPTIONS": "-c nonsense=1"},
    {"PGSERVICE": "nosuch"},
    {"PGSSLMODE": "nonsense"},
    {"PGTZ": "x'"},
    {"PGCLIENTENCODING": "x'; --"},
    {"PGREQUIREAUTH": "none"},
    {"PGTARGETSESSIONATTRS": "standby"},
]
LIMITS = Limits(statement=50)


def reads_within_limits(ops: Ops) -> None:
    """Ask for what the environment must not change: rights, limits, and the forms of values."""
    reader = ops.company("Acme")
    said = "SELECT name, setting FROM pg_settings WHERE name = ANY (:names)"
    wanted = {
        "transaction_read_only": "on",
        "statement_timeout": "120000",
        "lock_timeout": "5000",
        "work_mem": str(32 * 1024),
        "search_path": "masked, public, pg_catalog",
        "client_encoding": "UTF8",
        "standard_conforming_strings": "on",
    }
    assert dict(reader.ask(said, params={"names": list(wanted)}).rows) == wanted
    assert reader.show("application_name").startswith("mpm_ops/read ")
    assert reader.ask("SELECT current_user::text").rows == [(f"{PREFIX}analyst_mallory",)]
    with pytest.raises(NotReadOnly):
        reader.ask("WITH gone AS (DELETE FROM meters RETURNING *) SELECT * FROM gone")
    with pytest.raises(QueryError, match="timeout"):
        reader.ask("SELECT count(*) FROM generate_series(1, 100000000000)", limits=LIMITS)
    read = reader.read_sql(
        "SELECT 'é\\' || :v AS t, 0.1::float8 + 0.2 AS f, '2026-02-03 04:05+00'::timestamptz AS at,"
        "interval '3 hours' AS i, '\\x00ff'::bytea AS b, date '2026-02-03' AS d",
        params={"v": "ñ"},
    )
    told = [str(value) for value in read.iloc[0]]
    assert told[:3] == ["é\\ñ", "0.30000000000000004", "2026-02-03 04:05:00+00:00"]
    assert told[3:] == ["0 days 03:00:00", "b'\\x00\\xff'", "2026-02-03"]
    with pytest.raises(UnknownCompany):
        ops.company("Sun Hill")


@pytest.mark.parametrize("variables", ENVIRONMENTS, ids=lambda one: " ".join(one))
def test_an_analyst_reads_within_the_limits_whatever_the_environment_says(
    analyst: Settings, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Ops(analyst) as ops:
        reads_within_limits(ops)


DEFAULTS = """
default_transaction_read_only = off
statement_timeout = 0
lock_timeout = 0
transaction_timeout = 0
work_mem = '1GB'
search_path = pg_temp, public
client_encoding = 'SQL_ASCII'
DateStyle = 'German'
IntervalStyle = 'sql_standard'
TimeZone = 'Asia/Kathmandu'
standard_conforming_strings = off
extra_float_digits = -15
bytea_output = 'escape'
application_name = 'x'
"""


def test_defaults_of_the_login_change_nothing_either(analyst: Settings) -> None:
    assert analyst.database_url is not None
    url = analyst.database_url.get_secret_value()
    with psycopg.connect(url, dbname=analyst.central_database, autocommit=True) as connection:
        for default in DEFAULTS.strip().splitlines():
            with suppress(psycopg.errors.UndefinedObject):  # transaction_timeout, before 17
                connection.execute(f"ALTER ROLE CURRENT_USER SET {default}".encode())
        try:
            with Ops(analyst) as ops:
                reads_within_limits(ops)
        finally:
            connection.execute("ALTER ROLE CURRENT_USER RESET ALL")


@pytest.mark.parametrize("variables", REFUSED, ids=lambda one: " ".join(one))
def test_an_environment_without_a_connection_is_told(
    analyst: Settings, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MpmOpsError), Ops(analyst) as ops:
        ops.company("Acme").ask("SELECT 1")


# Notebooks


def test_a_notebook_shows_markup_in_data_as_text(theirs: Ops, reader: CompanyReader) -> None:
    query = f"""SELECT :script AS a, 1 AS "{SCRIPT.replace('"', '""')}" """
    params = {"script": SCRIPT}
    for found, times in (
        (reader.read_sql(query, params=params), 2),
        (theirs.read_sql(query, params=params), 2),
        (reader.query(query, params=params), 2),
        (theirs.query(query, params=params), 2),
        (frames.frame(frames.together([(SCRIPT, reader.query(query, params=params).arrow)])[0]), 3),  # of that name
    ):
        shown = str(found._repr_html_())  # type: ignore[operator]  # pandas-stubs do not know it
        assert "<script" not in shown
        assert "<img" not in shown
        assert shown.count(html.escape("<script>alert(1)", quote=False)) == times


def test_nothing_else_of_ours_has_a_face_of_html(theirs: Ops, reader: CompanyReader) -> None:
    import mpm_ops

    public = (getattr(mpm_ops, name) for name in mpm_ops.__all__ if name != "Result")
    for thing in (theirs, reader, theirs.get_company(1), *public):
        assert not [face for face in dir(thing) if face.startswith("_repr_")], thing


# Terminals


@pytest.fixture
def on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command, and return what it writes to a terminal on both outputs."""

    def on_a_terminal(*arguments: str) -> str:
        ours, its = pty.openpty()
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("NO_COLOR", "1")
        with monkeypatch.context() as patch, open(its, "w") as terminal:  # noqa: PTH123  a descriptor
            patch.setattr(sys, "stdout", terminal)
            patch.setattr(sys, "stderr", terminal)
            run(*arguments)
        written = b""
        with suppress(OSError):  # how the end is told
            while more := os.read(ours, 65536):
                written += more
        os.close(ours)
        return written.decode().replace("\r\n", "\n")

    return on_a_terminal


#: As SQL, which holds no such character itself.
BAD = "E'" + "".join(f"\\u{ord(sign):04x}" for sign in ESCAPES) + "'"


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "1", f"SELECT {BAD} AS a"),
        ("query", "1", f"SELECT {BAD} AS a", "--format", "csv"),
        ("query", "all", f"SELECT {BAD} AS a", "--format", "json"),
        ("query", "1", f"SELECT {BAD}::int"),
    ],
    ids=lambda arguments: " ".join(arguments[3:] or arguments[:2]),
)
def test_a_terminal_gets_no_escape_sequence_of_the_data(
    on_a_terminal: Callable[..., str], arguments: tuple[str, ...]
) -> None:
    written = on_a_terminal(*arguments)
    assert "red" in written
    # NO_COLOR leaves rich its bold and dim, and its spinner hides the cursor; nothing else begins with ESC.
    assert CONTROL.findall(re.sub(r"\x1b\[([0-9;]*m|\?25[lh])", "", written)) == []
    assert "\x1b[31m" not in written


def test_what_is_not_for_a_terminal_is_exact(run: Run, tmp_path: Path) -> None:
    query = ("query", "1", f"SELECT {BAD} AS a, '=1+1' AS b", "--format")
    assert json.loads(run(*query, "json").out) == [{"a": ESCAPES, "b": "=1+1"}]
    assert not CONTROL.findall(run(*query, "json").out)
    for name in ("csv", "json", "parquet"):
        path = tmp_path / f"answer.{name}"
        assert run(*query, name, "--output", str(path)).code == 0
    assert (tmp_path / "answer.csv").read_bytes().decode() == f'"a","b"\n"{ESCAPES}","=1+1"\n'
    assert json.loads((tmp_path / "answer.json").read_text()) == [{"a": ESCAPES, "b": "=1+1"}]
    assert pd.read_parquet(tmp_path / "answer.parquet")["a"].tolist() == [ESCAPES]


def test_every_way_to_the_consoles_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    console = Terminal(force_terminal=True, color_system=None, width=300)
    console.print(ESCAPES, markup=False)
    console.print(f"[bold]{ESCAPES.replace('[', '(')}[/]")
    console.log(ESCAPES)
    with Progress(console=console) as bar:
        bar.add_task(ESCAPES.replace("[", "("))
    with console.status(ESCAPES.replace("[", "(")):
        pass
    shown = capsys.readouterr().out
    assert shown.count("red") >= 4
    own = re.sub(r"\x1b\[\??[0-9;]*[a-zA-Z]|\r", "", shown)  # the cursor that rich hides and moves
    assert CONTROL.findall(own) == []
    assert "\x1b]0" not in shown
    assert isinstance(output.data, Terminal)
    assert isinstance(output.talk, Terminal)


def test_a_sign_is_shown_for_each_and_other_scripts_are_left_alone() -> None:
    assert harmless("a\x1b[31mb\x9b\x7f\0\tc\nd") == "a␛[31mb\ufffd␡␀\tc\nd"
    other = "हिमाल ऊर्जा می‌خواهم 北京 é 🏳️‍🌈"
    assert harmless(other) == other
    assert json.loads(harmless_json(json.dumps(ESCAPES, ensure_ascii=False))) == ESCAPES
    assert CONTROL.findall(harmless_json(json.dumps(ESCAPES, ensure_ascii=False))) == []


def test_a_name_does_not_leave_its_comment_in_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    bad = "x\nDROP TABLE a;\rDROP TABLE b;\x85DROP TABLE c;\u2028DROP TABLE d;\x1b[31m"
    plan = PlannedSql(hash="h", before=(), after=("a",), sql="SELECT 1;", companies=[bad])
    output.print_dry_run(DryRun(action="x", plans=[plan], others={bad: bad}, notes=[bad]), as_json=False)
    written = capsys.readouterr().out
    assert [line for line in re.split(r"[\n\r]", written) if line and not line.startswith("-- ")] == ["SELECT 1;"]
    assert CONTROL.findall(written) == []


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_a_file_that_cannot_be_written_is_told(run: Run, tmp_path: Path, form: str) -> None:
    for path in (tmp_path / "none" / "x", tmp_path):
        done = run("query", "1", "SELECT 1 AS a", "--format", form, "--output", str(path))
        assert done.code == 2
        assert "cannot be written" in done.err
        assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_not_for_a_file(run: Run, tmp_path: Path) -> None:
    done = run("query", "1", "SELECT 1 AS a", "--output", str(tmp_path / "x"))
    assert done.code == 2
    assert "--format csv" in done.err
    assert list(tmp_path.iterdir()) == []
