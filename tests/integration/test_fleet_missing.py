"""Companies whose database is gone, and companies that no database is recorded for."""

from __future__ import annotations

import threading

import psycopg
import pytest

from mpm_ops import Company, Ops, Settings
from mpm_ops.companies.grants import Reading
from mpm_ops.errors import InvalidInput, MpmOpsError, NoDatabase
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.integration.test_fleet import FAST, column, statuses
from tests.integration.test_migrations import core_head, truth


@pytest.fixture
def unrecorded(ops: Ops, settings: Settings, server: Server, fleet: list[Company]) -> Company:
    """A company without a row in company_databases."""
    with server.connect(settings.central_database) as central:
        central.execute("DELETE FROM company_databases WHERE company_id = %s", [fleet[0].id])
    return ops.get_company(fleet[0].id)


def test_a_company_that_no_database_is_recorded_for_is_told_by_everything(ops: Ops, unrecorded: Company) -> None:
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "fsss"
    assert "no row in company_databases" in report.failed[0].why
    assert statuses(ops.fresh_tenant([unrecorded.id], policy=FAST)) == "f"
    (drift,) = ops.drift([unrecorded.id])
    assert "no row in company_databases" in drift.error
    with pytest.raises(NoDatabase, match="no row in company_databases"):
        ops.company(unrecorded.id).read_sql("SELECT 1")


def test_create_missing_makes_nothing_for_it(ops: Ops, unrecorded: Company, maintenance: psycopg.Connection) -> None:
    column(ops, "o1", None)
    assert statuses(ops.migrate_tenant(policy=FAST, create_missing=True)) == "fddd"
    assert not databases.exists(maintenance, "_new")
    assert maintenance.execute("SELECT rolname FROM pg_roles WHERE starts_with(rolname, '_')").fetchall() == []


def test_an_empty_name_of_a_database_is_refused(server: Server) -> None:
    with pytest.raises(InvalidInput), server.connect(""):
        pass


def test_create_missing_tells_whom_it_made_one_for(
    ops: Ops, fleet: list[Company], maintenance: psycopg.Connection
) -> None:
    databases.drop(maintenance, fleet[1].database)
    report = ops.migrate_tenant(policy=FAST, create_missing=True)
    assert (statuses(report), len(report.notes)) == ("ssss", 1)
    assert str(fleet[1]) in report.notes[0]
    assert "made anew, and is empty" in report.notes[0]
    assert ops.migrate_tenant(policy=FAST, create_missing=True).notes == []


def test_two_that_create_the_same_make_it_once(
    ops: Ops, settings: Settings, fleet: list[Company], server: Server, maintenance: psycopg.Connection
) -> None:
    ops.migrate_tenant(policy=FAST)
    databases.drop(maintenance, fleet[1].database)
    told: list[str] = []

    def create() -> None:
        with Ops(settings) as other:
            report = other.migrate_tenant(policy=FAST, create_missing=True)
            told.extend([*report.notes, statuses(report)])

    both = [threading.Thread(target=create) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(told)[1:] == ["ssss", "ssss"]
    assert "made anew" in sorted(told)[0]
    assert databases.names(maintenance, fleet[1].database) == [fleet[1].database]
    assert truth(server, fleet[1]) == ((core_head(),), (core_head(),))


def test_one_that_cannot_be_made_costs_nobody_else_theirs(
    ops: Ops, fleet: list[Company], maintenance: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for company in fleet[:2]:
        databases.drop(maintenance, company.database)

    grant = Reading.grant

    def full(reading: Reading, connection: psycopg.Connection, *, owner: str, database: str = "") -> None:
        if database == fleet[0].database:
            raise MpmOpsError("the disk is full")
        grant(reading, connection, owner=owner, database=database)

    monkeypatch.setattr(Reading, "grant", full)
    report = ops.migrate_tenant(policy=FAST, create_missing=True)
    assert statuses(report) == "fsss"
    assert "could not be made: the disk is full" in report.notes[1]
    assert databases.names(maintenance, fleet[0].database) == []
