"""What would be done is told, and nothing is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import mpm_ops
from mpm_ops import Company, Ops, Settings
from mpm_ops.errors import AlreadyExists, InvalidInput, UnknownPlugin, UnknownRun, UnknownServer
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX
from tests.integration.test_migrations import own_revision
from tests.integration.test_register import GIVEN, traces
from tests.unit.test_trees import write

Register = Callable[..., Company]


def test_what_is_pending_in_the_centre_is_told(ops: Ops, settings: Settings) -> None:
    assert ops.pending() == []
    last = ops._installation.central_tree.heads()[0]
    write(settings.own_migrations, "c1", None, up="op.execute('CREATE TABLE t (i int)')", labels=("own",), depends=last)
    ops.forget_revisions()
    assert [one.id for one in ops.pending()] == ["c1"]
    assert [one.id for one in ops.migrate()] == ["c1"]
    assert ops.pending() == []


def test_without_a_central_database_everything_is_pending(
    settings: Settings, maintenance: psycopg.Connection, tmp_path: Path
) -> None:
    missing = settings.model_copy(update={"central_database": f"{PREFIX}central_none", "home": tmp_path})
    with mpm_ops.connect(missing) as ops:
        assert [one.id for one in ops.pending()] == [one.id for one in ops._installation.central_tree.revisions()]
    assert not databases.exists(maintenance, missing.central_database)


def test_a_registration_is_checked_and_nothing_is_made(
    ops: Ops, settings: Settings, server: Server, maintenance: psycopg.Connection
) -> None:
    assert [plugin.id for plugin in ops.plan_register(**GIVEN, plugins=(21, 13))] == [13, 21]
    for wrong, error in (
        ({"name": ""}, InvalidInput),
        ({"plugins": (99,)}, UnknownPlugin),
        ({"server": "nowhere"}, UnknownServer),
    ):
        with pytest.raises(error):
            ops.plan_register(**{**GIVEN, **wrong})
    assert traces(maintenance, settings, server) == {"databases": [], "roles": [], "rows": []}
    assert ops.register(**GIVEN).id == 1
    with pytest.raises(AlreadyExists):
        ops.plan_register(**GIVEN)


def test_who_would_be_ended_goes_on(ops: Ops, register: Register) -> None:
    company = register()
    login = ops.add_analyst("ada")
    try:
        ops.grant_analyst("ada", [company.id])
        with psycopg.connect(login.url, dbname=company.database, autocommit=True) as analyst:
            analyst.execute("BEGIN")
            analyst.execute("SELECT 1")
            told = ops.reap(seconds=0, dry_run=True)
            assert [(one.login, one.database) for one in told] == [(login.login, company.database)]
            analyst.execute("SELECT 1")
            assert [one.login for one in ops.reap(seconds=0)] == [login.login]
            with pytest.raises(psycopg.OperationalError):
                analyst.execute("SELECT 1")
    finally:
        ops.remove_analyst("ada")


def test_what_undoing_a_run_would_do_is_told(ops: Ops, settings: Settings, register: Register, server: Server) -> None:
    companies = [register(f"Company {number}") for number in range(3)]
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')", "op.execute('DROP TABLE t')")
    ops.forget_revisions()
    report = ops.migrate_tenant([companies[0].id, companies[1].id])
    told = ops.plan_rollback_run(report.run_id or 0)
    (plan,) = told.plans
    assert "DROP TABLE t" in plan.sql
    assert [name for name in plan.companies if "Company 2" not in name] == plan.companies
    assert len(plan.companies) == 2
    with server.connect(companies[0].database) as tenant:
        assert tenant.execute("SELECT to_regclass('t') IS NOT NULL").fetchone() == (True,)
    assert len(ops.runs()) == 1
    with pytest.raises(UnknownRun):
        ops.plan_rollback_run(10_000)
