"""The account of killed runs, completed from the databases: nothing charged to the wrong run, nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg
import pytest
from psycopg import sql

from mpm_ops import Company, Ops, Policy, Status
from mpm_ops.central import ledger
from mpm_ops.companies import courses, migrations
from mpm_ops.companies.watch import Watch
from mpm_ops.postgres import locks
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import LOCK, apply
from tests.integration.test_fleet import FAST, column, held, revise, statuses
from tests.integration.test_fleet_broken_off import wait_until, waiting
from tests.integration.test_migrations import core_head, truth


@contextmanager
def begun(ops: Ops, server: Server, companies: Sequence[Company]) -> Iterator[Callable[[Company], int]]:
    """A migrate-tenant run under way for a block, and killed at its end: it takes companies along, and writes nothing.

    Yields what takes a company to the end of its plan, and returns the id of the run.
    """
    course = courses.upgrade(ops._installation, companies)
    with closing(server.open(ops.settings.central_database)) as connection:
        run_id = ledger.open_run(
            connection,
            action="migrate-tenant",
            operator="somebody",
            policy={},
            plans=[migrations.summary(plan) for plan in course.distinct.values()],
            planned=[migrations._planned(course, company) for company in companies],
            idle={},
        )

        def take(company: Company) -> int:
            apply(server, company.database, course.plans[company.id], owner=ops.settings.owner_role)
            return run_id

        yield take
    wait_until(lambda: ops.run(run_id).ended == "abandoned")


def told(ops: Ops, run_id: int, company: Company) -> tuple[Status, tuple[str, ...]]:
    """What the account of a run says of a company."""
    (found,) = (one for one in ops.run(run_id).outcomes if one.company_id == company.id)
    return found.status, found.after


def test_a_living_run_beside_a_killed_one_answers_for_itself(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    revise(ops, "o2", "o1", "op.add_column('meters', sa.Column('o2', sa.Text()))")
    living: list[object] = []

    def migrate() -> None:
        with Ops(ops.settings) as other:
            living.append(other.migrate_tenant([fleet[1].id], policy=Policy(workers=1, lock_timeout=0)))

    with held(server, fleet[1], "LOCK TABLE meters"):
        runner = threading.Thread(target=migrate)
        with begun(ops, server, fleet) as take:
            killed = take(fleet[0])
            runner.start()
            wait_until(lambda: waiting(maintenance, fleet[1]))
        # The living run is between its revisions in that company.
        assert ops.migrate_tenant([fleet[0].id]).notes == [f"run {killed} was killed; its account waits for {fleet[1]}"]
        assert told(ops, killed, fleet[0]) == (Status.DONE, ("o2",))
        assert told(ops, killed, fleet[1]) == (Status.UNTOUCHED, (core_head(),))
        assert ops.run(killed).ended == "abandoned"
    runner.join()
    assert [statuses(report) for report in living] == ["d"]
    assert ops.migrate_tenant(policy=FAST).ok
    assert ops.run(killed).ended == "interrupted"
    assert told(ops, killed, fleet[1]) == (Status.UNTOUCHED, (core_head(),))
    for company, runs in ((fleet[0], {killed}), (fleet[1], {killed + 1})):
        found = ops.history(company.id)[:-1]
        assert [one.revision for one in found] == ["o2", "o1"]
        assert {one.run_id for one in found} == runs


def test_an_older_run_that_ends_after_a_killed_one_answers_for_itself(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    reports: list[object] = []

    def migrate() -> None:
        with Ops(ops.settings) as other:
            reports.append(other.migrate_tenant([fleet[1].id], policy=Policy(lock_timeout=0)))

    with held(server, fleet[1], "LOCK TABLE people"):
        runner = threading.Thread(target=migrate)
        runner.start()
        wait_until(lambda: waiting(maintenance, fleet[1]))
        with begun(ops, server, fleet) as take:
            killed = take(fleet[0])
    runner.join()
    assert ops.migrate_tenant(policy=FAST).ok
    assert told(ops, killed, fleet[0]) == (Status.DONE, ("o1",))
    assert told(ops, killed, fleet[1]) == (Status.UNTOUCHED, (core_head(),))
    assert [one.run_id for one in ops.history(fleet[1].id)[:-1]] == [killed - 1]


def test_a_company_that_somebody_is_at_waits(ops: Ops, fleet: list[Company], server: Server) -> None:
    column(ops, "o1", None)
    with begun(ops, server, fleet) as take:
        killed = take(fleet[0])
    with server.connect(fleet[0].database) as other, locks.try_lock(other, LOCK):
        ops.migrate_tenant([fleet[1].id])
        assert (ops.run(killed).ended, told(ops, killed, fleet[0])[0]) == ("abandoned", Status.UNTOUCHED)
    ops.migrate_tenant([fleet[1].id])
    assert (ops.run(killed).ended, told(ops, killed, fleet[0])[0]) == ("interrupted", Status.DONE)


def test_a_run_stays_open_for_a_company_that_cannot_be_read(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    with begun(ops, server, fleet) as take:
        killed = take(fleet[0])
    shut = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    name = sql.Identifier(fleet[0].database)
    maintenance.execute(shut.format(name, sql.Literal(False)))
    assert ops.migrate_tenant([fleet[1].id]).notes == [f"run {killed} was killed; its account waits for {fleet[0]}"]
    assert ops.run(killed).ended == "abandoned"
    maintenance.execute(shut.format(name, sql.Literal(True)))
    # What was looked at once is not charged to the killed run later.
    assert statuses(ops.migrate_tenant(policy=FAST)) == "ssdd"
    assert ops.run(killed).ended == "interrupted"
    assert told(ops, killed, fleet[0]) == (Status.DONE, ("o1",))
    assert [one.run_id for one in ops.history(fleet[0].id)[:-1]] == [killed]
    assert [one.run_id for one in ops.history(fleet[1].id)[:-1]] == [killed + 1]


def test_a_company_whose_database_is_gone_is_not_waited_for(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    with begun(ops, server, fleet) as take:
        killed = take(fleet[0])
    maintenance.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(fleet[0].database)))
    assert ops.migrate_tenant([fleet[1].id]).notes == [
        f"run {killed} was killed; its account is now what the databases say"
    ]
    assert ops.run(killed).ended == "interrupted"


@pytest.mark.parametrize("verb", ["resume_run", "rollback_run"])
def test_what_a_killed_run_did_is_known_before_it_is_taken_up(
    ops: Ops, fleet: list[Company], server: Server, verb: str
) -> None:
    column(ops, "o1", None)
    with begun(ops, server, fleet) as take:
        killed = take(fleet[0])
    report = getattr(ops, verb)(killed, policy=FAST)
    assert ops.run(killed).ended == "interrupted"
    head = ("o1",) if verb == "resume_run" else (core_head(),)
    assert {truth(server, company) for company in fleet} == {(head, head)}
    assert statuses(report) == ("ddd" if verb == "resume_run" else "dsss")


class Killed(BaseException):
    """The end of a run's process, as far as one process can play it."""


@pytest.mark.parametrize("same", [True, False])
def test_a_killed_run_of_fresh_databases_is_accounted_for(
    ops: Ops, fleet: list[Company], maintenance: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    def databases() -> dict[str, int]:
        return dict(maintenance.execute("SELECT datname, oid::bigint FROM pg_database").fetchall())

    old = databases()
    if not same:
        column(ops, "o1", None)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "record", lambda _, __, outcomes: die() if outcomes else None)
        with pytest.raises(Killed):
            ops.fresh_tenant(policy=Policy(workers=1))
    killed = ops.runs()[0].id
    wait_until(lambda: ops.run(killed).ended == "abandoned")
    ops.migrate_tenant([fleet[1].id])
    assert ops.run(killed).ended == "interrupted"
    # The same heads before and after tell nothing: the database does.
    head = (core_head(),) if same else ("o1",)
    now = databases()
    replaced = [company for company in fleet if now[company.database] != old[company.database]]
    assert replaced  # one for certain, and perhaps the one that a worker had begun
    for company in fleet:
        done = company in replaced
        assert told(ops, killed, company) == ((Status.DONE, head) if done else (Status.UNTOUCHED, (core_head(),)))
        by = [(one.revision, one.direction) for one in ops.history(company.id) if one.run_id == killed]
        assert by == ([(head[0], "fresh")] if done else [])


def test_sessions_of_another_installation_are_not_the_runs_own(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    column(ops, "o1", None)
    with begun(ops, server, fleet) as take:
        killed = take(fleet[0])
    theirs = ledger.application("other_", killed)
    with server.connect("postgres", application=theirs) as other:
        pid = other.info.backend_pid
        asleep = threading.Thread(target=sleep, args=(other,))
        asleep.start()
        query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
        wait_until(lambda: maintenance.execute(query, [pid]).fetchone() == (1,))
        with closing(Watch(ops._installation, ["main"], ledger.application(ops.settings.prefix, killed))) as watch:
            watch.cancel()
        assert maintenance.execute(query, [pid]).fetchone() == (1,)
        ops.migrate_tenant([fleet[1].id])
        assert ops.run(killed).ended == "interrupted"
        with closing(Watch(ops._installation, ["main"], theirs)) as watch:
            watch.cancel()
        asleep.join()


def sleep(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(60)")
