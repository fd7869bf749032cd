"""The flow that makes the companies' reports: what is written, what it says, and that one failure stops nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId
from psycopg import sql
from pydantic import ValidationError

from flows.company_report import TASKS, Made, ReportPolicy, company_report
from flows.conduct import by_hand
from mpm_ops import Company, Ops
from mpm_ops.demo.profiles import PROFILES
from mpm_ops.errors import FleetFailed

Register = Callable[..., Company]
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # as in test_flows.py


def artifact() -> str:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["company-report"])))
    return str(max(found, key=lambda one: str(one.created)).data)


def test_each_company_gets_its_files_and_one_that_fails_stops_nobody(
    ops: Ops, register: Register, maintenance: psycopg.Connection, tmp_path: Path
) -> None:
    made = [register(name) for name in ("[x](javascript:alert(1))", "Beta", "Gamma")]
    ops.fill_demo(made[0], PROFILES[0], until=dt.date(2026, 11, 23))
    maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(made[1].database)))
    state = company_report(ReportPolicy(to=tmp_path / "new", last_month="2026-10"), return_state=True)
    assert state.is_failed()
    assert str(state.message).startswith("1/3 reports failed: ServerUnavailable: ")
    assert "not currently accepting connections" in str(state.message)
    error = getattr(state.data, "result", state.data)
    assert isinstance(error, FleetFailed)
    assert isinstance(error.report, list)
    assert [bool(one.error) for one in error.report] == [False, True, False]
    assert {path.name for path in (tmp_path / "new").glob("*.html")} == {"1.html", "3.html"}
    assert {path.name for path in (tmp_path / "new").glob("1-*")} == {
        "1-payments.parquet", "1-by_month.parquet", "1-by_tariff.parquet",
    }  # fmt: skip
    text = artifact()
    assert "Beta (2)" in text
    assert r"\[x\](javascript\:alert(1))" in text
    assert "1-payments.parquet, 1.html" in text
    assert str(tmp_path) not in text


def test_a_dry_run_writes_nothing(ops: Ops, register: Register, tmp_path: Path) -> None:
    made = register("Acme")
    register("Beta")
    policy = ReportPolicy(companies=["Acme", made.id], to=tmp_path / "new", dry_run=True)
    state = company_report(policy, return_state=True)
    assert (state.is_completed(), state.message) == (True, "would make 1 report")
    of_all = company_report(ReportPolicy(companies=[], dry_run=True), return_state=True)
    assert of_all.message == "would make 2 reports"
    assert not (tmp_path / "new").exists()
    assert "Acme" in artifact()


def test_a_batch_that_cannot_run_is_counted_and_tasks_are_few(
    ops: Ops, register: Register, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Companies whose folder cannot be made: each is told, and Prefect hears of twenty tasks and a few."""
    (tmp_path / "file").touch()
    companies = [Made(company_id=register(f"C{number}").id, company=f"C{number}") for number in range(TASKS + 5)]
    state = company_report(ReportPolicy(to=tmp_path / "file"), return_state=True)
    assert str(state.message).startswith(f"{len(companies)}/{len(companies)} reports failed: ")
    with get_client(sync_client=True) as client:
        run_id = state.state_details.flow_run_id
        assert run_id is not None
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])))
    assert 0 < sum(one.name.startswith("make reports") for one in tasks) <= TASKS


def test_without_an_installation_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPM_OPS_CENTRAL_DATABASE", "no_such_central")
    assert not company_report(return_state=True).is_completed()


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_month": "2026-13"},
        {"first_month": "2026-3"},
        {"first_month": "2026-05", "last_month": "2026-04"},
        {"cell_seconds": 0},
        {"password": "x"},
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ReportPolicy.model_validate(wrong)


def test_by_hand_it_says_what_came_of_it(
    ops: Ops, register: Register, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    register("Acme")
    arguments = ["--companies", "acme", "--to", str(tmp_path), "--last-month", "2026-10"]
    assert by_hand(company_report, ReportPolicy, arguments=arguments) == 0
    assert "1 report made" in capfd.readouterr().out
    assert (tmp_path / "1.html").exists()
