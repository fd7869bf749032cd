"""The app for analysts, driven as a browser drives it: by values and clicks; the server is a real one."""

from __future__ import annotations

import base64
import html
import io
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import psycopg
import pyarrow.parquet
import pytest
from pydantic import SecretStr

from mpm_ops import Company, Ops, Settings
from mpm_ops.notebook.explore import Explorer
from mpm_ops.notebook.explore.choice import ALL, chosen, labels
from mpm_ops.notebook.explore.downloads import LIMIT
from mpm_ops.notebook.explore.statement import select
from mpm_ops.postgres.server import Server
from tests.integration.test_register import environment
from tests.notebooks.driving import closed_widgets as closed_widgets
from tests.notebooks.driving import shown, states, until

Register = Callable[..., Company]
SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"
BOMB = "SELECT count(*) FROM generate_series(1, 10000000000)"


@pytest.fixture
def app(ops: Ops, register: Register) -> Iterator[Explorer]:
    """An app on two companies, shown."""
    register("Acme")
    register("Sun Hill")
    app = ops.explore()
    assert app.view is not None
    until(lambda: app.picker.companies)
    yield app
    app.close()
    until(lambda: not app.asking.work.is_running)


def choose(app: Explorer, typed: str = "Acme") -> None:
    app.picker.box.value = typed
    until(lambda: app.tables.list.options)


def ask(app: Explorer, sql: str, *, over: bool = True) -> None:
    app.asking.editor.value = sql
    app.asking.run.click()
    if over:
        until(lambda: not app.asking.work.is_running)


def at_work(connection: psycopg.Connection) -> int:
    """Count the sessions that a question keeps busy; what shows of one is the FETCH from its cursor."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name LIKE 'mpm_ops/read%'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_nothing_is_asked_before_it_is_shown(ops: Ops, register: Register) -> None:
    app = ops.explore()
    before = threading.active_count()
    assert not app.picker.companies
    assert repr(app) == "<Explorer>"
    assert threading.active_count() == before
    register("Acme")
    bundle = app._repr_mimebundle_()
    until(lambda: app.picker.companies)
    assert "Acme" in app.picker.box.options[1]
    assert bundle is not None
    app.close()


def test_a_company_a_table_a_question_an_answer(app: Explorer) -> None:
    assert app.picker.box.options == (ALL, "Acme (1)", "Sun Hill (2)")
    assert app.asking.run.disabled
    choose(app)
    assert "meters" in [table for _, table in app.tables.list.options]
    app.tables.list.value = "meters"
    until(lambda: app.asking.editor.value)
    assert app.asking.editor.value.startswith("SELECT id, ")
    assert app.asking.editor.value.endswith("\nFROM meters\nLIMIT 100")
    assert "serial_number" in app.tables.columns.value
    app.asking.run.click()
    until(lambda: not app.asking.work.is_running)
    assert "Answered" in app.asking.status.value
    ask(app, "SELECT n, n * n AS square FROM generate_series(1, 30) n")
    assert "20 of 30 rows" in app.answer.rows.value
    assert "<td" in app.answer.rows.value
    until(lambda: app.chart.image.value)
    assert bytes(app.chart.image.value).startswith(b"\x89PNG")
    app.chart.x.value, app.chart.y.value = "square", "n"
    until(lambda: not app.chart.note.value)


def test_a_bomb_is_gone_from_the_server_when_stop_is_pressed(app: Explorer, maintenance: psycopg.Connection) -> None:
    choose(app)
    ask(app, BOMB, over=False)
    until(lambda: at_work(maintenance))
    assert app.asking.run.disabled
    assert not app.asking.stop.disabled
    app.asking.start()  # a second one while one runs is none
    until(lambda: "1 s" in app.asking.status.value)
    assert at_work(maintenance) == 1
    app.asking.stop.click()
    until(lambda: not at_work(maintenance), seconds=2)

    until(lambda: not app.asking.run.disabled)
    assert "Stopped" in app.asking.status.value
    assert app.asking.stop.disabled
    ask(app, "SELECT 1 AS one")
    assert "Answered" in app.asking.status.value


def test_closing_stops_what_runs(app: Explorer, maintenance: psycopg.Connection) -> None:
    choose(app)
    ask(app, BOMB, over=False)
    until(lambda: at_work(maintenance))
    app.close()
    until(lambda: not at_work(maintenance), seconds=2)


ENDING = f"""
import sys
import time
import mpm_ops

app = mpm_ops.connect().explore()
assert app.view is not None
while not app.picker.companies:
    time.sleep(0.02)
app.picker.box.value = sys.argv[1]
app.asking.editor.value = "{BOMB}"
app.asking.run.click()
input()
"""


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["Acme", ALL])
def test_a_process_that_ends_takes_its_question_with_it(
    register: Register, settings: Settings, maintenance: psycopg.Connection, whom: str
) -> None:
    register("Acme")
    asking = subprocess.Popen([sys.executable, "-c", ENDING, whom], env=environment(settings), stdin=subprocess.PIPE)
    until(lambda: at_work(maintenance))
    asking.communicate(b"\n", timeout=20)
    assert asking.returncode == 0
    until(lambda: not at_work(maintenance), seconds=2)


def test_an_analyst_sees_what_was_granted(ops: Ops, register: Register, settings: Settings) -> None:
    register("Acme")
    register("Sun Hill")
    login = ops.add_analyst("amina")
    ops.grant_analyst("amina", [2])
    theirs = Ops(settings.model_copy(update={"database_url": SecretStr(login.url)}))
    try:
        with theirs:
            app = theirs.explore()
            assert app.view is not None
            until(lambda: app.picker.companies)
            assert app.picker.box.options == (ALL, "Sun Hill (2)")
            choose(app, "2")
            ask(app, "SELECT count(*) AS n FROM meters")
            assert "1 row" in app.answer.rows.value
            password = psycopg.conninfo.conninfo_to_dict(login.url)["password"]
            assert password
            assert str(password) not in states()
            app.close()
    finally:
        ops.remove_analyst("amina")


def test_all_companies_are_asked_and_who_does_not_answer_is_told(
    app: Explorer, ops: Ops, server: Server, maintenance: psycopg.Connection
) -> None:
    choose(app, ALL)
    with server.connect(ops.get_company("Sun Hill").database) as connection:
        connection.execute("DROP TABLE meters CASCADE")
    ask(app, "SELECT count(*) AS n FROM meters")
    assert "Acme" in app.answer.rows.value
    assert "1 company did not answer: Sun Hill" in app.answer.errors.value
    assert "42P01" in app.answer.errors.value
    assert (app.asking.bar.value, app.asking.bar.max) == (2, 2)
    ask(app, BOMB, over=False)
    until(lambda: at_work(maintenance) == 2)
    app.asking.stop.click()
    until(lambda: not at_work(maintenance), seconds=2)
    until(lambda: not app.asking.work.is_running)


def test_an_error_is_a_few_lines_with_its_caret(app: Explorer) -> None:
    choose(app)
    ask(app, "SELECT serial_numbr\nFROM meters")
    text = html.unescape(re.sub("<[^>]*>", "", app.asking.status.value))
    assert 3 <= len(text.splitlines()) <= 6
    lines = text.splitlines()
    assert lines[2].index("^") == lines[1].index("serial_numbr")
    assert "Did you mean serial_number" in text
    assert not app.answer.rows.value
    ask(app, "DELETE FROM meters")
    assert "NotReadOnly" in app.asking.status.value


def test_what_somebody_wrote_comes_back(app: Explorer) -> None:
    choose(app)
    app.asking.editor.value = "SELECT my own"
    app.tables.list.value = "meters"
    until(lambda: "FROM meters" in app.asking.editor.value)
    app.asking.back.click()
    assert app.asking.editor.value == "SELECT my own"


def test_files_are_what_is_shown(app: Explorer, register: Register) -> None:
    choose(app)
    ask(app, "SELECT n, 'a\rb' AS t FROM generate_series(1, 3) n")
    app.answer.csv.click()
    until(lambda: "download=" in app.answer.file.value)
    assert 'download="company-1-acme_' in app.answer.file.value
    assert content(app) == b'"n","t"\n1,"a\rb"\n2,"a\rb"\n3,"a\rb"\n'
    app.answer.parquet.click()
    until(lambda: ".parquet" in app.answer.file.value)
    assert pyarrow.parquet.read_table(io.BytesIO(content(app))).to_pylist()[0] == {"n": 1, "t": "a\rb"}
    app.asking.limit.value = 20
    ask(app, f"SELECT repeat('x', {LIMIT // 10}) FROM generate_series(1, 20)")
    assert not app.answer.file.value
    app.answer.csv.click()
    until(lambda: "to_parquet" in app.answer.file.value)


def content(app: Explorer) -> bytes:
    found = re.search(r'base64,([^"]*)"', app.answer.file.value)
    assert found
    return base64.b64decode(found[1])


def test_hostile_names_and_values_stay_text(ops: Ops, register: Register, server: Server, dsn: str) -> None:
    company = register(SCRIPT)
    with server.connect(company.database) as connection:
        connection.execute(f'CREATE TABLE "{SCRIPT}" ("{SCRIPT}" int, "select" int)'.encode())
        connection.execute(f'GRANT SELECT ON "{SCRIPT}" TO "{company.database}_read"'.encode())
    app = ops.explore()
    assert app.view is not None
    until(lambda: app.picker.companies)
    choose(app, str(company.id))
    app.tables.list.value = SCRIPT
    until(lambda: app.asking.editor.value)
    ask(app, app.asking.editor.value)
    assert "Answered" in app.asking.status.value
    ask(app, f'SELECT \'{SCRIPT}\' AS "{SCRIPT}", n AS "$<img>" FROM generate_series(1, 3) n')
    until(lambda: app.chart.image.value)
    app.answer.csv.click()
    until(lambda: "download=" in app.answer.file.value)
    for broken in (f'SELECT "{SCRIPT}"', f"SELECT '{SCRIPT}'::int"):
        ask(app, broken)
        assert "&lt;img" in app.asking.status.value
    ask(app, "SELECT 1")
    page = shown()
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;img" in page
    secret = psycopg.conninfo.conninfo_to_dict(dsn).get("password")
    assert secret is None or str(secret) not in states()
    assert "postgresql://" not in states()
    app.close()


@pytest.mark.parametrize("personal", [False, True])
def test_personal_data_is_masked_unless_the_caller_says_so(
    ops: Ops, register: Register, server: Server, personal: bool
) -> None:
    company = register("Acme")
    with server.connect(company.database) as connection:
        connection.execute("INSERT INTO people (name, surname) VALUES ('Amina', 'Njeri')")
    app = ops.explore(personal_data=personal)
    assert ("Personal data is shown" in app.view.children[0].value) is personal
    until(lambda: app.picker.companies)
    choose(app)
    ask(app, "SELECT name FROM people")
    assert ("Amina" in app.answer.rows.value) is personal
    assert ("Amina" in states()) is personal
    app.close()


def test_who_is_meant(ops: Ops, register: Register) -> None:
    companies = [register("Acme"), register("Acme (1)"), register("7"), register(ALL)]
    assert len(set(labels(companies))) == 5
    assert chosen(companies, "Acm") is None
    named = [("Acme (1)", 0), ("acme", 0), ("Acme (1) (2)", 1), ("2", 1), (" 7 ", 2), (f"{ALL} (4)", 3)]
    for typed, place in (*named, (companies[1].email.upper(), 1)):
        found = chosen(companies, typed)
        assert found is not None
        assert found.company is companies[place]
    everybody = chosen(companies, ALL)
    assert everybody is not None
    assert (everybody.company, everybody.count) == (None, 4)
    assert chosen([], ALL) is None


def test_no_line_of_a_question_breaks_a_name() -> None:
    wide = [f'"a name {n}"' for n in range(30)]
    lines = select('"t x"', wide).splitlines()
    assert max(map(len, lines)) < 100
    assert " ".join(line.strip() for line in lines) == f'SELECT {", ".join(wide)} FROM "t x" LIMIT 100'
