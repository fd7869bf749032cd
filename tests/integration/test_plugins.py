"""Plugins: installed, switched and taken away for one company, and a fleet of companies with different sets of them."""

from __future__ import annotations

import csv
import dataclasses
import re
import secrets
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg.errors import RaiseException
from pydantic import SecretStr

from mpm_ops import Company, FleetReport, Ops, Settings, Status
from mpm_ops.companies.findings import AuditKind
from mpm_ops.companies.plugin_rows import disabling, enabling
from mpm_ops.companies.plugins import is_refused
from mpm_ops.errors import MpmOpsError, QueryError, Refused, UnknownCompany, UnknownPlugin, UsageError
from mpm_ops.postgres import databases, locks
from mpm_ops.postgres.server import Server
from mpm_ops.records import CompanyPlugin, Failure, Outcome, Plugin, Spread
from mpm_ops.schema.apply import LOCK
from mpm_ops.schema.drift import Catalog, read_catalog
from mpm_ops.shipped import shipped
from mpm_ops.tenant.manifests import manifests
from tests.conftest import PREFIX, clean
from tests.integration.test_migrations import Register, core_head, own_revision
from tests.unit.test_plugin_tables import FACTS_BY_PLUGIN, TABLES
from tests.unit.test_tenant_models import EMPTY_SHELLS, FACTS

pytestmark = pytest.mark.slow  # all tables of thirty plugins


#: Tables of ours that MPM has not.
OURS = {"alembic_version"}
#: Tables of MPM that are not made, and why.
NOT_MADE = dict.fromkeys(EMPTY_SHELLS, "an id and time stamps, and no code of MPM writes to it")


@pytest.fixture
def acme(register: Register) -> Company:
    return register("Acme Power")


@pytest.fixture(autouse=True)
def _swept(server: Server) -> Iterator[None]:
    """Drop the copies that uninstalling keeps."""
    yield
    clean(server, f"{PREFIX}snapshot_")


def catalog(server: Server, company: Company) -> Catalog:
    with server.connect(company.database) as tenant:
        return read_catalog(tenant)


def ask(server: Server, company: Company, question: str) -> list[tuple[object, ...]]:
    with server.connect(company.database) as tenant:
        return tenant.execute(question.encode()).fetchall()


def tables(server: Server, company: Company) -> set[object]:
    question = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
    return {name for (name,) in ask(server, company, question)}


def rows(server: Server, company: Company) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What the company's own tables say of plugins."""
    return (
        ask(server, company, "SELECT mpm_plugin_id, status FROM plugins ORDER BY 1"),
        ask(server, company, "SELECT component::text FROM registration_tail WHERE component <> 'Settings' ORDER BY 1"),
    )


def outcome(report: FleetReport) -> tuple[str, str]:
    (one,) = report.outcomes
    return one.status.value, one.reason


def standing(ops: Ops, company: Company, name: str) -> CompanyPlugin:
    return next(one for one in ops.company_plugins(company.id) if one.name == name)


def test_installing_brings_tables_and_rows_to_one_company_and_touches_no_other(
    ops: Ops, acme: Company, register: Register, server: Server
) -> None:
    other = register("Other Power")
    before = catalog(server, other), rows(server, other)
    report = ops.install_plugin(acme.id, "calinmeter")
    assert (report.action, outcome(report)) == ("plugin install CalinMeter", ("done", ""))
    assert tables(server, acme) - tables(server, other) == {"calin_transactions", "calin_api_credentials"}
    assert rows(server, acme) == ([(3, 1)], [("CalinMeter",)])
    assert ask(server, acme, "SELECT type, api_name FROM manufacturers") == [("meter", "CalinMeterApi")]
    assert ask(server, acme, "SELECT user_id, api_key FROM calin_api_credentials") == [(None, None)]
    assert (catalog(server, other), rows(server, other)) == before
    assert [one.action for one in ops.runs()] == ["plugin install CalinMeter"]
    assert standing(ops, acme, "CalinMeter").state == "enabled"
    assert standing(ops, other, "CalinMeter") == CompanyPlugin(
        id=3, name="CalinMeter", usage_type="mini-grid", state="not installed", tables=False
    )


def test_installing_again_changes_nothing(ops: Ops, acme: Company, server: Server) -> None:
    ops.install_plugin(acme.id, 1)
    before = catalog(server, acme), rows(server, acme)
    assert outcome(ops.install_plugin(acme.id, "SparkMeter")) == ("skipped", "it is installed already")
    assert (catalog(server, acme), rows(server, acme)) == before


def test_a_plugin_without_tables_is_rows_only(ops: Ops, acme: Company, server: Server) -> None:
    before = catalog(server, acme)
    assert outcome(ops.install_plugin(acme.id, "Ecreee E-Tender")) == ("done", "")
    assert rows(server, acme) == ([(27, 1)], [("Ecreee E-Tender",)])
    assert outcome(ops.uninstall_plugin(acme.id, 27)) == ("done", "")
    assert rows(server, acme) == ([], [])
    assert catalog(server, acme) == before
    assert databases_of(server, f"{PREFIX}snapshot_") == []


def test_switching_off_keeps_the_data_and_switching_on_reinstalls_nothing(
    ops: Ops, acme: Company, server: Server
) -> None:
    ops.install_plugin(acme.id, "SparkMeter")
    ask(server, acme, "DELETE FROM sm_sync_actions RETURNING 1")
    before = catalog(server, acme)
    assert outcome(ops.disable_plugin(acme.id, "SparkMeter")) == ("done", "")
    assert outcome(ops.disable_plugin(acme.id, "SparkMeter")) == ("skipped", "it is disabled already")
    assert rows(server, acme) == ([(1, 0)], [])
    assert standing(ops, acme, "SparkMeter").state == "disabled"
    assert outcome(ops.enable_plugin(acme.id, "SparkMeter")) == ("done", "")
    assert rows(server, acme) == ([(1, 1)], [("SparkMeter",)])
    assert ask(server, acme, "SELECT count(*) FROM sm_sync_actions") == [(0,)]
    assert catalog(server, acme) == before


@pytest.mark.parametrize("switch", [enabling, disabling])
def test_a_plugin_that_is_uninstalled_meanwhile_is_not_switched(
    ops: Ops, acme: Company, server: Server, switch: Callable[[Plugin], str]
) -> None:
    plugin = next(one for one in ops.list_plugins() if one.name == "SparkMeter")
    with server.connect(acme.database) as tenant, pytest.raises(RaiseException, match="not installed any more"):
        tenant.execute(switch(plugin).encode())
    assert rows(server, acme) == ([], [])


def test_what_is_not_installed_cannot_be_switched(ops: Ops, acme: Company) -> None:
    with pytest.raises(UsageError, match="not installed") as caught:
        ops.enable_plugin(acme.id, "SparkMeter")
    assert "plugin install" in caught.value.hint
    with pytest.raises(UnknownPlugin) as unknown:
        ops.install_plugin(acme.id, "SparkMetre")
    assert "SparkMeter" in unknown.value.hint
    assert outcome(ops.uninstall_plugin(acme.id, "SparkMeter")) == ("skipped", "it is not installed")


def databases_of(server: Server, prefix: str) -> list[str]:
    with server.connect("postgres") as connection:
        return databases.names(connection, prefix)


def test_uninstalling_keeps_a_copy_and_leaves_what_was_there_before(ops: Ops, acme: Company, server: Server) -> None:
    before = catalog(server, acme)
    heads = ops.tenant_states()[0].heads
    ops.install_plugin(acme.id, "SteamaMeter")
    ask(server, acme, "INSERT INTO steama_sms_feedback_words (meter_balance) VALUES ('Balance') RETURNING 1")
    installed = catalog(server, acme)
    with pytest.raises(Refused, match="drops its tables") as caught:
        ops.uninstall_plugin(acme.id, "SteamaMeter")
    assert "--drop-data" in caught.value.hint
    assert (catalog(server, acme), databases_of(server, f"{PREFIX}snapshot_")) == (installed, [])
    report = ops.uninstall_plugin(acme.id, "SteamaMeter", drop_data=True)
    assert outcome(report) == ("done", "")
    assert (catalog(server, acme), rows(server, acme)) == (before, ([], []))
    assert ops.tenant_states()[0].heads == heads
    (copy,) = databases_of(server, f"{PREFIX}snapshot_{acme.id}_")
    assert copy in report.notes[0]
    with server.connect(copy) as kept:
        assert kept.execute("SELECT meter_balance FROM steama_sms_feedback_words").fetchall() == [("Balance",)]
        assert kept.execute("SELECT has_database_privilege('public', current_database(), 'CONNECT')").fetchone() == (
            False,
        )
    # Again, as a new one.
    assert outcome(ops.install_plugin(acme.id, "SteamaMeter")) == ("done", "")
    assert catalog(server, acme) == installed


def test_rows_that_are_written_while_the_copy_is_made_are_not_dropped(ops: Ops, acme: Company, server: Server) -> None:
    ops.install_plugin(acme.id, "SmsTransactionParser")
    row = "INSERT INTO sms_transactions (provider_name, transaction_reference, amount, sender_phone, raw_message)"
    written, over = 0, threading.Event()

    def write() -> None:
        nonlocal written
        with server.connect(acme.database) as tenant:
            while not over.is_set():
                tenant.execute(f"{row} VALUES ('x', {written}, 1, '1', 'm')".encode())
                written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        report = ops.uninstall_plugin(acme.id, "SmsTransactionParser", drop_data=True)
    finally:
        over.set()
        writer.join()
    (failed,) = report.failed
    assert failed.why.startswith("sms_transactions was written to while the database was copied; P0001; revision ")
    assert ask(server, acme, "SELECT count(*) FROM sms_transactions") == [(written,)]
    assert standing(ops, acme, "SmsTransactionParser").state == "enabled"
    assert (list(report.notes), ops.snapshots()) == ([], [])
    assert outcome(ops.uninstall_plugin(acme.id, "SmsTransactionParser", drop_data=True)) == ("done", "")
    (copy,) = ops.snapshots()
    with server.connect(copy.database) as kept:
        assert kept.execute("SELECT count(*) FROM sms_transactions").fetchone() == (written,)


@pytest.mark.parametrize(
    ("sqlstate", "refused"), [("P0001", True), ("55P03", True), ("", False), ("08006", False), ("57P01", False)]
)
def test_a_copy_goes_only_where_the_server_has_said_that_nothing_was_done(sqlstate: str, refused: bool) -> None:
    failure = Failure(message="no", kind="QueryError", sqlstate=sqlstate)
    told = Outcome(company_id=1, company="a", status=Status.FAILED, before=("p1",), after=("p1",), failure=failure)
    assert is_refused(told) is refused
    assert not is_refused(dataclasses.replace(told, after=()))
    assert not is_refused(dataclasses.replace(told, status=Status.DONE, failure=None, after=()))


def test_all_plugins_together_make_the_tables_of_mpm(ops: Ops, acme: Company, server: Server) -> None:
    for plugin in FACTS_BY_PLUGIN:
        assert outcome(ops.install_plugin(acme.id, plugin)) == ("done", ""), plugin
    found: dict[str, set[str]] = {}
    for name, column in ask(
        server,
        acme,
        "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public'",
    ):
        found.setdefault(str(name), set()).add(str(column))
    expected: dict[str, set[str]] = {}
    with FACTS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            expected.setdefault(row["table"], set()).add(row["column"])
    assert len(expected) == 179
    for name, why in NOT_MADE.items():
        print(f"not made: {name}: {why}")  # noqa: T201 shown with -rP
    assert found.keys() - OURS == expected.keys() - NOT_MADE.keys()
    assert {name: found[name] for name in found.keys() - OURS} == {
        name: columns for name, columns in expected.items() if name not in NOT_MADE
    }
    assert ops.drift()[0].differences == []
    assert ops.tenant_states()[0].state == "current"
    # What a plugin begins with is written once, however often it is asked for.
    count = "SELECT count(*) FROM {}"
    before = {name: ask(server, acme, count.format(name)) for name in (*TABLES, "manufacturers", "tariffs")}
    ask(server, acme, "DELETE FROM plugins RETURNING 1")
    for plugin in FACTS_BY_PLUGIN:
        assert outcome(ops.install_plugin(acme.id, plugin)) == ("done", ""), plugin
    assert {name: ask(server, acme, count.format(name)) for name in before} == before
    assert sum(counted != [(0,)] for counted in before.values()) > 30


def test_a_registration_installs_the_chosen_ones(ops: Ops, register: Register, server: Server) -> None:
    company = register(plugins=(5, 27, 22))
    plain = register("Plain Power")
    assert rows(server, company) == (
        [(5, 1), (22, 1), (27, 1)],
        [("DemoShsManufacturer",), ("Ecreee E-Tender",), ("KelinMeter",)],
    )
    names = {one.name for one in ops.company_plugins(company.id) if one.tables}
    assert names == {"KelinMeter", "DemoShsManufacturer"}
    assert ask(server, company, "SELECT action_name FROM kelin_sync_settings ORDER BY id") == [
        ("Customers",),
        ("Meters",),
    ]
    assert {state.company_id: state.state for state in ops.tenant_states()} == {
        company.id: "current",
        plain.id: "current",
    }
    assert [one.differences for one in ops.drift()] == [[], []]
    assert ops.company(company.id).ask("SELECT count(*) FROM kelin_meters").rows == [(0,)]


def test_analysts_read_a_plugins_tables_by_the_rules_of_the_house(ops: Ops, acme: Company, server: Server) -> None:
    before = catalog(server, acme)
    ops.install_plugin(acme.id, "VodacomMzPaymentProvider")
    ask(
        server,
        acme,
        """
        INSERT INTO vodacom_mz_transactions ("serialNumber", amount, "payerPhoneNumber", "referenceId", status)
        VALUES ('4700', 12.50, '+258 84', 'R1', 1) RETURNING 1
        """,
    )
    question = 'SELECT "serialNumber", "payerPhoneNumber" FROM vodacom_mz_transactions'
    ((serial, phone),) = ops.company(acme.id).ask(question).rows
    assert serial == "4700"
    assert len(phone) == 16
    assert ops.company(acme.id, personal_data=True).ask(question).rows == [("4700", "+258 84")]
    for personal in (False, True):
        with pytest.raises(QueryError, match="permission denied"):
            ops.company(acme.id, personal_data=personal).ask("SELECT * FROM vodacom_mz_credentials")
    # The masked view goes with its table.
    assert ops.uninstall_plugin(acme.id, "VodacomMzPaymentProvider", drop_data=True).ok
    assert catalog(server, acme) == before


def makes(name: str) -> str:
    return f"op.create_table('{name}', sa.Column('id', sa.BigInteger(), primary_key=True))"


def test_a_fleet_with_different_sets_migrates_and_rolls_back_and_does_not_drift(
    ops: Ops, register: Register, server: Server
) -> None:
    plain, calin, both = (register(f"Company {number}") for number in range(3))
    ops.install_plugin(calin.id, "CalinMeter")
    ops.install_plugin(both.id, "StronMeter")
    ops.install_plugin(both.id, "CalinMeter")
    before = {one.company_id: one.heads for one in ops.tenant_states()}
    assert len(set(before.values())) == 3
    assert before[plain.id] == (core_head(),)
    assert ops.migrate_tenant().counts[Status.SKIPPED] == 3
    own_revision(ops.settings, "o1", None, makes("notes"), "op.drop_table('notes')")
    ops.forget_revisions()
    assert {one.company_id: one.pending for one in ops.tenant_states()} == dict.fromkeys(before, ("o1",))
    assert len(ops.dry_run().plans) == 3
    report = ops.migrate_tenant()
    assert report.counts[Status.DONE] == 3
    after = {one.company_id: one.heads for one in ops.tenant_states()}
    assert after[plain.id] == ("o1",)
    assert {"o1", *(before[both.id] or ())} == set(after[both.id] or ())
    status = ops.status()
    assert status.ok
    assert status.revisions == [Spread(heads=("o1",), companies=3, newest=True)]
    assert [one.differences for one in ops.drift()] == [[], [], []]
    assert report.run_id is not None
    assert ops.rollback_run(report.run_id).counts[Status.DONE] == 3
    assert {one.company_id: one.heads for one in ops.tenant_states()} == before
    # One at a time, from three states: nobody is told that the revision was edited.
    for company in (calin, plain, both):
        assert ops.migrate_tenant([company.id], verify=True).notes == []
    assert {one.company_id: one.heads for one in ops.tenant_states(verify=True)} == after


def test_a_rollback_passes_by_plugins_that_were_installed_since(ops: Ops, acme: Company, server: Server) -> None:
    own_revision(ops.settings, "o1", None, makes("notes"), "op.drop_table('notes')")
    ops.forget_revisions()
    assert ops.migrate_tenant().ok
    ops.install_plugin(acme.id, "CalinMeter")
    assert ops.rollback_tenant().counts[Status.DONE] == 1
    assert standing(ops, acme, "CalinMeter").tables
    assert [one.id for one in ops.tenant_revisions(ops.tenant_states()[0].heads or ())][-1] == "o1"
    assert ops.tenant_states()[0].pending == ("o1",)
    run_id = ops.migrate_tenant().run_id
    assert run_id is not None
    ops.install_plugin(acme.id, "StronMeter")
    assert ops.rollback_run(run_id).counts[Status.DONE] == 1
    assert ops.tenant_states()[0].pending == ("o1",)
    assert {one.name for one in ops.company_plugins(acme.id) if one.tables} == {"CalinMeter", "StronMeter"}


def test_what_a_plugin_stands_on_is_not_rolled_back_under_it(ops: Ops, acme: Company, server: Server) -> None:
    ops.install_plugin(acme.id, "CalinMeter")
    before = catalog(server, acme)
    (one,) = ops.rollback_tenant(step=1).outcomes
    assert one.status is Status.FAILED
    assert one.failure is not None
    assert "CalinMeter" in one.failure.message
    assert catalog(server, acme) == before
    assert ops.reset_tenant().counts[Status.DONE] == 1
    assert tables(server, acme) == OURS
    assert ops.migrate_tenant().counts[Status.DONE] == 1
    assert standing(ops, acme, "CalinMeter").state == "not installed"


def test_a_company_that_somebody_migrates_is_busy(ops: Ops, acme: Company, server: Server) -> None:
    before = catalog(server, acme)
    with server.connect(acme.database) as other, locks.try_lock(other, LOCK):
        assert ops.install_plugin(acme.id, "CalinMeter").outcomes[0].status is Status.BUSY
        assert ops.install_plugin(acme.id, "Ecreee E-Tender").outcomes[0].status is Status.BUSY
    ops.install_plugin(acme.id, "CalinMeter")
    with server.connect(acme.database) as other, locks.try_lock(other, LOCK):
        report = ops.uninstall_plugin(acme.id, "CalinMeter", drop_data=True)
    # Nothing was taken away, so nothing is to be kept.
    assert (report.outcomes[0].status, report.notes, ops.snapshots()) == (Status.BUSY, [], [])
    assert ops.uninstall_plugin(acme.id, "CalinMeter", drop_data=True).ok
    assert (catalog(server, acme), rows(server, acme)) == (before, ([], []))


#: The documentation, whose example is tried here.
BLOCKS = re.findall(
    r"^```\w+\n(.*?)^```", (shipped("tenant_migrations") / "plugins/README.md").read_text(), re.M | re.S
)
ENTRY_POINT, MANIFEST, REVISION, INSTALL = BLOCKS


def package_with_plugin(site: Path) -> Path:
    """Write a package with a plugin, as pip leaves one; return the folder with its migrations."""
    package = f"acme_heat_pump_{secrets.token_hex(3)}"  # a module is imported once, and tests change it
    ((name, value),) = tomllib.loads(ENTRY_POINT)["project"]["entry-points"]["mpm_ops.plugins"].items()
    value = value.replace("acme_heat_pump", package)
    migrations = site / package / "migrations"
    migrations.mkdir(parents=True)
    (migrations.parent / "__init__.py").write_text(MANIFEST)
    (migrations / "2026_12_01_1000_acme_heat_pump.py").write_text(REVISION)
    (migrations / "install.sql").write_text(INSTALL)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[mpm_ops.plugins]\n{name} = {value}\n")
    return migrations


@pytest.fixture
def heat_pump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with a plugin; returns the folder with its migrations."""
    migrations = package_with_plugin(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return migrations


def test_a_plugin_of_another_package_installs_the_same_way(
    heat_pump: Path, ops: Ops, acme: Company, register: Register, server: Server
) -> None:
    other = register("Other Power")
    before = catalog(server, acme)
    assert standing(ops, acme, "AcmeHeatPump").state == "not installed"
    assert outcome(ops.install_plugin(acme.id, "acmeheatpump")) == ("done", "")
    assert ask(server, acme, "SELECT every FROM acme_settings") == [(5,)]
    assert standing(ops, acme, "AcmeHeatPump") == CompanyPlugin(
        id=1000, name="AcmeHeatPump", usage_type="general", state="enabled", tables=True
    )
    assert not standing(ops, other, "AcmeHeatPump").tables
    assert {one.state for one in ops.tenant_states()} == {"current"}
    made = ops.make_migration_tenant("add colour", plugin="AcmeHeatPump")
    assert Path(made.path).parent == heat_pump
    ops.forget_revisions()
    assert {one.company_id: one.pending for one in ops.tenant_states()} == {acme.id: (made.id,), other.id: ()}
    counts = ops.migrate_tenant().counts
    assert (counts[Status.DONE], counts[Status.SKIPPED]) == (1, 1)
    assert [one.differences for one in ops.drift()] == [[], []]
    assert outcome(ops.uninstall_plugin(acme.id, "AcmeHeatPump", drop_data=True)) == ("done", "")
    assert catalog(server, acme) == before


def test_an_analyst_reads_what_the_manifest_of_a_plugin_lists(
    heat_pump: Path, ops: Ops, settings: Settings, acme: Company, register: Register, server: Server
) -> None:
    other = register("Other Power")
    for company in (acme, other):
        ops.install_plugin(company.id, "AcmeHeatPump")
        ask(server, company, "INSERT INTO acme_heat_pumps (site, password) VALUES ('Moshi 7', 's') RETURNING 1")
    made = ops.add_analyst("ada")
    ops.grant_analyst("ada", [acme.id])
    with Ops(settings.model_copy(update={"database_url": SecretStr(made.url)})) as ada:
        ((number, site),) = ada.company(acme.id).ask("SELECT id, site FROM acme_heat_pumps").rows
        assert (number, len(site)) == (1, 16)
        assert "acme_heat_pumps" in set(ada.company(acme.id).tables()["table"])
        assert list(ada.company(acme.id).columns("acme_heat_pumps")["column"]) == ["id", "person_id", "site"]
        for hidden in (
            "SELECT password FROM acme_heat_pumps",
            "SELECT site FROM public.acme_heat_pumps",
            "SELECT * FROM acme_settings",
        ):
            with pytest.raises(QueryError):
                ada.company(acme.id).ask(hidden)
        with pytest.raises(UnknownCompany):
            ada.company(other.id)
        ops.grant_analyst("ada", [acme.id], personal_data=True)
        read = ada.company(acme.id, personal_data=True).ask("SELECT site FROM acme_heat_pumps")
        assert read.rows == [("Moshi 7",)]
    ops.remove_analyst("ada")
    assert ops.uninstall_plugin(acme.id, "AcmeHeatPump", drop_data=True).ok
    assert [one for one in ops.doctor() if one.database == acme.database] == []


def test_a_longer_list_of_a_package_reaches_the_companies_that_are_there(
    heat_pump: Path, ops: Ops, acme: Company, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops.install_plugin(acme.id, "AcmeHeatPump")
    with pytest.raises(QueryError, match="permission denied"):
        ops.company(acme.id).ask("SELECT every FROM acme_settings")
    shorter = manifests()["AcmeHeatPump"]
    longer = dataclasses.replace(shorter, readable={**shorter.readable, "acme_settings": ("every",)})
    monkeypatch.setattr(sys.modules[heat_pump.parent.name], "plugin", longer)
    ops.forget_revisions()
    assert [one.kind for one in ops.audit()] == [AuditKind.OLD_GRANTS]
    assert [one.error for one in ops.repair(ops.audit())] == [""]
    assert ops.audit() == []
    assert ops.company(acme.id).ask("SELECT every FROM acme_settings").rows == [(5,)]


def test_a_table_that_a_package_takes_off_its_list_is_hidden_and_can_go(
    heat_pump: Path, ops: Ops, acme: Company, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = catalog(server, acme)
    ops.install_plugin(acme.id, "AcmeHeatPump")
    assert ops.company(acme.id).ask("SELECT count(site) FROM acme_heat_pumps").rows == [(0,)]
    shorter = dataclasses.replace(manifests()["AcmeHeatPump"], readable={}, masks={})
    monkeypatch.setattr(sys.modules[heat_pump.parent.name], "plugin", shorter)
    ops.forget_revisions()
    assert [one.error for one in ops.repair(ops.audit())] == [""]
    for table in ("acme_heat_pumps", "masked.acme_heat_pumps", "public.acme_heat_pumps"):
        with pytest.raises(QueryError):
            ops.company(acme.id).ask(f"SELECT count(site) FROM {table}")
    assert ops.uninstall_plugin(acme.id, "AcmeHeatPump", drop_data=True).ok
    assert catalog(server, acme) == before


def test_rows_that_are_refused_take_the_tables_back_with_them(
    heat_pump: Path, ops: Ops, acme: Company, server: Server
) -> None:
    before = catalog(server, acme)
    (heat_pump / "install.sql").write_text("INSERT INTO acme_settings (every) VALUES (NULL)")
    (one,) = ops.install_plugin(acme.id, "AcmeHeatPump").outcomes
    assert (one.status, one.before, one.after) == (Status.FAILED, one.before, one.before)
    assert one.failure is not None
    assert one.failure.sqlstate == "23502"
    assert (catalog(server, acme), rows(server, acme)) == (before, ([], []))
    (heat_pump / "install.sql").write_text(INSTALL)
    assert outcome(ops.install_plugin(acme.id, "AcmeHeatPump")) == ("done", "")


def end_outside_a_transaction(migrations: Path) -> None:
    """Add a revision to the plugin that is no transaction."""
    (migrations / "2026_12_01_1001_index.py").write_text(
        'revision = "acme00000002"\ndown_revision = "acme00000001"\nbranch_labels = None\ndepends_on = None\n'
        "from alembic import op\n"
        "def upgrade() -> None:\n"
        "    with op.get_context().autocommit_block():\n"
        "        op.execute('CREATE INDEX CONCURRENTLY acme_i ON acme_settings (every)')\n"
        "def downgrade() -> None:\n"
        "    op.execute('DROP INDEX acme_i')\n"
    )


def test_a_branch_that_ends_outside_a_transaction_gets_its_rows_after_it(
    heat_pump: Path, ops: Ops, acme: Company, server: Server
) -> None:
    end_outside_a_transaction(heat_pump)
    assert outcome(ops.install_plugin(acme.id, "AcmeHeatPump")) == ("done", "")
    assert ask(server, acme, "SELECT every FROM acme_settings") == [(5,)]


@pytest.mark.parametrize(
    ("manifest", "what"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("plugin = 5", "not a PluginManifest"),
        (MANIFEST.replace("AcmeHeatPump", "a@b"), "not a name"),
        (MANIFEST.replace("AcmeHeatPump", "core"), "not a name"),
        (MANIFEST.replace('"migrations"', '"nowhere"'), "does not exist"),
        (MANIFEST.replace("AcmeHeatPump", "SparkMeter"), "is shipped"),
        (MANIFEST.replace('"acme_heat_pumps": (', '"users": ('), "not a table of its own"),
        (MANIFEST.replace('"acme_heat_pumps": (', '"password_resets": ('), "not a table of its own"),
        (MANIFEST.replace('("id", "person_id", "site")', '"site"'), "not a list of columns"),
        (MANIFEST.replace('("id", "person_id", "site")', "()"), "not a list of columns"),
        (MANIFEST.replace('"person_id"', "'a; DROP TABLE people'"), "not the name of a table or a column"),
        (MANIFEST.replace('{"site": "pseudonym"}', '{"password": "pseudonym"}'), "which is not readable"),
        (MANIFEST.replace('"pseudonym"', '"place"'), "is none of coarse, hidden, pseudonym, year"),
    ],
)
def test_a_package_that_is_not_in_order_is_named(heat_pump: Path, ops: Ops, manifest: str, what: str) -> None:
    (heat_pump.parent / "__init__.py").write_text(manifest)
    with pytest.raises(MpmOpsError, match=what):
        ops.tenant_revisions()


def test_a_company_at_a_plugins_revision_is_told_when_its_package_is_gone(
    heat_pump: Path, ops: Ops, acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops.install_plugin(acme.id, "AcmeHeatPump")
    monkeypatch.undo()
    ops.forget_revisions()
    assert ops.tenant_states()[0].state == "unknown revision"


def test_a_wrong_place_for_a_new_revision_is_told(ops: Ops) -> None:
    with pytest.raises(UnknownPlugin, match="Odyssey"):
        ops.make_migration_tenant("add colour", plugin="OdysseyDataExport")
    with pytest.raises(UsageError, match="no models"):
        ops.make_migration_tenant("add colour", plugin="SparkMeter", autogenerate=True)
