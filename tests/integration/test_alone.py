"""One fleet migration at a time: a second one is refused at once, and a killed one is in nobody's way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from mpm_ops import Company, Ops, Settings
from mpm_ops.errors import Busy, MpmOpsError
from mpm_ops.postgres.server import Server
from tests.integration.test_fleet import column, held
from tests.integration.test_fleet_broken_off import wait_until, waiting
from tests.integration.test_register import environment

ALONE = [sys.executable, "-m", "mpm_ops", "migrate-tenant", "--alone", "--lock-timeout", "0"]


def test_a_second_one_is_refused_with_who_is_at_it(ops: Ops, settings: Settings) -> None:
    with Ops(settings) as other:
        with (
            ops.alone(),
            pytest.raises(Busy, match=rf"@.* pid {os.getpid()} is at it since 20..-") as refused,
            other.alone(),
        ):
            pass
        assert refused.value.exit_code == 1
        with other.alone(), pytest.raises(Busy), ops.alone():
            pass
        with ops.alone():
            pass


def test_an_error_inside_leaves_as_it_is_and_frees_the_lock(ops: Ops) -> None:
    with pytest.raises(ZeroDivisionError), ops.alone():
        raise ZeroDivisionError
    with ops.alone():
        pass


def test_other_installations_of_the_server_are_not_held_off(ops: Ops, settings: Settings, server: Server) -> None:
    others = settings.model_copy(update={"central_database": f"{settings.central_database}b"})
    with server.connect("postgres") as connection:
        template = f"CREATE DATABASE {others.central_database} TEMPLATE {settings.central_database}"
        connection.execute(template.encode())
    try:
        with ops.alone(), Ops(others) as other, other.alone():
            pass
    finally:
        with server.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE {others.central_database} WITH (FORCE)".encode())


def test_a_central_database_that_is_not_there_says_what_to_do(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"central_database": "no_such_central"})
    with Ops(nowhere) as ops, pytest.raises(MpmOpsError) as found, ops.alone():
        pass
    assert "mpm-ops migrate" in found.value.hint


@contextmanager
def command(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command in a process of its own; it is killed at the end, if need be."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([*ALONE, *arguments], env=environment(settings), text=True, **pipes)  # type: ignore[call-overload]  # pipes
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_two_commands_at_once_and_one_that_is_killed(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    with held(server, fleet[1], "LOCK TABLE people"):
        with command(settings) as night:
            wait_until(lambda: waiting(maintenance, fleet[1]))
            done = subprocess.run(
                ALONE, env=environment(settings), capture_output=True, text=True, check=False, timeout=30
            )
            assert (done.returncode, done.stdout) == (1, "")
            assert f" pid {night.pid} is at it since " in done.stderr
            assert "run 1 is running since " in done.stderr
            assert "mpm-ops status" in done.stderr
        wait_until(lambda: ops.runs()[0].state == "abandoned")
        with ops.alone():
            pass
    with command(settings, "--json") as again:
        assert again.wait(60) == 0
    assert {one.state for one in ops.tenant_states()} == {"current"}


@pytest.mark.slow
def test_a_run_that_was_not_begun_alone_is_not_met_either(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    with held(server, fleet[1], "LOCK TABLE people"):
        plain = [one for one in ALONE if one != "--alone"]
        with subprocess.Popen(
            plain, env=environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as night:
            wait_until(lambda: waiting(maintenance, fleet[1]))
            with pytest.raises(Busy, match="run 1 is running since"), ops.alone():
                pass
            # Nor is it lost sight of among the many short ones that come after it.
            for _ in range(21):
                assert ops.rollback_tenant([fleet[0].id], step=1).run_id != ops.migrate_tenant([fleet[0].id]).run_id
            assert [one.id for one in ops.status().running] == [1]
            with pytest.raises(Busy, match="run 1 is running since"), ops.alone():
                pass
            ops.pause_run(1)
            with pytest.raises(Busy, match="run 1 is paused since"), ops.alone():
                pass
            ops.pause_run(1, paused=False)
            night.kill()
