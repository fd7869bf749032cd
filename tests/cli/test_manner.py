"""For cron: silence while all is well, and what is said as JSON, a line for each thing."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mpm_ops import Ops, Settings
from mpm_ops.cli.manner import manner
from tests.cli.conftest import Ran, Run
from tests.cli.test_progress import everything
from tests.integration.test_migrations import Register, own_revision
from tests.integration.test_register import environment

#: What only a database that was written to by hand holds: a name that clears the screen, and a line of its own.
HOSTILE = 'Sun [red]Hill\x1b[2J\x9b"\n{"level": "info"}'
COMMAND = [sys.executable, "-m", "mpm_ops"]


@pytest.fixture(autouse=True)
def as_ever() -> Iterator[None]:
    """Other tests are talked to as people are."""
    yield
    manner.take([], ())


@pytest.fixture
def hostile(ops: Ops, register: Register) -> None:
    for name in ("Acme Power", "Sun Hill"):
        register(name)
    with ops._installation.central() as central:
        central.execute("UPDATE companies SET name = %s WHERE name = 'Sun Hill'", [HOSTILE])


def lines(ran: Ran) -> list[dict[str, Any]]:
    """Return what was said, each line as the object that it has to be."""
    assert not any(sign in ran.err for sign in "\x1b\x9b\r")
    found = [json.loads(line) for line in ran.err.splitlines()]
    assert all(isinstance(one, dict) and {"time", "level", "event", "message"} <= one.keys() for one in found)
    return found


@pytest.mark.parametrize("arguments", [("--quiet", "migrate-tenant"), ("migrate-tenant", "--quiet", "--force")])
def test_a_quiet_run_that_goes_well_says_nothing(
    run: Run, settings: Settings, register: Register, arguments: tuple[str, ...]
) -> None:
    register()
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')")
    assert run("migrate-tenant-status").code == 1
    done = run(*arguments)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert run("migrate-tenant-status").code == 0
    # Asked for by a program, it is data.
    assert run(*arguments, "--json").json["outcomes"][0]["status"] == "skipped"
    assert "1 skipped" in run("migrate-tenant").out


def test_a_quiet_run_that_fails_prints_its_report(run: Run, settings: Settings, register: Register) -> None:
    register()
    own_revision(settings, "o1", None, "op.execute('SELECT 1/0')")
    done = run("migrate-tenant", "--quiet")
    assert done.code == 1
    assert "1 failed of 1 company" in done.out
    assert done.err.splitlines() == ["Acme Power: division by zero"]
    # Who asks for an account gets it, whatever the manner.
    assert run("--quiet", "run", "1").out == run("run", "1").out


def test_quiet_keeps_data_and_errors(run: Run, register: Register) -> None:
    register()
    listed = run("companies", "--quiet")
    assert (listed.code, listed.err) == (0, "")
    assert listed.out == run("companies").out
    assert run("sweep").err == "Nothing is over.\n"
    assert run("sweep", "--quiet").err == ""
    unknown = run("company", "Nobody", "--quiet")
    assert unknown.code == 2
    assert unknown.err.startswith("Error: there is no company 'Nobody'\nHint: ")


def test_what_stands_behind_two_dashes_is_not_ours(run: Run, register: Register) -> None:
    register()
    asked = run("company", "--", "--quiet")
    assert asked.code == 2
    assert "there is no company '--quiet'" in asked.err


def test_a_run_is_told_in_lines_of_json(run: Run, settings: Settings, hostile: None) -> None:
    own_revision(settings, "o1", None, "op.execute(\"DO 'BEGIN RAISE USING MESSAGE = chr(27) || $$[31m$$; END'\")")
    done = run("migrate-tenant", "--log-json")
    assert done.code == 1
    told = lines(done)
    assert [one["event"] for one in told[:2]] == ["run", "start"]
    assert [one["event"] for one in told[-2:]] == ["report", "end"]
    assert {one["command"] for one in told} == {"migrate-tenant"}
    assert {one["run"] for one in told} == {1}
    for one in told:
        assert dt.datetime.fromisoformat(one["time"]).tzinfo is not None
    failures = [one for one in told if one["event"] == "failure"]
    assert sorted(one["company_id"] for one in failures) == [1, 2]
    assert {one["level"] for one in failures} == {"error"}
    assert {(one["sqlstate"], one["revision"]) for one in failures} == {("P0001", "o1")}
    assert next(one for one in failures if one["company_id"] == 2)["company"].startswith("Sun [red]Hill\u241b[2J")
    assert [one["done"] for one in told if one["event"] == "progress"] == [1, 2]
    assert told[-2]["counts"] == {"failed": 2}
    assert (told[-1]["exit_code"], told[-1]["level"]) == (1, "error")
    assert told[-1]["seconds"] > 0
    # What is printed for people stays on stdout.
    assert "2 failed of 2 companies" in done.out


def test_quiet_json_is_errors_only(run: Run, settings: Settings, register: Register) -> None:
    register()
    assert run("migrate-tenant", "--quiet", "--log-json").err == ""
    own_revision(settings, "o1", None, "op.execute('SELECT 1/0')")
    told = lines(run("--log-json", "migrate-tenant", "--quiet"))
    assert [one["event"] for one in told] == ["failure", "report", "end"]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("company", "Nobody"), "UnknownCompany", "there is no company 'Nobody'"),
        (("company", "1", "--nothing"), "UsageError", "No such option: --nothing"),
        (("server",), "UsageError", "a command is missing"),
        (("nothing",), "UsageError", "No such command 'nothing'"),
        (("runs", "--limit", "x"), "UsageError", "Invalid value for '--limit'"),
    ],
)
def test_what_is_wrong_is_told_in_json_too(run: Run, arguments: tuple[str, ...], kind: str, message: str) -> None:
    done = run(*arguments, "--log-json")
    error, end = lines(done)
    assert done.code == 2
    assert (error["event"], error["kind"], error["level"]) == ("error", kind, "error")
    assert message in error["message"]
    assert (end["event"], end["exit_code"]) == ("end", 2)
    assert error.get("command", "") == (arguments[0] if arguments[0] != "nothing" else "")


def test_nobody_is_asked_where_a_program_reads(run: Run, register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    monkeypatch.setenv("MPM_OPS_ENV", "production")
    refused, end = lines(run("migrate-tenant", "--log-json"))
    assert (refused["kind"], end["exit_code"]) == ("Refused", 2)


@pytest.mark.parametrize("how", ["--quiet", "--log-json"])
def test_no_password_is_made_that_nobody_would_see(run: Run, how: str) -> None:
    given = ("register", "Acme", "--email", "info@acme.example.com", "--admin-email", "ada@acme.example.com")
    done = run(*given, how)
    assert done.code == 2
    assert "nobody would see the generated password" in done.err
    assert run("companies", "--json").json == []


def test_what_libraries_log_and_warn_of_is_json_too(
    settings: Settings, register: Register, capfd: pytest.CaptureFixture[str]
) -> None:
    manner.take(["--log-json"], ())
    capfd.readouterr()
    logging.getLogger("some.library").warning("odd %s", "\x1b[31m")
    told = json.loads(capfd.readouterr().err)
    assert (told["event"], told["level"], told["message"]) == ("some.library", "warning", "odd \u241b[31m")
    register()
    own_revision(settings, "o1", None, "import warnings; warnings.warn('odd \\x1b[31m')")
    done = subprocess.run(
        [*COMMAND, "migrate-tenant", "--log-json"],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=True,
    )
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert [one["message"] for one in said if one["event"] == "warning"] == ["odd \u241b[31m"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["--quiet", "--log-json"])
def test_nothing_moves_on_a_terminal(settings: Settings, register: Register, how: str) -> None:
    register()
    own_revision(settings, "o1", None, "op.execute('SELECT pg_sleep(0.3)')")
    ours, theirs = pty.openpty()
    variables = {**environment(settings), "TERM": "xterm-256color"}
    command = [*COMMAND, "migrate-tenant", how]
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    seen = everything(ours)
    assert process.wait(60) == 0
    assert "\x1b" not in seen
    assert bool(seen) == (how == "--log-json")
    assert all(json.loads(line) for line in seen.splitlines())


def test_the_overview_tells_of_both(run: Run) -> None:
    overview = run("--help").out
    assert "--quiet" in overview
    assert "--log-json" in overview
