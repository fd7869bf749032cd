"""How a fleet run is getting on: a bar on a terminal, few lines through a pipe, failures in both."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from mpm_ops import Ops, Outcome, Settings, Status
from mpm_ops.cli.progress import progress
from mpm_ops.records import Failure
from tests.cli.conftest import Run
from tests.integration.test_migrations import Register, own_revision
from tests.integration.test_register import environment

MIGRATE = [sys.executable, "-m", "mpm_ops", "migrate-tenant"]


class Clock:
    """Tells the time that a test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def outcome(company_id: int, message: str = "") -> Outcome:
    failure = Failure(message=message, kind="QueryError") if message else None
    status = Status.FAILED if failure else Status.DONE
    return Outcome(company_id=company_id, company=f"Company {company_id}", status=status, failure=failure)


@pytest.mark.parametrize(("companies", "lines"), [(1, 1), (3, 3), (10, 10), (19, 10), (10_000, 10)])
def test_a_pipe_gets_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str], companies: int, lines: int) -> None:
    with progress("Migrating", clock=Clock()) as hooks:
        hooks.on_start(dict.fromkeys(range(companies), 1.0))
        for company_id in range(companies):
            hooks.on_outcome(outcome(company_id))
    first, *told = capsys.readouterr().err.splitlines()
    noun = "company" if companies == 1 else "companies"
    assert first == f"Migrating: {companies} {noun}"
    assert len(told) == lines
    assert told[-1] == f"{companies} of {companies} {noun}"


def test_a_slow_run_tells_every_ten_seconds_and_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with progress("Migrating", clock=clock) as hooks:
        # One takes as long as a hundred others, and two have nothing to do.
        hooks.on_start({**dict.fromkeys(range(100), 4.0), 100: 400.0, 101: 0.0, 102: 0.0})
        for company_id in (101, 102, 0, 1, 2, 3, 4):
            clock.now += 4.0 if company_id < 100 else 0.0
            hooks.on_outcome(outcome(company_id))
        clock.now += 8.0
        hooks.on_outcome(outcome(5))
    assert capsys.readouterr().err.splitlines()[1:] == [
        "5 of 103 companies, about 788 s left",
        "8 of 103 companies, about 905 s left",
    ]


def test_each_failure_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Migrating", clock=Clock()) as hooks:
        hooks.on_start(dict.fromkeys(range(100), 1.0))
        for company_id in range(20):
            hooks.on_outcome(outcome(company_id, "column [x] is missing" if company_id in (3, 17) else ""))
    assert capsys.readouterr().err.splitlines()[1:] == [
        "Company 3: column [x] is missing",
        "10 of 100 companies, 1 failed",
        "Company 17: column [x] is missing",
        "20 of 100 companies, 2 failed",
    ]


def test_a_terminal_gets_a_bar_that_goes_away(ops: Ops, settings: Settings, register: Register) -> None:
    for n in range(3):
        register(f"Company {n}")
    own_revision(settings, "o1", None, "op.execute('SELECT pg_sleep(0.3)')")
    ours, theirs = pty.openpty()
    variables = {**environment(settings), "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen([*MIGRATE, "--workers", "1"], env=variables, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = everything(ours)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, seen
    assert {"1/3", "2/3"} <= set(re.findall(r"\d/3", seen))
    assert "━" in seen
    # The bar is taken away at the end, and what is told goes to stdout.
    assert seen.rstrip().endswith("\x1b[2K")
    assert b"3 done of 3 companies" in out
    assert b"\x1b" not in out


def everything(terminal: int) -> str:
    """Read what a terminal gets until its last writer is gone, which Linux calls an error."""
    seen = b""
    try:
        while chunk := os.read(terminal, 4096):
            seen += chunk
    except OSError:
        pass
    finally:
        os.close(terminal)
    return seen.decode()


def test_through_a_pipe_there_is_no_bar(run: Run, settings: Settings, register: Register) -> None:
    for n in range(3):
        register(f"Company {n}")
    own_revision(settings, "o1", None, "op.execute('SELECT 1')")
    done = run("migrate-tenant", "--json")
    assert done.code == 0
    assert [one["status"] for one in done.json["outcomes"]] == ["done"] * 3
    assert done.err.splitlines() == [
        "Run 1; to pause it: mpm-ops pause 1",
        "Migrating: 3 companies",
        *(f"{n} of 3 companies" for n in (1, 2, 3)),
    ]


def test_who_was_not_begun_is_not_counted_as_done(run: Run, settings: Settings, register: Register) -> None:
    for n in range(3):
        register(f"Company {n}")
    own_revision(settings, "o1", None, "op.execute('SELECT 1')")
    halted = run("migrate-tenant", "--canary", "1", "--gate", "SELECT 1 FROM countries LIMIT 1")
    assert halted.code == 3
    assert halted.err.splitlines()[1:] == ["Migrating: 3 companies", "1 of 3 companies"]
    first, second = halted.out.splitlines()[-2:]
    assert first.startswith("run 1, migrate-tenant: 1 done, 2 untouched of 3 companies in ")
    assert second == "To go on: mpm-ops migrate-tenant --resume 1"
    assert run("run", "1").out.splitlines()[-1] == second
    went_on = run("migrate-tenant", "--resume", "1")
    assert "run 2, migrate-tenant: 2 done of 2 companies in " in went_on.out
