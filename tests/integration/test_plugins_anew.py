"""Databases made anew: a company has the plugins that it had, as a new one has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpm_ops import Company, Ops, Policy, Status
from mpm_ops.companies import plugin_sets
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX, clean
from tests.integration.test_fleet import statuses
from tests.integration.test_migrations import Register, own_revision, truth
from tests.integration.test_plugins import (
    ask,
    catalog,
    end_outside_a_transaction,
    heat_pump,
    makes,
    rows,
    standing,
    tables,
)

pytestmark = pytest.mark.slow

__all__ = ["heat_pump"]

WAYS = pytest.mark.parametrize("verb", ["fresh_tenant", "refresh_tenant"])


@pytest.fixture
def both(ops: Ops, register: Register) -> Company:
    """A company with a plugin that is on, one that is off, and one without tables."""
    company = register("Both Power", plugins=(1, 27, 22))
    ops.disable_plugin(company.id, "DemoShsManufacturer")
    return company


@WAYS
def test_a_database_made_anew_has_the_plugins_that_it_had(
    ops: Ops, both: Company, register: Register, server: Server, verb: str
) -> None:
    plain = register("Plain Power")
    before = catalog(server, both), rows(server, both), truth(server, both)
    begins = ask(server, both, "SELECT * FROM sm_sync_actions ORDER BY id")
    ask(server, both, "DELETE FROM sm_sync_actions RETURNING 1")
    states = [one.state for one in ops.company_plugins(both.id)]
    report = getattr(ops, verb)(policy=Policy(workers=1))
    assert statuses(report) == "dd"
    assert report.outcomes[0].before == report.outcomes[0].after == truth(server, both)[0]
    assert (catalog(server, both), rows(server, both), truth(server, both)) == before
    assert [one.state for one in ops.company_plugins(both.id)] == states
    # As a new one has it: what was deleted is back, by the same columns but the times.
    assert [row[:2] for row in ask(server, both, "SELECT * FROM sm_sync_actions ORDER BY id")] == [
        row[:2] for row in begins
    ]
    assert rows(server, plain) == ([], [])
    assert ops.company(both.id).ask("SELECT count(*) FROM sm_sites").rows == [(0,)]
    assert [one.differences for one in ops.drift(full=True)] == [[], []]
    assert (ops.audit(), ops.migrate_tenant().counts[Status.SKIPPED]) == ([], 2)
    assert getattr(ops, verb)().ok
    assert (catalog(server, both), rows(server, both)) == before[:2]


@WAYS
def test_what_is_new_comes_with_it(ops: Ops, both: Company, server: Server, verb: str) -> None:
    own_revision(ops.settings, "o1", None, makes("notes"), "op.drop_table('notes')")
    ops.forget_revisions()
    assert statuses(getattr(ops, verb)()) == "d"
    assert ops.tenant_states(verify=True)[0].state == "current"
    assert {"notes", "sm_sites"} <= tables(server, both)


def test_a_reset_tells_which_plugins_go(ops: Ops, both: Company, register: Register, server: Server) -> None:
    other = register("Other Power", plugins=(22,))
    report = ops.reset_tenant()
    assert report.notes == [
        f"DemoShsManufacturer goes with the rest, of company {both.id}, {other.id}: "
        "mpm-ops plugin install brings it back",
        f"SparkMeter goes with the rest, of company {both.id}: mpm-ops plugin install brings it back",
    ]
    assert statuses(ops.migrate_tenant()) == "dd"
    assert not standing(ops, both, "SparkMeter").tables
    assert ops.install_plugin(both.id, "SparkMeter").ok


@WAYS
def test_the_rows_of_a_branch_that_ends_outside_a_transaction_come_too(
    heat_pump: Path,
    ops: Ops,
    both: Company,
    server: Server,
    verb: str,
) -> None:
    end_outside_a_transaction(heat_pump)
    ops.install_plugin(both.id, "AcmeHeatPump")
    ask(server, both, "UPDATE acme_settings SET every = 9 RETURNING 1")
    assert statuses(getattr(ops, verb)()) == "d"
    assert ask(server, both, "SELECT every FROM acme_settings") == [(5,)]
    assert standing(ops, both, "AcmeHeatPump").state == "enabled"


@WAYS
def test_one_whose_plugins_cannot_be_read_fails_alone(
    ops: Ops, both: Company, register: Register, server: Server, verb: str
) -> None:
    other = register("Other Power", plugins=(22,))
    with server.connect(both.database) as tenant:
        tenant.execute("ALTER TABLE plugins RENAME COLUMN status TO state")
    before = catalog(server, both)
    report = getattr(ops, verb)()
    assert statuses(report) == "fd"
    assert report.failed[0].failure is not None
    assert report.failed[0].failure.sqlstate == "42703"
    assert catalog(server, both) == before
    assert standing(ops, other, "DemoShsManufacturer").state == "enabled"


def test_a_row_without_its_branch_counts_and_a_branch_without_its_row_stays_without(
    ops: Ops, both: Company, server: Server
) -> None:
    ask(server, both, "DELETE FROM plugins WHERE mpm_plugin_id = 1 RETURNING 1")
    ask(server, both, "INSERT INTO plugins (mpm_plugin_id, status) VALUES (3, 1) RETURNING 1")
    assert ops.fresh_tenant().ok
    assert standing(ops, both, "SparkMeter").state == "unfinished"
    assert standing(ops, both, "CalinMeter").state == "enabled"
    assert standing(ops, both, "CalinMeter").tables
    assert rows(server, both)[0] == [(3, 1), (22, 0), (27, 1)]


@pytest.fixture(autouse=True)
def _swept(server: Server) -> None:
    clean(server, f"{PREFIX}snapshot_")


def test_a_set_is_read_in_one_look(ops: Ops, both: Company) -> None:
    its = plugin_sets.read_set(ops._installation, both)
    assert (its.heads, its.rows) == (ops.tenant_states()[0].heads, {1: 1, 22: 0, 27: 1})


@pytest.mark.parametrize("again", ["refresh_tenant", "fresh_tenant"])
def test_a_refresh_that_broke_off_is_done_again_with_the_plugins_that_were_there(
    ops: Ops, both: Company, server: Server, again: str
) -> None:
    before = catalog(server, both), rows(server, both)
    own_revision(ops.settings, "o1", None, "op.execute('SELECT 1 / 0')")
    ops.forget_revisions()
    assert statuses(ops.refresh_tenant()) == "f"
    assert rows(server, both) == ([], [])
    assert statuses(ops.refresh_tenant()) == "f"
    for path in ops.settings.own_tenant_migrations.glob("*.py"):
        path.unlink()
    ops.forget_revisions()
    assert statuses(getattr(ops, again)()) == "d"
    assert (catalog(server, both), rows(server, both)) == before
    assert ops.audit() == []


def test_what_was_done_after_a_refresh_that_failed_at_once_counts(ops: Ops, both: Company, server: Server) -> None:
    with server.connect(both.database) as tenant:
        tenant.execute("CREATE VIEW mine AS SELECT * FROM sm_sync_actions")
    assert statuses(ops.refresh_tenant()) == "f"
    with server.connect(both.database) as tenant:
        tenant.execute("DROP VIEW mine")
    assert ops.uninstall_plugin(both.id, "Ecreee E-Tender").ok
    assert ops.enable_plugin(both.id, "DemoShsManufacturer").ok
    assert statuses(ops.refresh_tenant()) == "d"
    assert rows(server, both)[0] == [(1, 1), (22, 1)]
