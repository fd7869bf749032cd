"""prefect.yaml: its deployments name flows that exist, take their parameters, and come when it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.flows import load_flow_from_entrypoint

from flows import alerts, conduct

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "prefect.yaml").read_text()
DECLARED: dict[str, Any] = yaml.safe_load(TEXT)
DEPLOYMENTS: dict[str, dict[str, Any]] = {one["name"]: one for one in DECLARED["deployments"]}
#: Those that write to many databases at once.
ALONE = {"migrate-central", "migrate-companies", "rollback-run"}

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # as in test_flows.py


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> Flow[..., Any]:
    """Return the flow of a deployment, loaded as a worker loads it."""
    monkeypatch.chdir(ROOT)
    return load_flow_from_entrypoint(DEPLOYMENTS[name]["entrypoint"])


def test_every_flow_is_deployed() -> None:
    assert set(DEPLOYMENTS) == {
        "provision-company",
        "migrate-central",
        "migrate-companies",
        "take-batches",
        "rollback-run",
        "check-drift",
        "nightly-health",
        "reap",
        "usage-snapshot",
        "company-report",
    }
    assert len(DEPLOYMENTS) == len(DECLARED["deployments"])
    assert {one["work_pool"]["name"] for one in DEPLOYMENTS.values()} == {"mpm-ops"}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_fits_its_flow(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(name, monkeypatch)
    assert found.name == name
    parameters = DEPLOYMENTS[name].get("parameters", {})
    assert set(found.parameters.properties) == {"policy"}
    if parameters or not found.parameters.required:
        found.validate_parameters(parameters)
    assert DEPLOYMENTS[name]["description"]
    # The alerts listen to this tag.
    assert conduct.TAG in DEPLOYMENTS[name]["tags"]
    assert alerts.OURS["prefect.resource.id"] == f"prefect.tag.{conduct.TAG}"
    fields = str(found.parameters.model_dump())
    assert "'dry_run'" in fields


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_times_are_of_one_zone_and_come(name: str) -> None:
    for schedule in DEPLOYMENTS[name].get("schedules", []):
        assert schedule["timezone"] == "Africa/Dar_es_Salaam"
        assert ZoneInfo(schedule["timezone"])
        CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
    assert TEXT.count("cron:") == len(DECLARED["definitions"]["times"])


def test_who_writes_to_many_databases_is_alone() -> None:
    for name in ALONE:
        assert DEPLOYMENTS[name]["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


def test_it_holds_no_secret() -> None:
    assert "PASSWORD" not in TEXT.upper()
    assert os.environ["MPM_OPS_DATABASE_URL"] not in TEXT
