"""Bad things that happen to a fleet run, on a real server: nobody lost from the account, nobody stamped wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from mpm_ops import Company, Hooks, Ops, Policy, Settings, Status
from mpm_ops.central import ledger
from mpm_ops.errors import Busy, UnknownRun, UsageError
from mpm_ops.postgres import databases, locks
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import LOCK
from tests.integration.test_migrations import Register, core_head, own_revision, truth

ADD_X = ("op.add_column('people', sa.Column('x', sa.Text()))", "op.drop_column('people', 'x')")
FAST = Policy(workers=4, attempts=2, backoff=0.01, lock_timeout=300)


@pytest.fixture
def fleet(register: Register) -> list[Company]:
    return [register(f"Company {n}") for n in range(4)]


@contextmanager
def held(server: Server, company: Company, statement: str) -> Iterator[psycopg.Connection]:
    """Hold what `statement` locks for a block."""
    with server.connect(company.database) as other, other.transaction():
        other.execute(statement.encode())
        yield other


def statuses(report: object) -> str:
    return "".join(outcome.status.value[0] for outcome in report.outcomes)  # type: ignore[attr-defined]


def revise(ops: Ops, name: str, down: str | None, up: str, down_sql: str = "pass") -> None:
    """Write a revision of the installation's own."""
    own_revision(ops.settings, name, down, up, down_sql)
    ops.forget_revisions()


def column(ops: Ops, name: str, down: str | None) -> None:
    """Write a revision that adds a column of its own name."""
    up = f"op.add_column('people', sa.Column('{name}', sa.Text()))"
    revise(ops, name, down, up, f"op.drop_column('people', '{name}')")


def test_the_blocker_is_named_when_a_lock_is_given_up(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    revise(ops, "o1", None, *ADD_X)
    with held(server, fleet[1], "SELECT 1 FROM people /* a long report */") as other:
        report = ops.migrate_tenant(policy=FAST)
        pid = other.info.backend_pid
    assert statuses(report) == "dfdd"
    failure = report.failed[0].failure
    assert failure is not None
    assert (failure.sqlstate, failure.revision) == ("55P03", "o1")
    assert "ALTER TABLE people ADD COLUMN x" in failure.statement
    assert f"pid {pid}, " in failure.blocker
    assert "a long report" in failure.blocker
    assert report.failed[0].attempts == 2
    assert truth(server, fleet[1]) == ((core_head(),), (core_head(),))
    assert statuses(ops.resume_run(report.run_id or 0)) == "d"
    assert truth(server, fleet[1]) == (("o1",), ("o1",))


def test_a_failure_leaves_the_last_finished_revision_and_a_rerun_finishes(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.create_check_constraint('short', 'people', 'length(name) < 20')")
    column(ops, "o3", "o2")
    with server.connect(fleet[2].database) as tenant:
        tenant.execute("INSERT INTO people (name, surname) VALUES (repeat('n', 30), 'x')")
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "ddfd"
    failed = report.failed[0]
    assert failed.failure is not None
    assert (failed.failure.revision, failed.failure.sqlstate) == ("o2", "23514")
    assert (failed.before, failed.after) == ((core_head(),), ("o1",))
    assert truth(server, fleet[2]) == (("o1",), ("o1",))
    assert [one.revision for one in ops.history(fleet[2].id)] == ["o1"]
    with server.connect(fleet[2].database) as tenant:
        tenant.execute("DELETE FROM people")
    again = ops.migrate_tenant(policy=FAST)
    assert statuses(again) == "ssds"
    assert [one.revision for one in ops.history(fleet[2].id)] == ["o3", "o2", "o1"]
    assert [one.run_id for one in ops.history(fleet[2].id)] == [again.run_id, again.run_id, report.run_id]


def test_one_transaction_is_all_or_none(ops: Ops, settings: Settings, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.execute('SELECT 1/0')")
    report = ops.migrate_tenant(policy=FAST.model_copy(update={"one_transaction": True}))
    assert statuses(report) == "ffff"
    assert {outcome.after for outcome in report.outcomes} == {(core_head(),)}
    assert {outcome.failure.revision for outcome in report.outcomes if outcome.failure} == {"o2"}
    assert truth(server, fleet[0]) == ((core_head(),), (core_head(),))


def test_thirty_failures_of_two_kinds_are_two_causes(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    revise(ops, "o1", None, "op.create_check_constraint('short', 'people', 'length(name) < 20')")
    for company in fleet[:2]:
        with server.connect(company.database) as tenant:
            tenant.execute("INSERT INTO people (name, surname) VALUES (repeat('n', 30), 'x')")
    with server.connect(fleet[3].database) as tenant:
        tenant.execute("ALTER TABLE people RENAME COLUMN name TO first_name")
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "ffdf"
    assert [(cause.sqlstate, cause.company_ids) for cause in report.causes] == [
        ("23514", [fleet[0].id, fleet[1].id]),
        ("42703", [fleet[3].id]),
    ]


def test_dropped_renamed_shut_and_full_databases_are_accounted_for(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    revise(ops, "o1", None, *ADD_X)
    names = [sql.Identifier(company.database) for company in fleet]
    databases.drop(maintenance, fleet[0].database)
    databases.rename(maintenance, fleet[1].database, f"{fleet[1].database}_away")
    maintenance.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(names[2]))
    maintenance.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(names[3]))
    if maintenance.info.parameter_status("is_superuser") == "on":
        # A superuser is not held to the limit.
        maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(names[3]))
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "ffff"
    reasons = [outcome.failure.message for outcome in report.failed if outcome.failure]
    assert "does not exist" in reasons[0]
    assert "does not exist" in reasons[1]
    assert "read-only transaction" in reasons[2]
    assert "connection" in reasons[3]
    maintenance.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(names[2]))
    maintenance.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1 ALLOW_CONNECTIONS true").format(names[3]))
    databases.rename(maintenance, f"{fleet[1].database}_away", fleet[1].database)
    assert statuses(ops.migrate_tenant(policy=FAST, create_missing=True)) == "sddd"
    assert {truth(server, company) for company in fleet} == {(("o1",), ("o1",))}


def test_an_edited_revision_is_told(ops: Ops, settings: Settings, fleet: list[Company]) -> None:
    revise(ops, "o1", None, *ADD_X)
    assert not ops.migrate_tenant([fleet[0].id]).notes
    revise(ops, "o1", None, ADD_X[0].replace("Text", "Integer"), ADD_X[1])
    report = ops.migrate_tenant()
    assert statuses(report) == "sddd"
    assert "revision o1 was edited" in report.notes[0]


def test_two_runners_at_once_do_the_work_once(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    for number in range(1, 6):
        column(ops, f"o{number}", f"o{number - 1}" if number > 1 else None)
    reports: list[object] = []

    def migrate() -> None:
        with Ops(settings) as other:
            reports.append(other.migrate_tenant(policy=FAST))

    runners = [threading.Thread(target=migrate) for _ in range(2)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    for pair in zip(*(statuses(report) for report in reports), strict=True):
        assert sorted(pair) in (["b", "d"], ["d", "s"])
    assert {truth(server, company) for company in fleet} == {(("o5",), ("o5",))}


def test_a_dry_run_prints_what_would_be_and_changes_nothing(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    revise(ops, "o1", None, *ADD_X)
    ops.migrate_tenant([fleet[0].id])
    found = ops.dry_run()
    assert [(plan.after, len(plan.companies)) for plan in found.plans] == [(("o1",), 3)]
    assert "ALTER TABLE people ADD COLUMN x TEXT" in found.plans[0].sql
    assert found.others == {str(fleet[0]): "nothing to migrate"}
    assert truth(server, fleet[1]) == ((core_head(),), (core_head(),))


PREFLIGHT = '\npreflight = {"long names": "SELECT 1 FROM people WHERE length(name) >= 20"}\n'


@pytest.mark.parametrize(("mode", "expected"), [("stop", "ufuu"), ("skip", "dfdd"), ("off", "dfdd")])
def test_preflight_asks_everybody_before_the_first(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, mode: str, expected: str
) -> None:
    revise(ops, "o1", None, "op.create_check_constraint('short', 'people', 'length(name) < 20')")
    path = next(settings.own_tenant_migrations.glob("*o1.py"))
    path.write_text(path.read_text() + PREFLIGHT)
    ops.forget_revisions()
    with server.connect(fleet[1].database) as tenant:
        tenant.execute("INSERT INTO people (name, surname) SELECT repeat('n', 30), 'x' FROM generate_series(1, 3)")
    report = ops.migrate_tenant(policy=Policy.model_validate({"preflight": mode}))
    assert statuses(report) == expected
    failure = report.failed[0].failure
    assert failure is not None
    assert failure.revision == "o1"
    if mode != "off":
        assert "long names: 3 rows" in failure.message
    assert report.ended == ("halted" if mode == "stop" else "finished")


def test_the_gate_is_asked_in_the_companies_just_done(ops: Ops, settings: Settings, fleet: list[Company]) -> None:
    revise(ops, "o1", None, *ADD_X)
    shut = Policy(canary="1", gate="SELECT 1 FROM countries LIMIT 2")
    report = ops.migrate_tenant(policy=shut)
    assert statuses(report) == "duuu"
    assert (report.ended, report.reason) == ("halted", f"the gate after the canary is closed: {fleet[0]} has 2 rows")
    assert ops.run(report.run_id or 0).ended == "halted"
    wrong = ops.migrate_tenant(policy=Policy(canary="1", gate="SELECT 1; DELETE FROM countries"))
    assert statuses(wrong) == "sduu"
    assert "an error" in wrong.reason
    good = Policy(canary="1", wave="1", gate="SELECT x FROM people WHERE x IS NOT NULL")
    assert statuses(ops.migrate_tenant(policy=good)) == "ssdd"


LIVE = """with op.get_context().begin_transaction():
        bind = op.get_bind()
        for (id_,) in bind.execute(sa.text('SELECT id FROM countries ORDER BY id')).fetchall():
            bind.execute(sa.text('UPDATE countries SET country_name = :n WHERE id = :i'), dict(n=f'C{id_}', i=id_))"""


def test_a_live_revision_reads_rows_in_a_process_of_its_own(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    revise(ops, "o1", None, LIVE)
    column(ops, "o2", "o1")
    path = next(settings.own_tenant_migrations.glob("*o1.py"))
    path.write_text(path.read_text() + "\nlive = True\n")
    ops.forget_revisions()
    with server.connect(fleet[1].database) as tenant:
        tenant.execute("ALTER TABLE countries RENAME TO lands")
    assert "live" in ops.dry_run().plans[0].sql
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "dfdd"
    failure = report.failed[0].failure
    assert failure is not None
    assert (failure.sqlstate, failure.revision) == ("42P01", "o1")
    assert "FROM countries" in failure.statement
    assert truth(server, fleet[1]) == ((core_head(),), (core_head(),))
    assert truth(server, fleet[0]) == (("o2",), ("o2",))
    with server.connect(fleet[0].database) as tenant:
        row = tenant.execute("SELECT count(*) FROM countries WHERE country_name = 'C' || id").fetchone()
        assert row is not None
        assert row[0] > 0


def test_a_run_is_undone_exactly(ops: Ops, settings: Settings, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    ops.migrate_tenant([fleet[0].id])
    column(ops, "o2", "o1")
    second = ops.migrate_tenant([fleet[0].id, fleet[1].id])
    undone = ops.rollback_run(second.run_id or 0)
    assert [(one.company_id, one.after) for one in undone.outcomes] == [
        (fleet[0].id, ("o1",)),
        (fleet[1].id, (core_head(),)),
    ]
    assert statuses(ops.rollback_run(second.run_id or 0)) == "ss"
    with pytest.raises(UnknownRun):
        ops.rollback_run(10_000)


def test_a_run_is_not_undone_under_a_later_one(ops: Ops, settings: Settings, fleet: list[Company]) -> None:
    column(ops, "o1", None)
    first = ops.migrate_tenant([fleet[0].id])
    column(ops, "o2", "o1")
    ops.migrate_tenant([fleet[0].id])
    undone = ops.rollback_run(first.run_id or 0)
    assert statuses(undone) == "f"
    assert "Undo the later runs first" in undone.failed[0].why


def test_skip_and_match_leave_out(ops: Ops, fleet: list[Company], register: Register) -> None:
    sunny = register("Sunny Grid", plugins=[1])
    names = [plugin.name for plugin in ops.list_plugins() if plugin.id == 1]
    for policy, ids in (
        (Policy(skip=(fleet[0].id, "Company 1"), match=("company*",)), [fleet[2].id, fleet[3].id]),
        (Policy(match=(f"plugin={names[0]}",)), [sunny.id]),
        (Policy(match=("sunny*", "name=*grid")), [sunny.id]),
    ):
        assert [one.company_id for one in ops.migrate_tenant(policy=policy).outcomes] == ids
    with pytest.raises(UsageError):
        ops.migrate_tenant(policy=Policy(match=("planet=mars",)))


def test_a_run_is_paused_from_elsewhere(ops: Ops, settings: Settings, fleet: list[Company]) -> None:
    revise(ops, "o1", None, *ADD_X)
    notes: list[str] = []

    def on_note(note: str) -> None:
        notes.append(note)
        if note.startswith("paused"):
            assert ops.runs()[0].state == "paused"
            ops.pause_run(ops.runs()[0].id, paused=False)

    hooks = Hooks(on_start=lambda _: ops.pause_run(ops.runs()[0].id), on_note=on_note)
    with Ops(settings) as other:
        report = other.migrate_tenant(policy=FAST, hooks=hooks)
    assert statuses(report) == "dddd"
    assert notes == ["paused: no further company is begun", "resumed"]
    with pytest.raises(UsageError, match="is finished"):
        ops.pause_run(report.run_id or 0)


CHILD = """
import sys
from mpm_ops import Ops, Policy, Settings
from pydantic import SecretStr
settings = Settings.model_validate_json(sys.argv[1]).model_copy(update={"database_url": SecretStr(sys.stdin.read())})
with Ops(settings) as ops:
    report = ops.migrate_tenant(policy=Policy(workers=1, lock_timeout=0))
print(report.ended, "".join(one.status.value[0] for one in report.outcomes))
"""


def start(settings: Settings, dsn: str) -> subprocess.Popen[str]:
    """A runner in a process of its own."""
    argument = settings.model_dump_json(exclude={"database_url"})
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job may ignore Ctrl-C, and its children with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
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
        assert [one.revision for one in ops.history(company.id)] == ["o2", "o1"]


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


def test_too_few_connections_slow_a_run_down_and_fail_nobody(
    ops: Ops, settings: Settings, fleet: list[Company], monkeypatch: pytest.MonkeyPatch
) -> None:
    revise(ops, "o1", None, *ADD_X)
    monkeypatch.setattr("mpm_ops.postgres.sessions.free", lambda _: 0)
    assert statuses(ops.migrate_tenant(policy=FAST)) == "dddd"


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


def test_a_busy_company_is_told_and_taken_up_by_resume(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    revise(ops, "o1", None, *ADD_X)
    with server.connect(fleet[3].database) as other, locks.try_lock(other, LOCK):
        report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "dddb"
    assert statuses(ops.resume_run(report.run_id or 0)) == "d"
    assert ledger.lock_key(3) == "run 3"


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
    assert [one.revision for one in ops.history(fleet[0].id)] == ["o3", "o2", "o1"]
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
