"""Bad things that happen to a fleet run, on a real server: nobody lost from the account, nobody stamped wrong."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import ValidationError

from mpm_ops import Company, Hooks, Ops, Policy, Settings
from mpm_ops.central import ledger
from mpm_ops.errors import RevisionError, UsageError
from mpm_ops.postgres import databases, locks
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import LOCK
from tests.conftest import PREFIX
from tests.integration.test_migrations import Register, core_head, own_revision, truth

ADD_X = ("op.add_column('people', sa.Column('x', sa.Text()))", "op.drop_column('people', 'x')")
FAST = Policy(workers=4, attempts=2, backoff=0.01, lock_timeout=300)


@contextmanager
def held(server: Server, company: Company, statement: str) -> Iterator[psycopg.Connection]:
    """Hold what `statement` locks for a block."""
    with server.connect(company.database) as other, other.transaction():
        other.execute(statement.encode())
        yield other


def statuses(report: object) -> str:
    return "".join(outcome.status.value[0] for outcome in report.outcomes)  # type: ignore[attr-defined]  # a report


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
    assert [one.revision for one in ops.history(fleet[2].id)[:-1]] == ["o1"]
    with server.connect(fleet[2].database) as tenant:
        tenant.execute("DELETE FROM people")
    again = ops.migrate_tenant(policy=FAST)
    assert statuses(again) == "ssds"
    assert [one.revision for one in ops.history(fleet[2].id)[:-1]] == ["o3", "o2", "o1"]
    assert [one.run_id for one in ops.history(fleet[2].id)[:-1]] == [again.run_id, again.run_id, report.run_id]


def test_one_transaction_is_all_or_none(ops: Ops, settings: Settings, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.execute('SELECT 1/0')")
    report = ops.migrate_tenant(policy=FAST.model_copy(update={"one_transaction": True}))
    assert statuses(report) == "ffff"
    assert {outcome.after for outcome in report.outcomes} == {(core_head(),)}
    assert {outcome.failure.revision for outcome in report.outcomes if outcome.failure} == {"o2"}
    assert truth(server, fleet[0]) == ((core_head(),), (core_head(),))


@pytest.mark.parametrize("text", ["def upgrade(:", "import nothing_like_this", "def upgrade(): op.no_such_thing()"])
def test_a_revision_that_is_no_program_touches_nobody(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, text: str
) -> None:
    revise(ops, "o1", None, *ADD_X)
    path = next(settings.own_tenant_migrations.glob("*o1.py"))
    good = path.read_text()
    path.write_text(f"{good}\n{text}\n")
    ops.forget_revisions()
    with pytest.raises(RevisionError, match=path.name):
        ops.migrate_tenant(policy=FAST)
    assert ops.runs() == []
    assert {truth(server, company) for company in fleet} == {((core_head(),), (core_head(),))}
    path.write_text(good)
    ops.forget_revisions()
    assert statuses(ops.migrate_tenant(policy=FAST)) == "dddd"


def test_a_typo_in_sql_is_one_cause(ops: Ops, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.execute('ALTER TABEL people ADD COLUMN y text')")
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "ffff"
    (cause,) = report.causes
    assert (cause.sqlstate, cause.revision, list(cause.company_ids)) == ("42601", "o2", [one.id for one in fleet])
    assert "ALTER TABEL people" in cause.statement
    assert {one.attempts for one in report.outcomes} == {1}
    assert {truth(server, company) for company in fleet} == {(("o1",), ("o1",))}
    revise(ops, "o2", "o1", "op.execute('ALTER TABLE people ADD COLUMN y text')")
    again = ops.resume_run(report.run_id or 0)
    assert statuses(again) == "dddd"
    assert again.notes == []  # nobody has what was wrong with it


def test_a_table_that_somebody_made_by_hand_is_in_the_way_there_only(
    ops: Ops, fleet: list[Company], server: Server
) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.create_table('notes', sa.Column('id', sa.BigInteger(), primary_key=True))")
    with server.connect(fleet[2].database) as tenant:
        tenant.execute("CREATE TABLE notes (mine text)")
        tenant.execute("INSERT INTO notes VALUES ('kept')")
        report = ops.migrate_tenant(policy=FAST)
        assert statuses(report) == "ddfd"
        failure = report.failed[0].failure
        assert failure is not None
        assert (failure.sqlstate, failure.revision) == ("42P07", "o2")
        assert truth(server, fleet[2]) == (("o1",), ("o1",))
        assert ("added", "notes") in [(one.change, one.name) for found in ops.drift() for one in found.differences]
        tenant.execute("ALTER TABLE notes RENAME TO my_notes")
        assert statuses(ops.migrate_tenant(policy=FAST)) == "ssds"
        assert tenant.execute("SELECT mine FROM my_notes").fetchall() == [("kept",)]
    assert {truth(server, company) for company in fleet} == {(("o2",), ("o2",))}


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
    stamps = databases.stamps(maintenance, f"{PREFIX}company_")
    assert {stamps[company.database] for company in fleet[2:]} == {(core_head(),)}
    assert truth(server, fleet[2]) == ((core_head(),), (core_head(),))
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
        assert failure.message == "preflight, long names: 3 rows"
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


@pytest.mark.parametrize("given", [{"gate": "SELECT 1"}, {"soak": 1}])
def test_a_gate_that_would_never_be_asked_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs a canary or waves"):
        Policy(**given)


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


HALF = """op.add_column('people', sa.Column('z', sa.Text()))
    with op.get_context().autocommit_block():
        op.execute('CREATE INDEX CONCURRENTLY by_z ON people (z)')
        op.execute('CREATE UNIQUE INDEX CONCURRENTLY one_name ON people (name)')
    op.add_column('people', sa.Column('last', sa.Text()))"""


def test_a_revision_that_stops_half_way_is_taken_up_where_it_stopped(
    ops: Ops, fleet: list[Company], server: Server
) -> None:
    revise(ops, "o1", None, HALF)
    with server.connect(fleet[1].database) as tenant:
        tenant.execute("INSERT INTO people (name, surname) VALUES ('a', 'x'), ('a', 'x')")
        for _ in range(2):
            report = ops.migrate_tenant(policy=FAST)
            assert [one.failure.sqlstate for one in report.failed if one.failure] == ["23505"]
        tenant.execute("DELETE FROM people")
        assert statuses(ops.migrate_tenant(policy=FAST)) == "sdss"
        assert truth(server, fleet[1]) == (("o1",), ("o1",))
        row = tenant.execute("SELECT obj_description('alembic_version'::regclass, 'pg_class')").fetchone()
        assert row == (None,)
    assert all(one.clean for one in ops.drift())


def test_what_a_half_done_revision_left_is_not_believed_after_the_database_moved(
    ops: Ops, fleet: list[Company], server: Server
) -> None:
    revise(ops, "o1", None, HALF)
    with server.connect(fleet[1].database) as tenant:
        tenant.execute("INSERT INTO people (name, surname) VALUES ('a', 'x'), ('a', 'x')")
        assert statuses(ops.migrate_tenant(policy=FAST)) == "dfdd"
        # All tables are dropped and made again: what was done of the revision is gone with them.
        assert statuses(ops.refresh_tenant([fleet[1].id], policy=FAST)) == "d"
        tenant.execute("SELECT z, last FROM people")
    assert truth(server, fleet[1]) == (("o1",), ("o1",))
    assert all(one.clean for one in ops.drift([fleet[1].id]))


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
            told = ops.run(ops.runs()[0].id)
            assert told.seconds > 0
            assert re.fullmatch(r"run 1, migrate-tenant: 4 to come of 4 companies in \d+\.\d s; paused", str(told))
            ops.pause_run(ops.runs()[0].id, paused=False)

    hooks = Hooks(on_start=lambda _: ops.pause_run(ops.runs()[0].id), on_note=on_note)
    with Ops(settings) as other:
        report = other.migrate_tenant(policy=FAST, hooks=hooks)
    assert statuses(report) == "dddd"
    assert notes == ["paused: no further company is begun", "resumed"]
    with pytest.raises(UsageError, match="is finished"):
        ops.pause_run(report.run_id or 0)


def test_too_few_connections_slow_a_run_down_and_fail_nobody(
    ops: Ops, settings: Settings, fleet: list[Company], monkeypatch: pytest.MonkeyPatch
) -> None:
    revise(ops, "o1", None, *ADD_X)
    monkeypatch.setattr("mpm_ops.postgres.sessions.free", lambda _: 0)
    assert statuses(ops.migrate_tenant(policy=FAST)) == "dddd"


def test_a_busy_company_is_told_and_taken_up_by_resume(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server
) -> None:
    revise(ops, "o1", None, *ADD_X)
    with server.connect(fleet[3].database) as other, locks.try_lock(other, LOCK):
        report = ops.migrate_tenant(policy=FAST)
    assert (statuses(report), report.ended, report.ok) == ("dddb", "finished", False)
    assert statuses(ops.resume_run(report.run_id or 0)) == "d"
    assert ledger.lock_key(3) == "run 3"
