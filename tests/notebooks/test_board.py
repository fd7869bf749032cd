"""The app for operators, driven by values and clicks: real migrations of a real fleet."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import psycopg
import pytest

from mpm_ops import Company, Ops, Settings
from mpm_ops.notebook.board import FleetBoard
from mpm_ops.notebook.board.way import Stopped, Way
from mpm_ops.postgres.server import Server
from mpm_ops.records import Outcome, Status
from tests.conftest import PREFIX, make_settings
from tests.integration.test_fleet import ADD_X, held, revise
from tests.notebooks.driving import closed_widgets as closed_widgets
from tests.notebooks.driving import shown, states, until

Register = Callable[..., Company]
SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def fleet(register: Register) -> list[Company]:
    return [register(f"Company {n}") for n in range(4)]


@pytest.fixture
def board(ops: Ops, fleet: list[Company]) -> Iterator[FleetBoard]:
    """A board of four companies that are one revision behind, shown."""
    revise(ops, "o1", None, *ADD_X)
    with closing(ops.fleet_board()) as board:
        assert board.view is not None
        until(lambda: board.migrating.word)
        yield board
    until(lambda: not board.migrating.work.is_running)


def text(value: str) -> str:
    return html.unescape(re.sub("<[^>]*>", " ", value))


def migrate(board: FleetBoard, *, over: bool = True) -> None:
    part = board.migrating
    part.confirm.value = part.word
    assert not part.migrate.disabled
    part.migrate.click()
    if over:
        until(lambda: part.report.value and not part.work.is_running)


def test_nothing_is_looked_at_before_it_is_shown(ops: Ops) -> None:
    before = threading.active_count()
    board = ops.fleet_board()
    assert threading.active_count() == before
    assert "Looking" in board.state.value
    assert board.migrating.migrate.disabled
    assert board.migrating.dry_run.disabled
    assert board._repr_mimebundle_() is not None
    until(lambda: "Revisions" in board.state.value)
    assert board.migrating.migrate.disabled  # there is no company
    board.close()


def test_the_state_of_the_fleet(board: FleetBoard, ops: Ops) -> None:
    said = text(board.state.value)
    assert "4 of 4 companies not at the newest revision" in said
    assert "Company 3 (4)" in said
    assert "none yet" in said
    ops.migrate_tenant([1])
    board.again.click()
    until(lambda: "3 of 4 companies not" in text(board.state.value))
    assert "width: 25.0%" in board.state.value
    assert "1 done" in text(board.state.value)


def test_a_dry_run_shows_the_sql_and_changes_nothing(board: FleetBoard, ops: Ops) -> None:
    board.migrating.dry_run.click()
    until(lambda: board.migrating.report.value)
    assert "ADD COLUMN x" in board.migrating.report.value
    assert "for 4 companies: Company 0 (1)" in text(board.migrating.report.value)
    assert not ops.runs()


def test_a_migration_is_confirmed_and_told(board: FleetBoard, ops: Ops) -> None:
    part = board.migrating
    assert part.migrate.disabled
    for typed in ("3", "production", "yes"):
        part.confirm.value = typed
        part.migrate.click()  # a click that came before the button was off
        assert part.migrate.disabled
        assert not part.work.is_running
    migrate(board)
    assert (part.bar.value, part.bar.max, part.bar.bar_style) == (4, 4, "success")
    assert "run 1, migrate-tenant: 4 done of 4 companies" in text(part.report.value)
    assert part.confirm.value == ""
    assert part.migrate.disabled
    until(lambda: "all at the newest revision" in text(board.state.value))
    assert ops.status().ok


def test_failures_are_told_by_cause_with_what_tries_them_again(
    board: FleetBoard, ops: Ops, fleet: list[Company], server: Server
) -> None:
    with server.connect(fleet[1].database) as connection:
        connection.execute("ALTER TABLE people ADD COLUMN x int")
    migrate(board)
    said = text(board.migrating.report.value)
    assert "1 company: " in said
    assert "Company 1" in said
    assert "Try again: mpm-ops migrate-tenant --resume 1 --cause 1" in said
    assert board.migrating.bar.bar_style == "danger"
    until(lambda: "Failed last: 1 (Company 1)" in text(board.state.value))


def test_stop_begins_no_further_company(
    board: FleetBoard, ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    part = board.migrating
    part.manner.workers.value = 1
    with all_held(server, fleet):
        migrate(board, over=False)
        until(lambda: waits(maintenance))
        assert part.migrate.disabled
        assert part.dry_run.disabled
        assert not part.stop.disabled
        part.stop.click()
        assert part.stop.disabled
        until(lambda: "Stopping" in part.status.value)
    until(lambda: not part.work.is_running)
    report = ops.run(1)
    assert report.ended == "halted"
    assert [one.status for one in report.outcomes].count(Status.UNTOUCHED) == 3
    assert "mpm-ops migrate-tenant --resume 1" in text(part.report.value)
    assert "stop was pressed" in text(part.report.value)


def test_a_run_is_paused_goes_on_and_is_stopped_while_it_is_paused(
    board: FleetBoard, ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    part = board.migrating
    part.manner.workers.value = 1
    for stopped in (False, True):
        with all_held(server, fleet):
            migrate(board, over=False)
            until(lambda: waits(maintenance))
            part.pause.click()
            until(lambda: part.pause.description == "Resume")
            until(lambda: "paused" in part.status.value)
        run = ops.runs()[0].id
        until(lambda: len(done(ops, run)) == 1)  # noqa: B023  it is waited for here
        if not stopped:
            part.pause.click()
            until(lambda: not part.work.is_running)
            assert ops.run(run).ok
            ops.rollback_run(run)
        else:
            part.stop.click()
            until(lambda: not part.work.is_running)
            assert len(done(ops, run)) == 1
            assert ops.run(run).counts[Status.UNTOUCHED] == 3


@contextmanager
def all_held(server: Server, fleet: list[Company]) -> Iterator[None]:
    """Hold a lock that the revision needs, in every company: whoever is first waits for it."""
    with ExitStack() as stack:
        for company in fleet:
            stack.enter_context(held(server, company, "SELECT 1 FROM people"))
        yield


def waits(maintenance: psycopg.Connection) -> bool:
    row = maintenance.execute(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND starts_with(datname, %s))",
        [PREFIX],
    ).fetchone()
    assert row is not None
    return bool(row[0])


def done(ops: Ops, run: int) -> list[Outcome]:
    return [one for one in ops.run(run).outcomes if one.status is not Status.UNTOUCHED]


def test_a_run_of_somebody_else_is_shown(
    board: FleetBoard,
    ops: Ops,
    settings: Settings,
    fleet: list[Company],
    server: Server,
    maintenance: psycopg.Connection,
) -> None:
    with Ops(settings) as another, ThreadPoolExecutor() as pool:
        with all_held(server, fleet):
            theirs = pool.submit(another.migrate_tenant)
            until(lambda: waits(maintenance))
            board.again.click()
            until(lambda: "run 1, migrate-tenant, running: 0 of 4" in text(board.state.value))
            assert "Busy" in text(board.state.value)
        assert theirs.result().ok
    board.again.click()
    until(lambda: "Under way" not in board.state.value)


def test_what_cannot_be_meant_begins_nothing(board: FleetBoard, ops: Ops) -> None:
    part = board.migrating
    part.manner.canary.value = "many"
    part.confirm.value = part.word
    part.migrate.click()
    assert "canary is a number of companies" in part.status.value
    assert not part.work.is_running
    part.manner.workers.value = 10_000
    assert part.manner.workers.value == 64
    part.manner.canary.value, part.manner.max_failures.value = "50%", "2"
    migrate(board)
    assert ops.runs()[0].policy["canary"] == "50%"
    assert ops.runs()[0].policy["max_failures"] == "2"


def test_in_production_the_word_is_production(settings: Settings, register: Register) -> None:
    register("Acme")
    with Ops(settings.model_copy(update={"env": "production"})) as ops, closing(ops.fleet_board()) as board:
        assert board.view is not None
        until(lambda: board.migrating.word)
        assert board.migrating.word == "production"
        assert "type production" in board.migrating.confirm.description
        board.migrating.confirm.value = "1"
        assert board.migrating.migrate.disabled
        board.migrating.confirm.value = "production"
        assert not board.migrating.migrate.disabled


def test_hostile_names_and_errors_stay_text(ops: Ops, register: Register, server: Server, dsn: str) -> None:
    companies = [register(f"{SCRIPT} {n}") for n in range(2)]
    revise(ops, "o1", None, f"op.execute('ALTER TABLE \"{SCRIPT}\" ADD COLUMN x int')")
    with server.connect(companies[0].database) as connection:
        connection.execute(f'CREATE TABLE "{SCRIPT}" (y int)'.encode())
    with closing(ops.fleet_board()) as board:
        assert board.view is not None
        until(lambda: board.migrating.word)
        board.migrating.dry_run.click()
        until(lambda: board.migrating.report.value)
        page = shown()
        migrate(board)
        page += shown()
        until(lambda: "Failed last" in board.state.value)
        page += shown()
        assert "<img" not in page
        assert "<script" not in page
        assert "&lt;img" in page
        secret = psycopg.conninfo.conninfo_to_dict(dsn).get("password")
        assert secret is None or str(secret) not in states()
        assert "postgresql://" not in states()


def test_a_server_that_is_away_is_told(ops: Ops, dsn: str, settings: Settings) -> None:
    away = make_settings(dsn, settings.home, central=f"{settings.central_database}_gone")
    with Ops(away) as nothing, closing(nothing.fleet_board()) as board:
        assert board.view is not None
        until(lambda: "mpm-error" in board.state.value)
        assert board.migrating.migrate.disabled


def test_the_time_left_is_by_what_companies_took_the_last_time() -> None:
    stop = threading.Event()
    way = Way(stop, lambda _: None)
    assert "Looking" in way.told(0.0)
    way.hooks.on_run(7)
    way.hooks.on_start({1: 1.0, 2: 3.0, 3: 0.0})
    way.hooks.on_outcome(Outcome(company_id=3, company="c", status=Status.SKIPPED))
    way.hooks.on_outcome(Outcome(company_id=1, company="a", status=Status.DONE))
    way.hooks.on_note("<paused>")
    said = way.told(10.0)
    assert "Run 7: 2 of 3 companies; 1 skipped, 1 done" in said
    assert "10 s so far, about 30 s left" in said
    assert "&lt;paused&gt;" in said
    stop.set()
    with pytest.raises(Stopped):
        way.hooks.on_note("resumed")
