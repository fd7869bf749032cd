"""The copies that uninstalling keeps: listed, told when they are old, and dropped by an operator and nobody else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from mpm_ops import Company, Ops
from mpm_ops.companies import snapshots
from mpm_ops.companies.findings import AuditKind
from mpm_ops.errors import InvalidInput, UnknownCompany
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX, clean
from tests.integration.test_migrations import Register

pytestmark = pytest.mark.slow  # copies of databases


@pytest.fixture(autouse=True)
def _swept(server: Server) -> Iterator[None]:
    yield
    clean(server, f"{PREFIX}snapshot_")


@pytest.fixture
def acme(register: Register) -> Company:
    return register("Acme Power", plugins=(21, 22))


def aged(maintenance: psycopg.Connection, company_id: int, days: int) -> str:
    """A snapshot as one was named and taken so many days ago."""
    taken = dt.datetime.now(dt.UTC) - dt.timedelta(days=days, minutes=1)
    name = f"{PREFIX}snapshot_{company_id}_{taken:%Y%m%d%H%M%S}"
    databases.create(maintenance, name)
    return name


def test_each_uninstalled_plugin_keeps_one_however_fast_they_go(ops: Ops, acme: Company, register: Register) -> None:
    other = register("Other Power")
    for plugin in (21, 22):
        assert ops.uninstall_plugin(acme.id, plugin, drop_data=True).ok
    first, second = ops.snapshots()
    assert first.database < second.database
    for one in (first, second):
        assert (one.company_id, one.company, one.server) == (acme.id, "Acme Power", "main")
        assert one.age < dt.timedelta(minutes=10)
        assert one.size is not None
        assert one.size > 5_000_000
    assert ops.snapshots(acme.id) == [first, second]
    assert ops.snapshots(other.id) == []
    assert ops.audit() == []


def test_they_are_dropped_by_age_and_company_and_never_by_themselves(
    ops: Ops, acme: Company, register: Register, maintenance: psycopg.Connection
) -> None:
    other = register("Other Power")
    names = {
        (company, days): aged(maintenance, company, days) for company in (acme.id, other.id, 999) for days in (10, 40)
    }
    assert [one.database for one in ops.snapshots(acme.id)] == [names[acme.id, 40], names[acme.id, 10]]
    assert [one.company for one in ops.snapshots() if one.company_id == 999] == ["", ""]
    found = ops.audit()
    assert {(one.kind, one.subject, one.company, one.safe) for one in found} == {
        (AuditKind.OLD_SNAPSHOT, names[acme.id, 40], "Acme Power", False),
        (AuditKind.OLD_SNAPSHOT, names[other.id, 40], "Other Power", False),
        (AuditKind.OLD_SNAPSHOT, names[999, 40], "", False),
    }
    assert ops.repair(found) == []
    ops.reconcile()
    ops.sweep()
    assert len(ops.snapshots()) == 6
    assert [one.database for one in ops.drop_snapshots(acme.id, days=20, dry_run=True)] == [names[acme.id, 40]]
    assert len(ops.snapshots()) == 6
    assert [one.database for one in ops.drop_snapshots(acme.id, days=20)] == [names[acme.id, 40]]
    assert {one.database for one in ops.drop_snapshots(days=snapshots.OLD)} == {names[other.id, 40], names[999, 40]}
    assert ops.audit() == []
    assert {one.database for one in ops.snapshots()} == {names[acme.id, 10], names[other.id, 10], names[999, 10]}


@pytest.mark.parametrize("days", [-1, float("nan")])
def test_what_is_no_number_of_days_drops_nothing(
    ops: Ops, acme: Company, maintenance: psycopg.Connection, days: float
) -> None:
    aged(maintenance, acme.id, 40)
    with pytest.raises(InvalidInput):
        ops.drop_snapshots(days=days)
    with pytest.raises(UnknownCompany):
        ops.drop_snapshots("Nobody", days=0)
    assert len(ops.snapshots()) == 1


def test_a_database_that_only_looks_like_one_is_left_alone(ops: Ops, maintenance: psycopg.Connection) -> None:
    odd = f"{PREFIX}snapshot_of_mine"
    databases.create(maintenance, odd)
    assert (ops.snapshots(), ops.drop_snapshots(days=0)) == ([], [])
    assert databases.exists(maintenance, odd)
