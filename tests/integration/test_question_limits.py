"""Questions that take too long or bring too much, and those that somebody gives up: cancelled, cut, and all is well."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import psycopg
import pytest

import mpm_ops
from mpm_ops import Company, Ops, Settings
from mpm_ops.analysis.guard import Cut, Limits
from mpm_ops.errors import NotReadOnly, QueryError

Register = Callable[..., Company]

#: Goes on for days, and sleeps nowhere.
ENDLESS = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
#: Seconds until a cancelled statement is gone. One is promised; the machine of the tests has other things to do.
SOON = 3.0
MEGABYTE = 1024 * 1024

CHILD = """
import sys, threading, warnings
from mpm_ops import Ops, Settings
from pydantic import SecretStr

settings = Settings.model_validate_json(sys.argv[1]).model_copy(update={"database_url": SecretStr(sys.stdin.read())})
with Ops(settings) as ops:
    company = ops.company(1)
    company.read_sql("SELECT 1")
    exec(sys.argv[2])
"""

INTERRUPTED = """
print("asking", flush=True)
try:
    {ask}
except KeyboardInterrupt:
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("mpm_ops")]
    print(company.read_sql("SELECT 7 AS n")["n"][0], len(ops.read_sql("SELECT 1")), left)
"""

LARGE = """
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

before = peak()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    found = company.read_sql("SELECT repeat('x', 900 * 1000 * 1000) AS x")
print((peak() - before) // 1024, len(found), found.attrs["cut"], len(caught), company.read_sql("SELECT 7 AS n")["n"][0])
"""


@pytest.fixture
def company(ops: Ops, register: Register) -> mpm_ops.CompanyReader:
    return ops.company(register().id)


def active(maintenance: psycopg.Connection, companies: list[Company]) -> int:
    """How many questions have been running for a while in these companies' databases."""
    row = maintenance.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = ANY(%s) AND application_name LIKE 'mpm_ops/read %%' AND state = 'active'"
        " AND query_start < clock_timestamp() - interval '0.2 s'",
        [[one.database for one in companies]],
    ).fetchone()
    assert row
    return int(row[0])


def wait_until(condition: Callable[[], bool]) -> float:
    """Return the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + 60
    return time.monotonic() - began


@contextmanager
def child(settings: Settings, dsn: str, code: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, settings.model_dump_json(exclude={"database_url"}), code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job may ignore Ctrl-C, and its children with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert process.stdin is not None
        process.stdin.write(dsn)
        process.stdin.close()
        process.stdin = None
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_deadline_cancels_on_the_server(company: mpm_ops.CompanyReader, maintenance: psycopg.Connection) -> None:
    company.ask("SELECT 1")
    with company._connection() as connection:
        pid = connection.info.backend_pid
    began = time.monotonic()
    with pytest.raises(QueryError, match=r"longer than 0.3 s") as caught:
        company.ask(ENDLESS, limits=Limits(deadline=0.3))
    assert time.monotonic() - began < 0.3 + SOON
    assert caught.value.sqlstate == "57014"
    assert caught.value.company == "Acme Power"
    assert wait_until(lambda: active(maintenance, [company.company]) == 0) < SOON
    # The same session goes on, with nothing left of what was cancelled.
    assert company.ask("SELECT pg_backend_pid()").rows == [(pid,)]


def test_the_deadline_is_for_the_whole_answer(company: mpm_ops.CompanyReader) -> None:
    # Each round trip is short; together they never end.
    query = "SELECT a FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
    with pytest.raises(QueryError, match="longer than"):
        company.ask(query, limits=Limits(deadline=0.5, rows=None))
    assert company.ask("SELECT 1").rows == [(1,)]


def test_the_server_knows_the_deadline_too(company: mpm_ops.CompanyReader) -> None:
    assert company.show("statement_timeout") == "2min"
    with company._connection() as connection:
        version = connection.info.server_version
    if version >= 170000:
        assert company.show("transaction_timeout") == "130s"


def test_a_question_is_broken_off_from_another_thread(
    company: mpm_ops.CompanyReader, maintenance: psycopg.Connection
) -> None:
    stop = Event()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(lambda: company.query(ENDLESS, stop=stop).df)
        wait_until(lambda: active(maintenance, [company.company]) == 1)
        stop.set()
        assert wait_until(lambda: active(maintenance, [company.company]) == 0) < SOON
        with pytest.raises(QueryError, match="broken off"):
            asked.result(SOON)
    assert company.ask("SELECT 1").rows == [(1,)]


@pytest.mark.parametrize(
    ("ask", "number"), [("company.read_sql(ENDLESS)", 1), ("ops.read_sql(ENDLESS)", 3)], ids=["one", "many"]
)
def test_ctrl_c_cancels_on_the_server(
    settings: Settings, dsn: str, register: Register, maintenance: psycopg.Connection, ask: str, number: int
) -> None:
    companies = [register(f"Company {n}") for n in range(3)]
    with child(settings, dsn, INTERRUPTED.format(ask=ask.replace("ENDLESS", repr(ENDLESS)))) as process:
        assert process.stdout is not None
        # Only then is what is active the endless one.
        assert process.stdout.readline() == "asking\n"
        wait_until(lambda: active(maintenance, companies) == number)
        process.send_signal(signal.SIGINT)
        assert wait_until(lambda: active(maintenance, companies) == 0) < SOON
        out, err = process.communicate(timeout=60)
    assert not err, err
    assert out == "7 3 []\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process's memory from /proc")
@pytest.mark.slow  # makes a gigabyte
def test_one_value_of_900_megabytes_does_not_fill_the_memory(
    settings: Settings, dsn: str, company: mpm_ops.CompanyReader
) -> None:
    with child(settings, dsn, LARGE) as process:
        out, err = process.communicate(timeout=200)
    assert not err
    grown, *rest = out.split()
    assert rest == ["0", "bytes", "1", "7"]
    assert int(grown) < 256 + 100


def test_rows_that_fit_are_kept_when_the_next_does_not(company: mpm_ops.CompanyReader) -> None:
    limits = Limits(bytes=100 * MEGABYTE)
    for wide in ("repeat('x', 1000000)", "array_fill(repeat('x', 1000), ARRAY[1000])"):
        answer = company.ask(f"SELECT {wide} FROM generate_series(1, 150)", limits=limits)
        assert (len(answer.rows), answer.cut, answer.truncated) == (104, Cut.BYTES, True)
        whole = company.ask(f"SELECT {wide} FROM generate_series(1, 100)", limits=limits)
        assert (len(whole.rows), whole.cut, whole.truncated) == (100, None, False)


def test_of_a_first_row_that_is_too_large_nothing_is_left(company: mpm_ops.CompanyReader) -> None:
    answer = company.ask("SELECT repeat('x', 100000000)", limits=Limits(bytes=20 * MEGABYTE))
    assert (answer.rows, answer.cut) == ([], Cut.BYTES)
    assert company.ask("SELECT 1").rows == [(1,)]


def test_cut_answers_of_many_companies_make_one_warning(ops: Ops, register: Register) -> None:
    one, two = register("One"), register("Two")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = ops.read_sql("SELECT generate_series(1, 11)", max_rows=10)
    assert len(found) == 20
    assert found.attrs == {"truncated": True, "cut": "rows"}
    (warning,) = caught
    assert warning.category is mpm_ops.Truncated
    assert one.name in str(warning.message)
    assert two.name in str(warning.message)
    assert warning.filename == __file__


def test_named_values_are_bound(company: mpm_ops.CompanyReader) -> None:
    hostile = "'; DROP TABLE people; --"
    found = company.ask("SELECT :x::text, %(x)s::text, 'a%' LIKE '%', (ARRAY[1, 2, 3])[1:2]", params={"x": hostile})
    assert found.rows == [(hostile, hostile, True, [1, 2])]
    with pytest.raises(QueryError, match="nme") as caught:
        company.read_sql("SELECT :first::text, nme FROM people WHERE name = :first", params={"first": "x"})
    assert caught.value.position == len("SELECT :first::text, ") + 1
    with pytest.raises(QueryError, match="no value for frist") as caught:
        company.read_sql("SELECT :frist", params={"first": "x"})
    assert (caught.value.hint, caught.value.company) == ("Did you mean first?", "Acme Power")


@pytest.mark.parametrize("value", ["\ud800", "a\0b", object(), {"a": 1}, 10**200_000], ids=range(5))
def test_values_that_cannot_be_sent_are_query_errors(company: mpm_ops.CompanyReader, value: object) -> None:
    with pytest.raises(QueryError):
        company.read_sql("SELECT :x", params={"x": value})
    assert company.ask("SELECT 1").rows == [(1,)]


def test_values_that_python_does_not_have_are_query_errors(company: mpm_ops.CompanyReader) -> None:
    for query in ("SELECT 'infinity'::date", "SELECT '100-01-01 BC'::timestamp", "SELECT ARRAY['infinity'::date]"):
        with pytest.raises(QueryError, match="taken over"):
            company.read_sql(query)
        with pytest.raises(QueryError, match="taken over"):
            company.ask(query)
    assert company.ask("SELECT 1").rows == [(1,)]


def test_a_plan_is_shown(company: mpm_ops.CompanyReader) -> None:
    query = "SELECT * FROM tariffs WHERE price > :least"
    plan = company.explain(query, params={"least": 5})
    assert "on tariffs" in plan
    assert "actual time" not in plan
    assert "actual time" in company.explain(query, params={"least": 5}, analyze=True)
    with pytest.raises(QueryError, match="nme") as caught:
        company.explain("SELECT nme FROM people")
    assert (caught.value.position, caught.value.hint) == (8, "Did you mean name, surname?")
    with pytest.raises(QueryError, match="permission denied"):
        company.explain("SELECT password FROM public.users")


@pytest.mark.parametrize("analyze", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM tariffs",
        "ANALYZE DELETE FROM tariffs",
        "WITH gone AS (DELETE FROM tariffs RETURNING 1) SELECT * FROM gone",
        "SELECT 1; DROP TABLE tariffs",
        "SELECT 1 INTO copied",
        "EXECUTE something",
        "DECLARE c CURSOR FOR SELECT 1",
        "CREATE TABLE copied AS SELECT 1",
    ],
)
def test_only_questions_are_explained(company: mpm_ops.CompanyReader, text: str, analyze: bool) -> None:
    with pytest.raises(NotReadOnly):
        company.explain(text, analyze=analyze)


def test_a_setting_is_shown(company: mpm_ops.CompanyReader) -> None:
    assert company.show("work_mem") == "32MB"
    assert company.show("transaction_read_only") == "on"
    assert company.show("jit") == "off"
    with pytest.raises(QueryError, match="unrecognized configuration parameter"):
        company.show("work_mem'; DROP TABLE people; --")
