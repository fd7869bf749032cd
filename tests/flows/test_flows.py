"""The flows against a real Prefect server: what ends Completed, what ends Failed, and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.conduct import by_hand
from flows.health import ReapPolicy, nightly_health, reap
from flows.migrate_companies import MigratePolicy, migrate_companies, show
from flows.provision_company import NewCompany, provision_company
from mpm_ops import Company, FleetReport, Ops, Settings
from mpm_ops.errors import FleetFailed
from mpm_ops.postgres.server import Server
from tests.conftest import reopen
from tests.flows.test_conduct import artifacts
from tests.integration.test_migrations import own_revision

Register = Callable[..., Company]
pytestmark = [
    pytest.mark.slow,  # its server starts for half a minute
    pytest.mark.filterwarnings("default"),  # Prefect's own, of which we change nothing
]


def test_all_companies_are_migrated_in_batches_and_reported(ops: Ops, settings: Settings, register: Register) -> None:
    for number in range(3):
        register(f"Company {number}")
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')")
    ops.forget_revisions()
    state = migrate_companies(MigratePolicy(batch_size=2), return_state=True)
    assert state.is_completed()
    assert str(state.message).startswith("run 1, migrate-tenant: 3 done of 3 companies")
    assert {found.state for found in ops.tenant_states()} == {"current"}
    with get_client(sync_client=True) as client:
        summary = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["migrate-companies-report"]))
        )
    assert any("**3 done** of 3 companies" in str(artifact.data) for artifact in summary)


def test_one_bad_company_makes_the_run_failed_and_is_counted(
    ops: Ops, settings: Settings, register: Register, server: Server
) -> None:
    companies = [register(f"Company {number}") for number in range(3)]
    with server.connect(companies[1].database) as tenant:
        tenant.execute("CREATE TABLE t (i int)")
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')")
    ops.forget_revisions()
    state = migrate_companies(return_state=True)
    assert state.is_failed()
    assert str(state.message).startswith('1/3 companies failed: 1 cause; 1 × relation "t" already exists')
    assert str(state.message).endswith("; mpm-ops run 1")
    error = getattr(state.data, "result", state.data)
    assert isinstance(error, FleetFailed)
    report = error.report
    assert isinstance(report, FleetReport)
    assert [outcome.company for outcome in report.failed] == ["Company 1"]
    assert [found.state for found in ops.tenant_states()] == ["current", "behind", "current"]


def test_the_form_leaves_out_whom_it_says(ops: Ops, settings: Settings, register: Register) -> None:
    for number in range(3):
        register(f"Company {number}")
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')")
    ops.forget_revisions()
    state = migrate_companies(MigratePolicy(skip=("Company 2",), match=("*1", "Company*")), return_state=True)
    assert str(state.message).startswith("run 1, migrate-tenant: 1 done of 1 company")
    assert [found.state for found in ops.tenant_states()] == ["behind", "current", "behind"]


def test_a_canary_and_a_budget_are_of_all_companies(ops: Ops, settings: Settings, register: Register) -> None:
    for number in range(3):
        register(f"Company {number}")
    own_revision(settings, "o1", None, "op.execute('SELECT 1/0')")
    ops.forget_revisions()
    policy = MigratePolicy(batch_size=1, canary="1", max_failures="1")
    state = migrate_companies(policy, return_state=True)
    assert state.is_failed()
    assert str(state.message).startswith("1/3 companies failed: 1 cause; 1 × division by zero; 2 untouched; halted: ")
    assert len(ops.runs()) == 1


def test_a_batch_that_cannot_run_is_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPM_OPS_CENTRAL_DATABASE", "no_such_central")
    assert not migrate_companies(return_state=True).is_completed()


def test_provisioning_twice_makes_one_company(ops: Ops) -> None:
    company = NewCompany(name="北京电力", email="info@example.com", admin_email="admin@example.com", plugins=[21])
    for _ in range(2):
        state = provision_company(company, return_state=True)
        assert state.is_completed()
        assert state.message == "company 1 is active in " + ops.get_company(1).database
    assert [found.name for found in ops.list_companies()] == ["北京电力"]


def test_bad_input_fails_the_run_and_makes_nothing(ops: Ops) -> None:
    company = NewCompany(name="", email="no", admin_email="no")
    assert provision_company(company, return_state=True).is_failed()
    assert ops.list_companies() == []


@pytest.fixture
def hardened(ops: Ops, maintenance: psycopg.Connection) -> Iterator[None]:
    ops.harden()
    yield
    reopen(maintenance, ops.settings)


@pytest.mark.usefixtures("hardened")
def test_the_night_tells_what_needs_attention(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    quiet = nightly_health(return_state=True)
    assert (quiet.is_completed(), quiet.message) == (True, "nobody needs attention; ended: 0")
    with server.connect(company.database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN x text")
        tenant.execute(f"GRANT INSERT ON people TO {company.database}_read".encode())
    loud = nightly_health(return_state=True)
    assert loud.is_failed()
    assert loud.message == "needs attention: drift 1, doctor 1"
    tables = [str(table.data) for table in artifacts("nightly-health-findings")]
    assert any("Acme Power" in table and "REVOKE INSERT" in table for table in tables)


def test_what_is_over_is_ended_on_time(ops: Ops, register: Register) -> None:
    company = register()
    login = ops.add_analyst("ada")
    try:
        ops.grant_analyst("ada", [company.id])
        with psycopg.connect(login.url, dbname=company.database, autocommit=True) as analyst:
            analyst.execute("SET statement_timeout = 0")
            analyst.execute("BEGIN")
            analyst.execute("SELECT 1")
            while (state := reap(ReapPolicy(after=1), return_state=True)).message != "ended: 1":
                assert state.is_completed()
            with pytest.raises(psycopg.OperationalError):
                analyst.execute("SELECT 1")
    finally:
        ops.remove_analyst("ada")


def test_names_and_errors_are_printed_as_text(
    ops: Ops, settings: Settings, register: Register, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    register("[/red] Power")
    own_revision(settings, "o1", None, "op.execute(\"DO 'BEGIN RAISE USING MESSAGE = chr(27) || $$[31m$$; END'\")")
    ops.forget_revisions()
    monkeypatch.setenv("COLUMNS", "300")
    assert by_hand(migrate_companies, MigratePolicy, show=show, arguments=[]) == 1
    out, err = capfd.readouterr()
    assert "[/red] Power" in out
    assert "\u241b[31m" in out
    assert "\x1b" not in out + err


SHOW = """
import migrate_companies
from prefect.settings import get_current_settings
found = get_current_settings().server
print(found.ephemeral.startup_timeout_seconds, found.analytics_enabled)
"""


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, "120 False"), ({"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "7"}, "7 False")],
)
def test_a_flow_run_by_hand_gives_its_server_time_and_tells_nobody(
    given: dict[str, str], said: str, tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if "PREFECT" not in name and name != "DO_NOT_TRACK"}
    variables = {**kept, "PREFECT_HOME": str(tmp_path), **given}
    # In the folder of the flows, as `python flows/migrate_companies.py` is.
    command = [sys.executable, "-c", SHOW]
    done = subprocess.run(command, cwd="flows", env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == said
