"""Plugins whose installing or uninstalling is killed: it is there or not, the ledger knows, and again ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mpm_ops import Company, FleetReport, Ops, Status
from mpm_ops.companies.findings import AuditKind
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX, clean
from tests.integration.test_fleet import held
from tests.integration.test_fleet_broken_off import at_work, wait_until, waiting
from tests.integration.test_fleet_broken_off import start as start_runner
from tests.integration.test_migrations import Register, truth
from tests.integration.test_plugins import ask, catalog, end_outside_a_transaction, heat_pump, rows, standing, tables
from tests.integration.test_register import environment

pytestmark = pytest.mark.slow  # kills processes

__all__ = ["heat_pump"]

#: Dies before or after the call of a function: `verb plugin before|after module name`.
CHILD = """
import importlib, os, signal, sys
import mpm_ops

verb, plugin, when, module, name = sys.argv[1:]
place = importlib.import_module("mpm_ops." + module)
real = getattr(place, name)

def until(*given, **named):
    if name == "record" and not given[-1]:
        return real(*given, **named)  # at the beginning of a run there is nothing to record
    if when == "after":
        real(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)

if when != "never":
    setattr(place, name, until)
with mpm_ops.connect() as ops:
    if verb == "uninstall":
        ops.uninstall_plugin(1, plugin, drop_data=True)
    else:
        getattr(ops, verb + "_plugin")(1, plugin)
"""
#: When it dies, whether it has changed the company by then, and whether a run is in the ledger.
MOMENTS = [
    ("before central.ledger open_run", False, False),
    ("after central.ledger open_run", False, True),
    ("before companies.plugins apply", False, True),
    ("after companies.plugins apply", True, True),
    ("before central.ledger record", True, True),
    ("before central.ledger close_run", True, True),
    ("after central.ledger close_run", True, True),
]
#: Those of uninstalling before the run begins: the copy under way, and made.
COPYING = [
    ("after companies.snapshots clone", False, False),
    ("after companies.snapshots take", False, False),
]


@pytest.fixture(autouse=True)
def _swept(server: Server) -> Iterator[None]:
    yield
    clean(server, f"{PREFIX}snapshot_", f"{PREFIX}scratch_")


@pytest.fixture
def acme(register: Register) -> Company:
    return register("Acme Power")


def start(ops: Ops, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
    env = environment(ops.settings) | variables
    return subprocess.Popen([sys.executable, "-c", CHILD, *arguments], env=env)


def killed(
    ops: Ops, maintenance: psycopg.Connection, verb: str, plugin: str, moment: str, **variables: str
) -> int | None:
    """Have a process die at this moment; return its run, if it has one, once the server has noticed."""
    before = {one.id for one in ops.runs()}
    process = start(ops, verb, plugin, *moment.split(), **variables)
    assert process.wait(timeout=60) == -signal.SIGKILL
    return left(ops, maintenance, before)


def left(ops: Ops, maintenance: psycopg.Connection, before: set[int]) -> int | None:
    for run in ops.runs():
        if run.id not in before:
            wait_until(lambda run=run: not at_work(maintenance, run.id) and ops.run(run.id).ended != "running")  # type: ignore[misc]  # the run of this turn
            return run.id
    return None


def only(report: FleetReport) -> Status:
    (one,) = report.outcomes
    return one.status


def everything(server: Server, company: Company) -> tuple[object, ...]:
    return catalog(server, company), rows(server, company), truth(server, company)


@pytest.mark.parametrize(("moment", "changed", "told"), MOMENTS)
@pytest.mark.parametrize("plugin", ["SparkMeter", "CalinMeter"])
def test_an_install_that_is_killed_is_there_or_not(
    ops: Ops,
    acme: Company,
    register: Register,
    server: Server,
    maintenance: psycopg.Connection,
    plugin: str,
    moment: str,
    changed: bool,
    told: bool,
) -> None:
    whole = register("Whole Power")
    before = everything(server, acme)
    ops.install_plugin(whole.id, plugin)
    run = killed(ops, maintenance, "install", plugin, moment)
    assert (run is not None) is told
    assert everything(server, acme)[:2] == (everything(server, whole)[:2] if changed else before[:2])
    assert standing(ops, acme, plugin).state == ("enabled" if changed else "not installed")
    assert ops.audit() == []
    assert only(ops.install_plugin(acme.id, plugin)) is (Status.SKIPPED if changed else Status.DONE)
    assert everything(server, acme)[:2] == everything(server, whole)[:2]
    if run is not None:
        assert only(ops.run(run)) is (Status.DONE if changed else Status.UNTOUCHED)
        assert ops.run(run).ended == "interrupted"
    assert len(ops.history(acme.id)) == 2  # as it was registered, and the one revision of the branch


@pytest.mark.parametrize(("moment", "changed", "told"), [*COPYING, *MOMENTS])
def test_an_uninstall_that_is_killed_has_taken_all_away_or_nothing(
    ops: Ops,
    acme: Company,
    server: Server,
    maintenance: psycopg.Connection,
    moment: str,
    changed: bool,
    told: bool,
) -> None:
    before = everything(server, acme)
    ops.install_plugin(acme.id, "CalinMeter")
    ask(server, acme, "INSERT INTO calin_transactions (id) VALUES (77) RETURNING 1")
    installed = everything(server, acme)
    run = killed(ops, maintenance, "uninstall", "CalinMeter", moment)
    assert (run is not None) is told
    assert everything(server, acme) == (before if changed else installed)
    # A copy that is listed is a whole one; what was being copied is swept.
    copies = ops.snapshots()
    assert len(copies) == (0 if "clone" in moment else 1)
    assert {one.kind for one in ops.audit()} == ({AuditKind.LEFTOVER} if "clone" in moment else set())
    ops.reconcile()
    assert ops.audit() == []
    assert databases.names(maintenance, f"{PREFIX}scratch_") == []
    again = ops.uninstall_plugin(acme.id, "CalinMeter", drop_data=True)
    assert only(again) is (Status.SKIPPED if changed else Status.DONE)
    assert everything(server, acme) == before
    for one in ops.snapshots():
        with server.connect(one.database) as copy:
            assert copy.execute("SELECT id FROM calin_transactions").fetchall() == [(77,)]
    if run is not None:
        assert only(ops.run(run)) is (Status.DONE if changed else Status.UNTOUCHED)
    assert [one.direction for one in ops.history(acme.id)] == ["downgrade", "upgrade", "registered"]


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_one_killed_in_its_transaction_is_there_or_not(
    ops: Ops, acme: Company, server: Server, maintenance: psycopg.Connection, verb: str
) -> None:
    without = everything(server, acme)
    ops.install_plugin(acme.id, "CalinMeter")
    having = everything(server, acme)
    if verb == "install":
        ops.uninstall_plugin(acme.id, "CalinMeter", drop_data=True)
    runs = {one.id for one in ops.runs()}
    # A reader: what is being copied is read too, and only who writes has to wait.
    with held(server, acme, "LOCK TABLE registration_tail IN SHARE MODE"):
        process = start(ops, verb, "CalinMeter", "never", "central.ledger", "record")
        try:
            wait_until(lambda: waiting(maintenance, acme))
        finally:
            process.kill()
            process.wait()
    run = left(ops, maintenance, runs)
    assert everything(server, acme) in (without, having)
    done = everything(server, acme) == (having if verb == "install" else without)
    again = getattr(ops, f"{verb}_plugin")(acme.id, "CalinMeter", **({} if verb == "install" else {"drop_data": True}))
    assert only(again) is (Status.SKIPPED if done else Status.DONE)
    assert everything(server, acme) == (having if verb == "install" else without)
    if run is not None:
        assert only(ops.run(run)) is (Status.DONE if done else Status.UNTOUCHED)
    assert ops.audit() == []


@pytest.mark.parametrize("verb", ["install", "disable", "uninstall"])
@pytest.mark.parametrize("moment", ["before central.ledger record", "after central.ledger open_run"])
def test_rows_by_themselves_are_told_to_be_in_doubt_and_written_again(
    ops: Ops, acme: Company, server: Server, maintenance: psycopg.Connection, verb: str, moment: str
) -> None:
    plugin = "Ecreee E-Tender"
    expected = {"install": [(27, 1)], "disable": [(27, 0)], "uninstall": []}[verb]
    if verb != "install":
        ops.install_plugin(acme.id, plugin)
    run = killed(ops, maintenance, verb, plugin, moment)
    getattr(ops, f"{verb}_plugin")(acme.id, plugin)
    assert rows(server, acme)[0] == expected
    (told,) = ops.run(run or 0).outcomes
    assert told.status is Status.FAILED
    assert told.failure is not None
    assert told.failure.kind == "Killed"
    assert "rows" in told.failure.message


def test_tables_whose_rows_were_not_written_any_more_are_told_and_completed(
    heat_pump: Path,
    ops: Ops,
    acme: Company,
    server: Server,
    maintenance: psycopg.Connection,
) -> None:
    end_outside_a_transaction(heat_pump)
    ops.forget_revisions()
    site = os.pathsep.join([str(heat_pump.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    run = killed(ops, maintenance, "install", "AcmeHeatPump", "after companies.plugins apply", PYTHONPATH=site)
    assert standing(ops, acme, "AcmeHeatPump").state == "unfinished"
    assert [one.kind for one in ops.audit()] == [AuditKind.NO_PLUGIN_ROW]
    assert only(ops.install_plugin(acme.id, "AcmeHeatPump")) is Status.DONE
    assert ask(server, acme, "SELECT every FROM acme_settings") == [(5,)]
    (told,) = ops.run(run or 0).outcomes
    assert (told.status, told.failure and told.failure.kind) == (Status.FAILED, "Killed")
    assert ops.audit() == []


@pytest.mark.parametrize("again", ["refresh_tenant", "fresh_tenant"])
def test_a_killed_refresh_is_done_again_with_the_plugins_that_were_there(
    ops: Ops, acme: Company, server: Server, dsn: str, maintenance: psycopg.Connection, again: str
) -> None:
    ops.install_plugin(acme.id, "SparkMeter")
    ops.install_plugin(acme.id, "Ecreee E-Tender")
    ops.disable_plugin(acme.id, "SparkMeter")
    before = everything(server, acme)
    runs = {one.id for one in ops.runs()}
    with held(server, acme, "SELECT count(*) FROM tickets"):
        process = start_runner(ops.settings, dsn, "refresh_tenant")
        try:
            wait_until(lambda: waiting(maintenance, acme))
        finally:
            process.kill()
            process.communicate()
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        for (pid,) in maintenance.execute(query, [acme.database]).fetchall():
            maintenance.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    run = left(ops, maintenance, runs)
    assert "plugins" not in tables(server, acme)
    assert only(getattr(ops, again)()) is Status.DONE
    assert everything(server, acme) == before
    (told,) = ops.run(run or 0).outcomes
    assert (told.status, told.failure and told.failure.kind) == (Status.FAILED, "Killed")
    assert ops.audit() == []
