"""The smaller flows against a real Prefect server: dry runs that do nothing, ends that say what was found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError

from flows.check_drift import DriftPolicy, check_drift
from flows.conduct import report_of
from flows.health import NightPolicy, ReapPolicy, nightly_health, reap
from flows.migrate_central import CentralPolicy, migrate_central
from flows.provision_company import NewCompany, provision_company
from flows.rollback_run import RollbackPolicy, rollback_run
from mpm_ops import Company, FleetReport, Ops, Settings
from mpm_ops.companies.register import STEPS
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.reports import as_markdown
from tests.conftest import PREFIX
from tests.flows.test_conduct import artifacts
from tests.integration.test_migrations import own_revision
from tests.integration.test_register import environment, traces
from tests.unit.test_trees import write

Register = Callable[..., Company]
GIVEN = {"name": "Acme Power", "email": "info@acme.example.com", "admin_email": "ada@acme.example.com"}
NOTHING: dict[str, list[str]] = {"databases": [], "roles": [], "rows": []}

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # as in test_flows.py


def ended(flow: Any, policy: Any) -> tuple[str, str]:
    """Run a flow; return its state's name and message."""
    state = flow(policy, return_state=True)
    return state.name, state.message


KILLED = """
import os, signal, sys
import mpm_ops
from flows.provision_company import NewCompany, provision_company
register = mpm_ops.Ops.register
def die(step):
    if step == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
mpm_ops.Ops.register = lambda ops, **values: register(ops, **values, on_step=die)
provision_company(NewCompany(name="Acme Power", email="info@acme.example.com", admin_email="ada@acme.example.com"))
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_company_whose_run_was_killed_is_there_once_after_the_next(
    ops: Ops, settings: Settings, server: Server, maintenance: psycopg.Connection, step: str
) -> None:
    variables = {**environment(settings), "PREFECT_API_URL": PREFECT_API_URL.value() or "", "PYTHONPATH": "flows:."}
    killed = subprocess.run([sys.executable, "-c", KILLED, step], env=variables, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    for _ in range(2):
        assert ended(provision_company, NewCompany.model_validate(GIVEN))[0] == "Completed"
    (company,) = ops.list_companies()
    assert traces(maintenance, settings, server) == {
        "databases": [company.database],
        "roles": [f"{company.database}_{group}" for group in ("app", "personal", "read")],
        "rows": [f"company {company.id}", f"database {company.id}", "proxy ada@acme.example.com"],
    }


def test_another_company_of_the_same_address_is_refused(ops: Ops) -> None:
    assert ended(provision_company, NewCompany.model_validate(GIVEN))[0] == "Completed"
    for other in ({"name": "Other"}, {"admin_email": "bob@acme.example.com"}):
        name, message = ended(provision_company, NewCompany.model_validate({**GIVEN, **other}))
        assert name == "Failed"
        assert "is registered already" in message
    assert len(ops.list_companies()) == 1


def test_a_dry_registration_tells_and_makes_nothing(
    settings: Settings, server: Server, maintenance: psycopg.Connection
) -> None:
    planned = NewCompany.model_validate({**GIVEN, "name": "<b>Acme</b>", "plugins": [21], "dry_run": True})
    assert ended(provision_company, planned) == (
        "Completed",
        "would be registered on the server main, with the plugins: DemoMeterManufacturer",
    )
    assert any(as_markdown("<b>Acme</b>") in str(one.data) for one in artifacts("provision-company"))
    wrong = NewCompany.model_validate({**GIVEN, "email": "no", "dry_run": True})
    assert ended(provision_company, wrong)[0] == "Failed"
    assert traces(maintenance, settings, server) == NOTHING


def test_the_centre_is_migrated_after_it_was_told(ops: Ops, settings: Settings) -> None:
    last = ops._installation.central_tree.heads()[0]
    write(settings.own_migrations, "c1", None, up="op.execute('CREATE TABLE t (i int)')", labels=("own",), depends=last)
    ops.forget_revisions()
    assert ended(migrate_central, CentralPolicy(dry_run=True)) == ("Completed", "1 revision pending")
    assert [one.id for one in ops.pending()] == ["c1"]
    assert ended(migrate_central, CentralPolicy()) == ("Completed", "1 revision applied")
    assert ops.pending() == []
    assert ended(migrate_central, CentralPolicy()) == ("Completed", "0 revisions applied")
    assert any('"c1"' in str(one.data) for one in artifacts("migrate-central-revisions"))


def test_drift_is_counted_and_told(ops: Ops, register: Register, server: Server, settings: Settings) -> None:
    companies = [register("[x](javascript:alert(1))"), register("Sun Hill"), register("Gone")]
    named = DriftPolicy(companies=("Sun Hill",))
    assert ended(check_drift, DriftPolicy(dry_run=True)) == ("Completed", "3 companies would be compared")
    assert ended(check_drift, named) == ("Completed", "1 company as their revisions say")
    with server.connect(companies[0].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN x text")
    assert ended(check_drift, DriftPolicy()) == ("Failed", "1/3 companies drifted")
    assert any(r"\\[x\\](javascript" in str(one.data) for one in artifacts("check-drift-differences"))
    with server.connect("postgres") as connection:
        databases.drop(connection, companies[2].database)
    told = ended(check_drift, DriftPolicy(full=True))
    assert told == ("Failed", "1/3 companies drifted; 1/3 could not be compared")
    assert ended(check_drift, named)[0] == "Completed"


def test_a_run_is_undone_after_it_was_told(ops: Ops, settings: Settings, register: Register, server: Server) -> None:
    companies = [register(f"Company {number}") for number in range(2)]
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')", "op.execute('DROP TABLE t')")
    ops.forget_revisions()
    run_id = ops.migrate_tenant().run_id or 0
    planned = ended(rollback_run, RollbackPolicy(run_id=run_id, dry_run=True))
    assert planned == ("Completed", "dry run: 2 companies would go through 1 plan")
    assert any("DROP TABLE t" in str(one.data) for one in artifacts("rollback-run-plan"))
    with server.connect(companies[1].database) as tenant:
        tenant.execute("DROP TABLE t")
    state: Any = rollback_run(RollbackPolicy(run_id=run_id), return_state=True)
    assert state.is_failed()
    assert "1 failed" in state.message
    report = report_of(state)
    assert isinstance(report, FleetReport)
    assert [one.company for one in report.failed] == ["Company 1"]
    assert any("**1 failed**" in str(one.data) for one in artifacts("rollback-run-report"))
    name, message = ended(rollback_run, RollbackPolicy(run_id=10_000))
    assert name == "Failed"
    assert "10000" in message


def test_what_cannot_be_meant_is_refused_by_the_form() -> None:
    for wrong in ({"run_id": 0}, {"run_id": 1, "max_failures": "200%"}, {"run_id": 1, "colour": "red"}):
        with pytest.raises(ValidationError):
            RollbackPolicy.model_validate(wrong)


def test_a_dry_night_ends_nobody(ops: Ops, register: Register, maintenance: psycopg.Connection) -> None:
    company = register()
    login = ops.add_analyst("ada")
    stale = f"{PREFIX}template_0123456789ab"
    databases.create(maintenance, stale)
    try:
        ops.grant_analyst("ada", [company.id])
        with psycopg.connect(login.url, dbname=company.database, autocommit=True) as analyst:
            analyst.execute("BEGIN")
            analyst.execute("SELECT pg_sleep(1.1)")
            assert ended(reap, ReapPolicy(after=1, dry_run=True)) == ("Completed", "would be ended: 1")
            dry: Any = nightly_health(NightPolicy(after=1, dry_run=True), return_state=True)
            assert any("older" in str(row) or stale in str(row) for row in report_of(dry))  # type: ignore[attr-defined]  # rows
            analyst.execute("SELECT 1")
            assert databases.exists(maintenance, stale)
            nightly_health(NightPolicy(after=1), return_state=True)
            assert not databases.exists(maintenance, stale)
            with pytest.raises(psycopg.OperationalError):
                analyst.execute("SELECT 1")
        told = artifacts("nightly-health-ended")
        # Of what it is in, JSON doubles the backslashes.
        text = str([one.data for one in told]).replace("\\\\", "\\").replace("\\\\", "\\")
        assert as_markdown(login.login) in text
        assert as_markdown(stale) in text
    finally:
        ops.remove_analyst("ada")


@pytest.mark.parametrize("script", ["health", "migrate_central", "check_drift", "rollback_run", "provision_company"])
def test_a_flow_is_a_script_that_explains_itself(script: str, tmp_path: Path) -> None:
    variables = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    variables.pop("PYTHONPATH", None)
    command = [sys.executable, str(Path("flows", f"{script}.py").resolve()), "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120, check=True)
    assert "--dry-run" in done.stdout
