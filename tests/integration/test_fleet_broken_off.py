"""Fleet runs that break off: a runner killed or interrupted, a connection lost, an index half built."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from mpm_ops import Company, Hooks, Ops, Settings, Status
from mpm_ops.central import ledger
from mpm_ops.errors import Busy
from mpm_ops.postgres import sessions
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX
from tests.integration.test_fleet import ADD_X, FAST, column, held, revise, statuses
from tests.integration.test_migrations import Register, core_head, truth

#: Minutes of killed processes, stopped servers and copies: `make test-slow`.
pytestmark = pytest.mark.slow

CHILD = """
import sys
from mpm_ops import Ops, Policy, Settings
from pydantic import SecretStr

if __name__ == "__main__":  # live revisions run in processes that import this anew
    url = {"database_url": SecretStr(sys.stdin.read())}
    with Ops(Settings.model_validate_json(sys.argv[1]).model_copy(update=url)) as ops:
        report = getattr(ops, sys.argv[2])(policy=Policy(workers=1, lock_timeout=0))
    print(report.ended, "".join(one.status.value[0] for one in report.outcomes))
"""


def start(
    settings: Settings, dsn: str, verb: str = "migrate_tenant", *, script: Path | None = None
) -> subprocess.Popen[str]:
    """A runner in a process of its own."""
    argument = settings.model_dump_json(exclude={"database_url"})
    process = subprocess.Popen(
        [sys.executable, *([str(script)] if script else ["-c", CHILD]), argument, verb],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job may ignore Ctrl-C, and its children with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        process_group=0,
    )
    assert process.stdin is not None
    process.stdin.write(dsn)
    process.stdin.close()
    process.stdin = None
    return process


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def waiting(maintenance: psycopg.Connection, company: Company) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    return maintenance.execute(query, [company.database]).fetchone() == (1,)


def at_work(maintenance: psycopg.Connection, run_id: int) -> bool:
    """Whether a session of the run is still there, with its process or without."""
    return sessions.count(maintenance, ledger.application(PREFIX, run_id)) > 0


def test_a_killed_runner_is_seen_and_its_run_finished(
    ops: Ops,
    settings: Settings,
    fleet: list[Company],
    server: Server,
    dsn: str,
    maintenance: psycopg.Connection,
) -> None:
    column(ops, "o1", None)
    column(ops, "o2", "o1")
    with held(server, fleet[1], "LOCK TABLE people"):
        process = start(settings, dsn)
        wait_until(lambda: waiting(maintenance, fleet[1]))
        assert ops.runs()[0].state == "running"
        with pytest.raises(Busy):
            ops.resume_run(ops.runs()[0].id)
        process.kill()
        process.communicate()
        wait_until(lambda: ops.runs()[0].state == "abandoned")
        waiters = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        for (pid,) in maintenance.execute(waiters, [fleet[1].database]):
            maintenance.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    run = ops.runs()[0].id
    report = ops.resume_run(run)
    assert {truth(server, company) for company in fleet} == {(("o2",), ("o2",))}
    assert ops.runs()[0].resumes == run
    both = [*ops.run(run).outcomes, *report.outcomes]
    assert {one.company_id for one in both if one.status is Status.DONE} == {company.id for company in fleet}
    assert ops.run(run).ended == "interrupted"
    for company in fleet:
        assert [one.revision for one in ops.history(company.id)[:-1]] == ["o2", "o1"]


def test_what_a_killed_run_did_is_told_by_the_next_run(
    ops: Ops,
    settings: Settings,
    fleet: list[Company],
    server: Server,
    dsn: str,
    maintenance: psycopg.Connection,
) -> None:
    # Nothing with a masked view: the server breaks off when it has a notice to send, and nobody is there.
    for name, down in (("o1", None), ("o2", "o1")):
        revise(ops, name, down, f"op.add_column('meters', sa.Column('{name}', sa.Text()))")
    with held(server, fleet[1], "LOCK TABLE meters"):
        process = start(settings, dsn)
        wait_until(lambda: waiting(maintenance, fleet[1]))
        process.kill()
        process.communicate()
        wait_until(lambda: ops.runs()[0].state == "abandoned")
        killed = ops.runs()[0].id
        # The server has not noticed, and goes on in that company: neither may be taken for done or undone.
        others = ops.migrate_tenant(policy=FAST)
        assert others.outcomes[1].status is Status.BUSY
        assert ops.run(killed).ended == "abandoned"
        for verb in (ops.resume_run, ops.rollback_run):
            with pytest.raises(Busy, match="a server is still at work for it"):
                verb(killed)
        assert ops.run(killed).ended == "abandoned"
    wait_until(lambda: not at_work(maintenance, killed))
    again = ops.migrate_tenant(policy=FAST)
    assert again.ok
    assert again.notes == [f"run {killed} was killed; its account is now what the databases say"]
    assert {truth(server, company) for company in fleet} == {(("o2",), ("o2",))}
    assert ops.run(killed).ended == "interrupted"
    told = ops.run(killed).outcomes[1]
    assert (told.status, told.before, told.after) == (Status.DONE, (core_head(),), ("o2",))
    # Each revision once, by the run that applied it.
    for company, outcome in zip(fleet, ops.run(killed).outcomes, strict=True):
        by = killed if outcome.status is Status.DONE else others.run_id
        assert [(one.revision, one.run_id) for one in ops.history(company.id)[:-1]] == [("o2", by), ("o1", by)]
    assert statuses(ops.resume_run(killed)) == "s" * ops.run(killed).counts[Status.UNTOUCHED]


INDEX = """with op.get_context().autocommit_block():
        op.execute('{} INDEX CONCURRENTLY one_name{}')"""


@pytest.mark.parametrize(
    ("verb", "lock"),
    [("migrate_tenant", "LOCK TABLE people IN ROW EXCLUSIVE MODE"), ("rollback_tenant", "SELECT 1 FROM people")],
)
def test_an_index_that_the_server_went_on_with_after_its_runner_was_killed(
    ops: Ops,
    settings: Settings,
    register: Register,
    server: Server,
    dsn: str,
    maintenance: psycopg.Connection,
    verb: str,
    lock: str,
) -> None:
    company = register()
    revise(ops, "o1", None, INDEX.format("CREATE", " ON people (name)"), INDEX.format("DROP", ""))
    if verb == "rollback_tenant":
        assert ops.migrate_tenant().ok
    before = truth(server, company)
    with held(server, company, lock):
        process = start(settings, dsn, verb)
        wait_until(lambda: waiting(maintenance, company))
        process.kill()
        process.communicate()
    wait_until(lambda: ops.runs()[0].state == "abandoned" and not at_work(maintenance, ops.runs()[0].id))
    # The index is there, or gone; the revision says otherwise.
    assert truth(server, company) == before
    assert not ops.drift()[0].clean
    assert statuses(getattr(ops, verb)()) == "d"
    head = ("o1",) if verb == "migrate_tenant" else (core_head(),)
    assert truth(server, company) == (head, head)
    assert ops.drift()[0].clean


def test_a_hand_made_index_of_that_name_is_not_taken_away(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    revise(ops, "o1", None, INDEX.format("CREATE", " ON people (name)"))
    with server.connect(company.database) as tenant:
        tenant.execute("CREATE INDEX one_name ON people (surname)")
        for _ in range(2):
            report = ops.migrate_tenant(policy=FAST)
            assert [(one.failure.sqlstate, one.attempts) for one in report.failed if one.failure] == [("42P07", 1)]
        tenant.execute("DROP INDEX one_name")
    assert statuses(ops.migrate_tenant(policy=FAST)) == "d"


def test_an_index_does_not_wait_for_ever(ops: Ops, fleet: list[Company], server: Server) -> None:
    revise(ops, "o1", None, INDEX.format("CREATE", " ON people (name)"))
    with held(server, fleet[1], "LOCK TABLE people IN ROW EXCLUSIVE MODE") as other:
        report = ops.migrate_tenant(policy=FAST.model_copy(update={"lock_timeout": 20}))
        pid = other.info.backend_pid
    assert statuses(report) == "dfdd"
    failure = report.failed[0].failure
    assert failure is not None
    assert (failure.sqlstate, failure.revision) == ("55P03", "o1")
    assert f"pid {pid}, " in failure.blocker
    assert statuses(ops.resume_run(report.run_id or 0)) == "d"
    assert {truth(server, company) for company in fleet} == {(("o1",), ("o1",))}
    assert all(one.clean for one in ops.drift())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_lets_the_running_finish_and_a_second_cancels(
    ops: Ops,
    settings: Settings,
    fleet: list[Company],
    server: Server,
    dsn: str,
    maintenance: psycopg.Connection,
    number: signal.Signals,
) -> None:
    revise(ops, "o1", None, *ADD_X)
    with held(server, fleet[0], "LOCK TABLE people"):
        process = start(settings, dsn)
        busiest = fleet[0]
        wait_until(lambda: any(waiting(maintenance, company) for company in fleet))
        os.kill(process.pid, number)
        time.sleep(1.2)
        assert process.poll() is None
        assert waiting(maintenance, busiest)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=30)
    assert err == ""
    ended, found = out.split()
    assert ended == "interrupted"
    assert found.count("f") == 1
    assert set(found) <= set("fdu")
    assert truth(server, fleet[0]) == ((core_head(),), (core_head(),))
    assert statuses(ops.resume_run(ops.runs()[0].id)) == "d" * (4 - found.count("d"))


def live(ops: Ops, up: str) -> None:
    """Write a revision that goes through Alembic in a process of its own."""
    revise(ops, "o1", None, up)
    path = next(ops.settings.own_tenant_migrations.glob("*o1.py"))
    path.write_text(path.read_text() + "\nlive = True\n")
    ops.forget_revisions()


def test_ctrl_c_in_a_terminal_lets_a_live_revision_finish(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, dsn: str, maintenance: psycopg.Connection
) -> None:
    live(ops, "op.execute('UPDATE countries SET country_name = country_name')")
    with held(server, fleet[0], "LOCK TABLE countries"):
        process = start(settings, dsn)
        wait_until(lambda: waiting(maintenance, fleet[0]))
        os.killpg(process.pid, signal.SIGINT)  # a terminal's goes to the processes of the live steps too
        time.sleep(1)
        assert process.poll() is None
    out, err = process.communicate(timeout=30)
    assert err == ""
    ended, found = out.split()
    assert (ended, set(found)) == ("interrupted", {"d", "u"})
    assert truth(server, fleet[0]) == (("o1",), ("o1",))


SLOW_TO_START = (
    """
import pathlib, time
if __name__ == "__mp_main__":
    pathlib.Path({!r}).touch()
    time.sleep(1)
"""
    + CHILD
)


def test_ctrl_c_spares_a_process_that_is_still_starting(
    ops: Ops, settings: Settings, register: Register, server: Server, dsn: str, tmp_path: Path
) -> None:
    company = register()
    live(ops, "op.execute('SELECT 1')")
    script, starting = tmp_path / "child.py", tmp_path / "starting"
    script.write_text(SLOW_TO_START.replace("{!r}", repr(str(starting))))
    process = start(settings, dsn, script=script)
    wait_until(starting.exists)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (out.split()[1:], err) == (["d"], "")
    assert truth(server, company) == (("o1",), ("o1",))


def test_a_live_revision_ends_with_its_runner(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, dsn: str, maintenance: psycopg.Connection
) -> None:
    live(ops, "op.execute('UPDATE countries SET country_name = country_name')")
    with held(server, fleet[0], "LOCK TABLE countries"):
        process = start(settings, dsn)
        wait_until(lambda: waiting(maintenance, fleet[0]))
        process.kill()
        process.communicate()
        wait_until(lambda: not is_left(process.pid))
        wait_until(lambda: ops.runs()[0].state == "abandoned")
        # The server has not noticed, and nobody gets in beside it.
        assert waiting(maintenance, fleet[0])
        assert statuses(ops.migrate_tenant(policy=FAST)) == "bddd"
        with pytest.raises(Busy):
            ops.resume_run(1)
        assert statuses(ops.fresh_tenant([fleet[0].id])) == "b"
    wait_until(lambda: not at_work(maintenance, 1))
    assert truth(server, fleet[0]) == ((core_head(),), (core_head(),))
    assert statuses(ops.resume_run(1)) in ("d", "ds", "dss", "dsss")
    assert truth(server, fleet[0]) == (("o1",), ("o1",))


def is_left(group: int) -> bool:
    """Whether a process of the group is there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_live_revision_that_exits_fails_its_company(ops: Ops, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "__import__('sys').exit(7)")
    path = next(ops.settings.own_tenant_migrations.glob("*o2.py"))
    path.write_text(path.read_text() + "\nlive = True\n")
    ops.forget_revisions()
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "ffff"
    assert "SystemExit: 7" in report.failed[0].why
    assert {one.after for one in report.outcomes} == {("o1",)} == {truth(server, one)[0] for one in fleet}


def test_a_run_survives_the_loss_of_its_central_connection(
    ops: Ops, settings: Settings, fleet: list[Company], maintenance: psycopg.Connection
) -> None:
    revise(ops, "o1", None, *ADD_X)

    def on_start(_: object) -> None:
        maintenance.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [settings.central_database],
        )

    def on_outcome(_: object) -> None:
        on_start(None)

    report = ops.migrate_tenant(policy=FAST, hooks=Hooks(on_start=on_start, on_outcome=on_outcome))
    assert statuses(report) == "dddd"
    assert [one.status for one in ops.run(report.run_id or 0).outcomes] == [Status.DONE] * 4
    assert ops.runs()[0].state == "finished"


def test_an_index_that_broke_off_is_taken_away_and_built_again(ops: Ops, fleet: list[Company], server: Server) -> None:
    up = """with op.get_context().autocommit_block():
        op.execute('CREATE UNIQUE INDEX CONCURRENTLY one_name ON people (name)')"""
    revise(ops, "o1", None, up)
    with server.connect(fleet[0].database) as tenant:
        tenant.execute("INSERT INTO people (name, surname) VALUES ('a', 'x'), ('a', 'x')")
        assert statuses(ops.migrate_tenant(policy=FAST)) == "fddd"
        assert truth(server, fleet[0]) == ((core_head(),), (core_head(),))
        assert [found.found for one in ops.drift() for found in one.differences if "(invalid)" in found.found]
        tenant.execute("DELETE FROM people")
    assert statuses(ops.migrate_tenant(policy=FAST)) == "dsss"
    assert all(one.clean for one in ops.drift())


def test_what_an_attempt_did_before_its_connection_broke_counts_for_the_run(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    revise(ops, "o1", None, "op.execute('CREATE SEQUENCE tries')", "op.execute('DROP SEQUENCE tries')")
    # A sequence goes on after a rollback: only the first try ends its own session.
    first = "SELECT CASE WHEN nextval('tries') = 1 THEN pg_terminate_backend(pg_backend_pid()) END"
    revise(ops, "o2", "o1", f'op.execute("SET LOCAL ROLE NONE"); op.execute("{first}")')
    column(ops, "o3", "o2")
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "dddd", report.failed[0].why
    assert {(one.attempts, one.before, one.after) for one in report.outcomes} == {(2, (core_head(),), ("o3",))}
    assert [one.revision for one in ops.history(fleet[0].id)[:-1]] == ["o3", "o2", "o1"]
    assert statuses(ops.rollback_run(report.run_id or 0)) == "dddd"
    assert {truth(server, company) for company in fleet} == {((core_head(),), (core_head(),))}


def test_a_connection_that_broke_for_good_tells_how_far_it_got(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    column(ops, "o1", None)
    end = "SELECT pg_terminate_backend(pg_backend_pid())"
    revise(ops, "o2", "o1", f'op.execute("SET LOCAL ROLE NONE"); op.execute("{end}")')
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "ffff"
    assert {(one.before, one.after) for one in report.outcomes} == {((core_head(),), ("o1",))}
    assert {(one.failure.revision, one.attempts) for one in report.failed if one.failure} == {("o2", 2)}
    assert {truth(server, company) for company in fleet} == {(("o1",), ("o1",))}
