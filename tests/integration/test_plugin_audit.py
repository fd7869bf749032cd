"""An audit of plugins: rows and tables that do not fit together are found, and put right without switching anything."""

from __future__ import annotations

import pytest

from mpm_ops import Company, Ops
from mpm_ops.companies.findings import REPAIR, AuditKind
from mpm_ops.postgres import locks
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import LOCK
from tests.integration.test_migrations import Register
from tests.integration.test_plugins import ask, catalog, rows, standing

pytestmark = pytest.mark.slow


@pytest.fixture
def acme(register: Register) -> Company:
    return register("Acme Power", plugins=(3, 27))


def test_a_company_with_what_it_installed_has_no_finding(ops: Ops, acme: Company, register: Register) -> None:
    register("Plain Power")
    ops.disable_plugin(acme.id, 3)
    assert ops.audit() == []


@pytest.mark.parametrize(("status", "state"), [(1, "enabled"), (0, "disabled")])
def test_a_row_without_its_tables_gets_them_and_stays_as_it_is(
    ops: Ops, acme: Company, register: Register, server: Server, status: int, state: str
) -> None:
    other = register("Other Power", plugins=(3, 22))
    ask(server, acme, f"INSERT INTO plugins (mpm_plugin_id, status) VALUES (22, {status}) RETURNING 1")
    before = catalog(server, other), rows(server, other)
    (found,) = ops.audit()
    assert (found.kind, found.subject, found.company_id) == (AuditKind.NO_PLUGIN_TABLES, acme.database, acme.id)
    assert (found.plugin, found.safe, found.repair) == ("DemoShsManufacturer", True, REPAIR)
    assert "DemoShsManufacturer" in found.what
    (done,) = ops.repair([found])
    assert done.error == ""
    assert ops.audit() == []
    assert standing(ops, acme, "DemoShsManufacturer").state == state
    assert standing(ops, acme, "DemoShsManufacturer").tables
    assert catalog(server, acme) == catalog(server, other)
    assert (catalog(server, other), rows(server, other)) == before
    assert ops.repair([found])[0].error == ""  # somebody was faster


def test_tables_without_their_row_are_for_an_operator_to_decide(ops: Ops, acme: Company, server: Server) -> None:
    before = rows(server, acme)
    ask(server, acme, "DELETE FROM plugins WHERE mpm_plugin_id = 3 RETURNING 1")
    (found,) = ops.audit()
    assert (found.kind, found.plugin, found.safe) == (AuditKind.NO_PLUGIN_ROW, "CalinMeter", False)
    assert found.repair == f"mpm-ops plugin install {acme.id} CalinMeter"
    assert ops.repair([found]) == []
    assert len(ops.audit()) == 1
    assert ops.install_plugin(acme.id, "CalinMeter").ok
    assert (ops.audit(), rows(server, acme)) == ([], before)


def test_a_company_that_a_run_is_at_is_no_finding_and_is_told_when_it_is_repaired(
    ops: Ops, acme: Company, server: Server
) -> None:
    ask(server, acme, "INSERT INTO plugins (mpm_plugin_id, status) VALUES (22, 1) RETURNING 1")
    (found,) = ops.audit()
    with server.connect(acme.database) as other, locks.try_lock(other, LOCK):
        assert ops.audit() == []
        assert "busy" in ops.repair([found])[0].error or "run" in ops.repair([found])[0].error
    assert len(ops.audit()) == 1


def test_what_cannot_be_read_is_no_finding_of_an_audit(
    ops: Ops, acme: Company, register: Register, server: Server
) -> None:
    other = register("Other Power")
    ask(server, other, "INSERT INTO plugins (mpm_plugin_id, status) VALUES (22, 1) RETURNING 1")
    with server.connect(acme.database) as tenant:
        tenant.execute("ALTER TABLE plugins RENAME COLUMN status TO state")
    assert [one.company_id for one in ops.audit()] == [other.id]
    ask(server, acme, "UPDATE alembic_version SET version_num = 'nobody' RETURNING 1")
    assert [one.company_id for one in ops.audit()] == [other.id]


def test_a_row_of_a_plugin_that_nobody_knows_is_left_alone(ops: Ops, acme: Company, server: Server) -> None:
    ask(server, acme, "INSERT INTO plugins (mpm_plugin_id, status) VALUES (4711, 1) RETURNING 1")
    assert ops.audit() == []
