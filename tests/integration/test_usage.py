"""Usage: what a snapshot measures, whom it cannot ask, and what is kept of it."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from mpm_ops import Company, Ops
from mpm_ops.errors import InvalidInput, UnknownCompany
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.records import Usage, growth
from tests.integration.test_migrations import Register


def insert(server: Server, company: Company, number: int) -> None:
    with server.connect(company.database) as tenant:
        tenant.execute("CREATE TABLE IF NOT EXISTS readings (i int)")
        tenant.execute("INSERT INTO readings SELECT generate_series(1, %s)", [number])


def test_sizes_and_rows_are_what_the_server_says(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    before = ops.usage_snapshot()
    insert(server, fleet[1], 50_000)
    with server.connect(fleet[2].database) as tenant:
        tenant.execute("CREATE TABLE counted AS SELECT generate_series(1, 700)")
        tenant.execute("ANALYZE counted")
        # As after a crash: what ANALYZE noted is all that is left.
        tenant.execute("SELECT pg_stat_reset_single_table_counters('counted'::regclass)")
    after = ops.usage_snapshot()
    sizes: dict[str, int] = dict(
        maintenance.execute("SELECT datname, pg_database_size(oid) FROM pg_database").fetchall()
    )
    assert [one.size for one in after] == [sizes[company.database] for company in fleet]
    assert [one.company for one in after] == ["Company 0", "Company 1", "Company 2", "Company 3"]
    assert len({one.taken_at for one in after}) == 1
    assert not any(one.error for one in after)
    grown = [(last.rows or 0) - (first.rows or 0) for first, last in zip(before, after, strict=True)]
    assert grown == [0, 50_000, 700, 0]
    assert (after[1].inserted or 0) - (before[1].inserted or 0) >= 50_000
    assert (after[1].transactions or 0) - (before[1].transactions or 0) >= 2


def test_rows_are_as_analyze_counts_them(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    insert(server, company, 1_000)
    with server.connect(company.database) as tenant:
        tenant.execute("DELETE FROM readings WHERE i > 400")
        tenant.execute("ANALYZE")
        tables = tenant.execute(
            "SELECT format('SELECT count(*) FROM %I.%I', schemaname, relname) FROM pg_stat_user_tables"
        ).fetchall()
        counts = [tenant.execute(query.encode()).fetchone() for (query,) in tables]
    (found,) = ops.usage_snapshot()
    assert found.rows == sum(row[0] for row in counts if row)


def test_who_is_connected_and_what_was_asked_is_counted(ops: Ops, fleet: list[Company], server: Server) -> None:
    ops.usage_snapshot()
    for _ in range(3):
        ops.company(fleet[2].id).read_sql("SELECT 1")
    with server.connect(fleet[0].database), server.connect(fleet[0].database):
        found = ops.usage_snapshot()
    assert found[0].connections == 2
    assert [one.questions for one in found] == [0, 0, 3, 0]
    assert [one.questions for one in ops.usage_snapshot()] == [0, 0, 0, 0]


def test_one_that_cannot_be_asked_is_told_and_stops_nobody(
    ops: Ops, fleet: list[Company], maintenance: psycopg.Connection
) -> None:
    databases.drop(maintenance, fleet[1].database)
    maintenance.execute(f"ALTER DATABASE {fleet[2].database} ALLOW_CONNECTIONS false".encode())
    found = ops.usage_snapshot()
    assert list(ops.usage()) == list(found)
    assert [bool(one.error) for one in found] == [False, True, True, False]
    assert (found[1].size, found[1].rows, found[1].transactions) == (None, None, None)
    assert found[1].error == "its database is gone"
    # Its size is known to the server without anybody opening it.
    assert found[2].size
    assert found[2].rows is None
    assert "not currently accepting connections" in found[2].error


def test_a_dry_run_measures_and_writes_nothing(ops: Ops, fleet: list[Company]) -> None:
    assert all(one.size and one.rows is not None for one in ops.usage_snapshot(dry_run=True))
    assert ops.usage() == []


def test_history_is_of_so_many_days_and_of_whom_was_asked_for(ops: Ops, fleet: list[Company]) -> None:
    for days in (100, 40, 5, 0):
        ops.usage_snapshot()
        with ops._installation.central() as central:
            age = "UPDATE ops.usage SET taken_at = taken_at - make_interval(days => %s) WHERE taken_at > now() - %s"
            central.execute(age, [days, dt.timedelta(hours=1)])
    assert len(ops.usage()) == 3 * len(fleet)
    assert [one.company for one in ops.usage("Company 2", days=30)] == ["Company 2"] * 2
    moments = [one.taken_at for one in ops.usage(days=365)]
    assert moments == sorted(moments)
    ops.usage_snapshot(keep_days=30)
    assert len(ops.usage(days=365)) == 3 * len(fleet)
    with pytest.raises(UnknownCompany):
        ops.usage("Nobody")


def test_days_are_positive(ops: Ops) -> None:
    with pytest.raises(InvalidInput):
        ops.usage_snapshot(keep_days=0)
    with pytest.raises(InvalidInput):
        ops.usage(days=0)


NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


def taken(day: int, **known: object) -> Usage:
    unknown = dict.fromkeys(("size", "rows", "connections", "transactions", "inserted", "updated", "deleted"))
    given = {"company_id": 1, "company": "Acme", "counted_since": None, "questions": 0, **unknown, **known}
    return Usage(taken_at=NOON + dt.timedelta(days=day), **given)  # type: ignore[arg-type]  # values of tests


def test_growth_is_from_the_first_to_the_last_that_is_known() -> None:
    (found,) = growth(
        [
            taken(0, error="away", questions=50),
            taken(1, size=100, rows=7, transactions=10, questions=1),
            taken(2, size=160, rows=None, transactions=25, questions=2),
            # The server crashed, and counts anew.
            taken(3, size=150, rows=9, transactions=4, questions=3),
            # Somebody has reset it, and it has gone beyond.
            taken(4, company="Acme Power", size=190, rows=9, transactions=6, counted_since=NOON),
            taken(5, company="Acme Power", error="away"),
        ]
    )
    assert (found.size, found.size_grown, found.rows, found.rows_grown) == (190, 90, 9, 2)
    assert (found.since, found.taken_at) == (NOON + dt.timedelta(days=1), NOON + dt.timedelta(days=4))
    assert found.transactions == 15 + 4 + 6
    assert found.questions == 6
    assert (found.company, found.error) == ("Acme Power", "away")


def test_the_largest_come_first_and_the_unknown_last() -> None:
    history = [taken(0, company_id=1), taken(0, company_id=2, size=5), taken(0, company_id=3, size=9)]
    assert [(one.company_id, one.size_grown) for one in growth(history)] == [(3, 0), (2, 0), (1, 0)]
