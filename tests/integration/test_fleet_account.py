"""The account of fleet runs: what the ledger says is what was done, whatever came between."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from psycopg import sql

from mpm_ops import Company, Hooks, Ops, Outcome, Policy, Settings, Status
from mpm_ops.errors import InvalidInput, UnknownRun, UsageError
from mpm_ops.postgres import databases, locks
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import LOCK
from tests.integration.test_fleet import ADD_X, FAST, PREFLIGHT, column, held, revise, statuses
from tests.integration.test_migrations import Register, core_head, own_revision, truth

NO_LONG_NAMES = "op.create_check_constraint('short', 'people', 'length(name) < 20')"


def plant(server: Server, company: Company, *, times: int = 1) -> None:
    """Insert people whose names are too long."""
    with server.connect(company.database) as tenant:
        query = "INSERT INTO people (name, surname) SELECT repeat('n', 30), 'x' FROM generate_series(1, %s)"
        tenant.execute(query, [times])


def assert_preflight(ops: Ops, name: str, line: str = PREFLIGHT) -> None:
    """Give a revision an assertion."""
    path = next(ops.settings.own_tenant_migrations.glob(f"*{name}.py"))
    path.write_text(path.read_text() + line)
    ops.forget_revisions()


def test_who_was_not_moved_is_where_the_plan_found_them(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.execute('SELECT 1/0')")
    shut = sql.Identifier(fleet[1].database)
    maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(shut))
    policy = FAST.model_copy(update={"workers": 1, "max_failures": "2", "canary": f"#{fleet[0].id} #{fleet[1].id}"})
    with server.connect(fleet[0].database) as other, locks.try_lock(other, LOCK):
        report = ops.migrate_tenant(policy=policy.model_copy(update={"one_transaction": True}))
    assert statuses(report) in ("bffu", "bfuf")
    assert {(one.before, one.after) for one in report.outcomes} == {((core_head(),), (core_head(),))}
    assert list(ops.run(report.run_id or 0).outcomes) == list(report.outcomes)


def test_the_ledger_keeps_when_each_company_came_out(ops: Ops, fleet: list[Company]) -> None:
    revise(ops, "o1", None, "op.execute('SELECT pg_sleep(0.3)')")
    report = ops.migrate_tenant(policy=FAST.model_copy(update={"workers": 1}))
    kept = ops.run(report.run_id or 0)
    for account in (report, kept):
        assert account.started_at is not None
        moments = sorted(one.finished_at for one in account.outcomes if one.finished_at)
        assert len(moments) == len(fleet)
        # One after the other; what the ledger takes together is of a moment.
        assert (moments[-1] - moments[0]).total_seconds() >= 0.3 * (len(fleet) - 1) - 0.25
        assert account.started_at <= moments[0]
    ops.migrate_tenant()
    (again, _) = ops.runs(limit=2)
    assert all(one.finished_at for one in ops.run(again.id).outcomes)


def test_a_history_begins_with_the_registration(ops: Ops, register: Register) -> None:
    company = register()
    (made,) = ops.history(company.id)
    assert (made.revision, made.direction) == (core_head(), "registered")
    assert (made.at, made.run_id) == (company.created_at, None)
    column(ops, "o1", None)
    ops.migrate_tenant()
    ops.fresh_tenant()
    told = [(one.revision, one.direction) for one in ops.history(company.id)]
    assert told == [("o1", "fresh"), ("o1", "upgrade"), (core_head(), "registered")]


def test_a_run_is_undone_exactly(ops: Ops, fleet: list[Company], server: Server) -> None:
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


@pytest.mark.parametrize("how", ["fresh", "created"])
def test_what_a_run_never_did_in_a_new_database_is_not_undone_there(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection, how: str
) -> None:
    column(ops, "o1", None)
    first = ops.migrate_tenant()
    if how == "fresh":
        ops.fresh_tenant([fleet[1].id])
    else:
        databases.drop(maintenance, fleet[1].database)
        assert statuses(ops.migrate_tenant(create_missing=True)) == "ssss"
    by = next(run.id for run in ops.runs() if run.action != "migrate-tenant")
    assert ops.history(fleet[1].id)[0].direction == "fresh"
    last = ops.rollback_tenant([fleet[1].id])
    assert last.outcomes[0].reason.startswith("no run brought it to this state")
    undone = ops.rollback_run(first.run_id or 0)
    assert statuses(undone) == "dsdd"
    assert undone.outcomes[1].reason == f"its database was replaced since, by run {by}"
    assert truth(server, fleet[1]) == (("o1",), ("o1",))


def test_a_run_is_not_undone_under_a_later_one(ops: Ops, fleet: list[Company]) -> None:
    column(ops, "o1", None)
    first = ops.migrate_tenant([fleet[0].id])
    column(ops, "o2", "o1")
    ops.migrate_tenant([fleet[0].id])
    undone = ops.rollback_run(first.run_id or 0)
    assert statuses(undone) == "f"
    assert "Undo the later runs first" in undone.failed[0].why


@pytest.mark.parametrize("verb", ["rollback_tenant", "reset_tenant", "fresh_tenant"])
def test_only_what_applied_revisions_can_be_undone_or_resumed(ops: Ops, register: Register, verb: str) -> None:
    company = register()
    column(ops, "o1", None)
    ops.migrate_tenant()
    run = getattr(ops, verb)([company.id]).run_id
    for undo in (ops.rollback_run, ops.resume_run):
        with pytest.raises(UsageError, match=f"run {run} is a migrate-tenant-"):
            undo(run)


def test_what_a_failed_run_applied_is_the_last_that_is_rolled_back(
    ops: Ops, fleet: list[Company], server: Server
) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", NO_LONG_NAMES)
    plant(server, fleet[1])
    assert statuses(ops.migrate_tenant(policy=FAST)) == "dfdd"
    undone = ops.rollback_tenant(policy=FAST)
    assert statuses(undone) == "dddd"
    assert {truth(server, company) for company in fleet} == {((core_head(),), (core_head(),))}
    assert [(one.revision, one.direction) for one in ops.history(fleet[1].id)[:-1]] == [
        ("o1", "downgrade"),
        ("o1", "upgrade"),
    ]


@pytest.mark.parametrize("step", [0, -1])
def test_no_number_of_revisions_means_all_of_them(ops: Ops, fleet: list[Company], server: Server, step: int) -> None:
    with pytest.raises(InvalidInput):
        ops.rollback_tenant(step=step)
    assert {truth(server, company) for company in fleet} == {((core_head(),), (core_head(),))}


def test_resume_takes_up_only_whom_it_is_told_to(ops: Ops, fleet: list[Company]) -> None:
    revise(ops, "o1", None, "op.execute('SELECT 1/0')")
    run = ops.migrate_tenant(policy=FAST).run_id or 0
    revise(ops, "o1", None, *ADD_X)
    assert [one.company_id for one in ops.resume_run(run, companies=[fleet[2].id]).outcomes] == [fleet[2].id]
    assert ops.resume_run(run, policy=Policy(skip=(fleet[0].id,), match=("*0",))).outcomes == []
    assert statuses(ops.resume_run(run, policy=Policy(skip=(fleet[0].id,)))) == "dsd"
    assert statuses(ops.resume_run(run)) == "dsss"


def test_a_dry_run_changes_no_stamp(ops: Ops, fleet: list[Company], maintenance: psycopg.Connection) -> None:
    maintenance.execute(databases.stamp(fleet[0].database, ["7c5534caebad"]))
    assert "its stamp says 7c5534caebad" in ops.dry_run(verify=True).notes[0]
    assert databases.stamps(maintenance, fleet[0].database) == {fleet[0].database: ("7c5534caebad",)}


def test_a_stamp_is_left_to_the_runner_that_is_at_the_database(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    maintenance.execute(databases.stamp(fleet[0].database, ["7c5534caebad"]))
    with server.connect(fleet[0].database) as other, locks.try_lock(other, LOCK):
        # What was read may be what that runner is just leaving behind.
        assert ops.migrate_tenant(verify=True).notes == []
    assert databases.stamps(maintenance, fleet[0].database) == {fleet[0].database: ("7c5534caebad",)}
    assert "put right" in ops.migrate_tenant(verify=True).notes[0]


def test_an_assertion_about_what_is_still_to_be_made_is_not_asked(ops: Ops, fleet: list[Company]) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.execute('SELECT 1')")
    assert_preflight(ops, "o2", '\npreflight = {"filled": "SELECT 1 FROM people WHERE o1 IS NOT NULL"}\n')
    assert statuses(ops.migrate_tenant(policy=FAST)) == "dddd"


def test_an_assertion_that_is_wrong_is_told(ops: Ops, fleet: list[Company]) -> None:
    revise(ops, "o1", None, *ADD_X)
    assert_preflight(ops, "o1", '\npreflight = {"typo": "SELECT 1 FROM poeple"}\n')
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "ffff"
    assert 'relation "poeple" does not exist' in report.failed[0].why


def test_a_cause_has_the_counts_of_all_its_companies(ops: Ops, fleet: list[Company], server: Server) -> None:
    revise(ops, "o1", None, NO_LONG_NAMES)
    assert_preflight(ops, "o1")
    for company, times in zip(fleet, (143, 92, 223, 100), strict=True):
        plant(server, company, times=times)
    report = ops.migrate_tenant(policy=FAST)
    (cause,) = report.causes
    assert (cause.message, cause.revision) == ("preflight, long names: 92 to 223 rows", "o1")
    (alone,) = ops.run(ops.migrate_tenant([fleet[0].id], policy=FAST).run_id or 0).causes
    assert alone.message == "preflight, long names: 143 rows"


def test_rows_that_go_anyway_stop_no_refresh(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    revise(ops, "o1", None, NO_LONG_NAMES, "op.drop_constraint(op.f('ck_people_short'), 'people')")
    assert_preflight(ops, "o1")
    plant(server, company)
    assert statuses(ops.refresh_tenant(policy=FAST)) == "d"
    assert truth(server, company) == (("o1",), ("o1",))


def test_an_assertion_that_fails_in_all_halts_the_run(ops: Ops, fleet: list[Company], server: Server) -> None:
    revise(ops, "o1", None, NO_LONG_NAMES)
    assert_preflight(ops, "o1")
    for company in fleet:
        plant(server, company)
    report = ops.migrate_tenant(policy=FAST)
    assert (statuses(report), report.ended, report.reason) == ("ffff", "halted", "an assertion failed in 4 companies")
    assert (ops.runs()[0].state, ops.runs()[0].reason) == ("halted", report.reason)


def test_a_company_that_cannot_be_asked_fails_alone(
    ops: Ops, fleet: list[Company], maintenance: psycopg.Connection
) -> None:
    revise(ops, "o1", None, NO_LONG_NAMES)
    assert_preflight(ops, "o1")
    shut = sql.Identifier(fleet[1].database)
    maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(shut))
    report = ops.migrate_tenant(policy=FAST)
    assert (statuses(report), report.ended) == ("dfdd", "finished")
    assert "not currently accepting connections" in report.failed[0].why


def test_a_gate_that_cannot_ask_is_closed_and_says_so(
    ops: Ops, fleet: list[Company], maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    shut = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(fleet[0].database))
    policy = FAST.model_copy(update={"canary": f"#{fleet[0].id}", "gate": "SELECT 1 WHERE false"})

    def close(_: Outcome) -> None:
        maintenance.execute(shut)

    report = ops.migrate_tenant(policy=policy, hooks=Hooks(on_outcome=close))
    assert (statuses(report), report.ended) == ("duuu", "halted")
    assert f"{fleet[0]} could not be reached: " in report.reason


def test_a_canary_that_is_nobody_is_refused(ops: Ops, fleet: list[Company]) -> None:
    column(ops, "o1", None)
    policy = Policy(canary=f"#{fleet[0].id} #99999")
    with pytest.raises(InvalidInput, match=r"#99999 is not among"):
        ops.migrate_tenant(policy=policy)
    with pytest.raises(InvalidInput, match=f"#{fleet[0].id}, #99999 "):
        ops.migrate_tenant(policy=policy.model_copy(update={"skip": (fleet[0].id,)}))


def test_a_canary_that_is_current_is_asked_before_the_others_begin(ops: Ops, fleet: list[Company]) -> None:
    column(ops, "o1", None)
    policy = FAST.model_copy(update={"canary": f"#{fleet[0].id}", "gate": "SELECT 1", "soak": 3_600})
    ops.migrate_tenant([fleet[0].id])
    report = ops.migrate_tenant(policy=policy)
    assert (statuses(report), report.ended) == ("suuu", "halted")
    assert f"{fleet[0]} has 1 rows" in report.reason
    # It is not in the account of what takes that run up, and is asked all the same.
    resumed = ops.resume_run(report.run_id or 0, policy=policy)
    assert (statuses(resumed), resumed.reason) == ("uuu", report.reason)


def test_a_stamp_that_cannot_be_put_right_fails(
    ops: Ops, fleet: list[Company], maintenance: psycopg.Connection
) -> None:
    maintenance.execute(databases.stamp(fleet[0].database, ["7c5534caebad"]))
    name = sql.Identifier(fleet[0].database)
    maintenance.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    report = ops.migrate_tenant(policy=FAST, verify=True)
    assert statuses(report) == "fsss"
    assert "its stamp says 7c5534caebad" in report.failed[0].why
    assert "could not be put right: cannot execute COMMENT in a read-only transaction" in report.failed[0].why


def test_an_assertion_does_not_wait_for_ever(ops: Ops, fleet: list[Company], server: Server) -> None:
    revise(ops, "o1", None, NO_LONG_NAMES)
    assert_preflight(ops, "o1")
    with held(server, fleet[2], "LOCK TABLE people"):
        report = ops.migrate_tenant(policy=FAST)
    assert (report.ended, statuses(report)) == ("halted", "uufu")
    assert "lock timeout" in report.failed[0].why


def test_a_company_registered_under_a_live_revision_has_it(
    ops: Ops, settings: Settings, register: Register, server: Server
) -> None:
    own_revision(settings, "o1", None, "op.get_bind().execute(sa.text('SELECT 1')); " + ADD_X[0], ADD_X[1])
    path = next(settings.own_tenant_migrations.glob("*o1.py"))
    path.write_text(path.read_text() + "\nlive = True\n")
    ops.forget_revisions()
    company = register()
    assert truth(server, company) == (("o1",), ("o1",))
    assert all(one.clean for one in ops.drift())
    assert [one.status for one in ops.fresh_tenant().outcomes] == [Status.DONE]
    assert [(one.revision, one.direction) for one in ops.history(company.id)[:-1]] == [("o1", "fresh")]


@pytest.mark.parametrize("hook", ["on_run", "on_start", "on_outcome", "on_note"])
def test_a_hook_that_raises_stops_the_run_and_the_account_is_written(
    ops: Ops, fleet: list[Company], server: Server, hook: str
) -> None:
    column(ops, "o1", None)

    def broken(_: object) -> None:
        raise ZeroDivisionError("a notebook's own")

    policy = FAST.model_copy(update={"workers": 1, "canary": "1", "soak": 0.1})
    with pytest.raises(ZeroDivisionError):
        ops.migrate_tenant(policy=policy, hooks=Hooks(**{hook: broken}))  # type: ignore[arg-type]  # one that takes something
    report = ops.run(1)
    assert (report.ended, report.reason) == ("halted", "a hook raised ZeroDivisionError: a notebook's own")
    assert statuses(report) == ("uuuu" if hook in ("on_run", "on_start") else "duuu")
    assert [one.after for one in report.outcomes] == [truth(server, company)[0] for company in fleet]
    assert statuses(ops.resume_run(1, policy=FAST)) == ("dddd" if hook in ("on_run", "on_start") else "ddd")


def test_the_account_of_a_stage_is_written_while_it_soaks(ops: Ops, fleet: list[Company]) -> None:
    column(ops, "o1", None)
    seen: list[dict[str, int]] = []
    soaking = threading.Event()

    def look() -> None:
        soaking.wait(30)
        with Ops(ops.settings) as other:
            until = time.monotonic() + 2
            while time.monotonic() < until and other.runs()[0].counts.get(Status.DONE) != 2:
                time.sleep(0.02)
            seen.append(dict(other.runs()[0].counts))

    def on_note(_: str) -> None:
        soaking.set()

    watcher = threading.Thread(target=look)
    watcher.start()
    policy = FAST.model_copy(update={"canary": "2", "soak": 3})
    ops.migrate_tenant(policy=policy, hooks=Hooks(on_note=on_note))
    watcher.join()
    assert seen == [{"done": 2, "untouched": 2}]


def test_a_refresh_is_in_the_history_though_it_ends_where_it_began(
    ops: Ops, fleet: list[Company], server: Server
) -> None:
    core = [revision.id for revision in ops.tenant_revisions()]
    column(ops, "o1", None)
    column(ops, "o2", "o1")
    assert ops.migrate_tenant().ok
    company = fleet[0]
    whole = [("downgrade", one) for one in ("o2", "o1", *reversed(core))] + [
        ("upgrade", one) for one in (*core, "o1", "o2")
    ]

    def added() -> list[tuple[str, str]]:
        """What the last refresh did, oldest first."""
        last = ops.runs()[0].id
        return [(one.direction, one.revision) for one in ops.history(company.id) if one.run_id == last][::-1]

    assert statuses(ops.refresh_tenant([company.id], policy=FAST)) == "d"
    assert added() == whole
    assert ops.history(company.id)[-1].revision == core[-1]  # as it was registered
    revise(ops, "o1", None, ADD_X[0], "op.execute('SELECT 1/0')")
    for _ in range(2):  # o1 is passed on the way up, too
        assert statuses(ops.refresh_tenant([company.id], policy=FAST)) == "f"
        assert truth(server, company)[0] == ("o1",)
        assert added() == whole[:1] * (ops.runs()[0].id == 3)
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.execute('SELECT 1/0')", "op.drop_column('people', 'o2')")
    assert statuses(ops.refresh_tenant([company.id], policy=FAST)) == "f"
    assert truth(server, company)[0] == ("o1",)
    assert added() == whole[1:-1]


def test_a_refresh_that_is_tried_again_on_its_way_up_goes_on_up(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    with server.connect(company.database) as tenant:
        tenant.execute("CREATE SEQUENCE tries; CREATE SEQUENCE downs; GRANT ALL ON SEQUENCE tries, downs TO PUBLIC")
    revise(ops, "o1", None, "pass", "op.execute(\"SELECT nextval('downs')\")")
    # A sequence goes on after a rollback: the migration is the first, the refresh the second and the third.
    fail = "DO $$ BEGIN IF nextval('tries') = 2 THEN RAISE lock_not_available; END IF; END $$"
    revise(ops, "o2", "o1", f'op.execute("{fail}")')
    assert ops.migrate_tenant().ok
    report = ops.refresh_tenant(policy=FAST)
    assert [(one.status, one.attempts) for one in report.outcomes] == [(Status.DONE, 2)]
    assert truth(server, company)[0] == ("o2",)
    with server.connect(company.database) as tenant:
        assert tenant.execute("SELECT last_value, is_called FROM downs").fetchone() == (1, True)
