"""The state of the fleet on the command line: once, watched on a terminal, and watched through a pipe."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress

import psycopg
from psycopg import errors

from mpm_ops import Settings
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.cli.conftest import Run
from tests.integration.test_migrations import Register
from tests.integration.test_register import environment

WATCH = [sys.executable, "-m", "mpm_ops", "status", "--watch", "0.2"]


def hear_ctrl_c() -> None:
    """A shell's background job, and so a CI run, may have been told to ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_who_needs_attention_is_told_with_an_exit_code(run: Run, register: Register, server: Server) -> None:
    company = register("Acme Power")
    register("Beta Power")
    first = run("status")
    assert first.code == 0
    assert "not all companies have been checked" in first.out
    with server.connect(company.database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN x text")
    assert run("drift").code == 1
    second = run("status")
    assert second.code == 1
    assert "drifted: 1 (Acme Power)" in second.out
    assert run("status", "--json").json["drifted"] == ["Acme Power"]


def test_a_watch_on_a_terminal_draws_until_ctrl_c(settings: Settings, register: Register) -> None:
    register("Acme Power")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(WATCH, env=environment(settings), stdout=theirs, stderr=theirs, preexec_fn=hear_ctrl_c)
    os.close(theirs)
    seen = ""
    while seen.count("newest") < 2:
        seen += os.read(ours, 4096).decode()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    os.close(ours)
    assert "\x1b[" in seen
    assert "Traceback" not in seen


def test_a_watch_through_a_pipe_is_a_line_of_json_each_time(settings: Settings, register: Register) -> None:
    register("Acme Power")
    process = subprocess.Popen(
        [*WATCH, "--json"], env=environment(settings), stdout=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c
    )
    assert process.stdout is not None
    found = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert [[one["company"] for one in look["states"]] for look in found] == [["Acme Power"]] * 2


def test_a_watch_goes_on_while_the_central_database_is_away(
    settings: Settings, register: Register, maintenance: psycopg.Connection
) -> None:
    register("Acme Power")
    process = subprocess.Popen(
        [*WATCH, "--json"], env=environment(settings), stdout=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c
    )
    assert process.stdout is not None
    looks = (json.loads(line) for line in process.stdout)
    assert "states" in next(looks)
    central, elsewhere = settings.central_database, f"{settings.central_database}_away"
    move(maintenance, central, elsewhere)
    away = next(look for look in looks if "error" in look)
    assert f'database "{central}" does not exist' in away["error"]
    move(maintenance, elsewhere, central)
    assert [one["company"] for one in next(look for look in looks if "error" not in look)["states"]] == ["Acme Power"]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def move(maintenance: psycopg.Connection, name: str, new: str) -> None:
    """Rename a database that somebody keeps connecting to."""
    while databases.exists(maintenance, name):
        databases.end_sessions(maintenance, name)
        with suppress(errors.ObjectInUse):
            databases.rename(maintenance, name, new)
