"""The nightly snapshot against a real Prefect server."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort
from pydantic import ValidationError

from flows.conduct import by_hand
from flows.usage_snapshot import UsagePolicy, usage_snapshot
from mpm_ops import Company, Ops
from mpm_ops.errors import FleetFailed
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.reports import as_markdown
from tests.integration.test_usage import insert

Register = Callable[..., Company]
pytestmark = [
    pytest.mark.slow,  # its server starts for half a minute
    pytest.mark.filterwarnings("default"),  # Prefect's own, of which we change nothing
]


def artifact() -> str:
    """Return the text that was published last."""
    key = ArtifactFilter(key=ArtifactFilterKey(any_=["usage-snapshot"]))
    with get_client(sync_client=True) as client:
        return str(client.read_artifacts(artifact_filter=key, sort=ArtifactSort.CREATED_DESC, limit=1)[0].data)


def test_the_night_keeps_and_publishes_what_it_measures(ops: Ops, register: Register, server: Server) -> None:
    companies = [register("Acme Power"), register("Sun | Hill ![x](http://evil.example) <b>"), register("Zed")]
    assert usage_snapshot(return_state=True).is_completed()
    assert "nobody" in artifact()
    insert(server, companies[1], 100_000)
    state = usage_snapshot(return_state=True)
    assert str(state.message).startswith("3 companies, ")
    assert len(ops.usage()) == 6
    largest, growing = artifact().split("### Fastest growing in 30 days")
    assert [line.split(" | ")[0] for line in largest.splitlines()[6:9]] == ["| 2", "| 1", "| 3"]
    assert growing.count("| 2 |") == 1
    assert "| 1 |" not in growing
    assert "+100,000" in growing
    assert as_markdown(companies[1].name) in growing
    assert "![x](" not in growing


def test_who_could_not_be_measured_makes_it_failed(
    ops: Ops, register: Register, maintenance: psycopg.Connection
) -> None:
    companies = [register(f"Company {number}") for number in range(3)]
    databases.drop(maintenance, companies[1].database)
    state = usage_snapshot(return_state=True)
    assert state.is_failed()
    assert state.message == "1/3 companies could not be measured"
    error = getattr(state.data, "result", state.data)
    assert isinstance(error, FleetFailed)
    assert isinstance(error.report, list)
    assert [bool(one.error) for one in error.report] == [False, True, False]
    assert r"- Company 1 (2): its database is gone" in artifact()
    assert [one.size is None for one in ops.usage()] == [False, True, False]


def test_a_dry_run_says_what_would_be_written(ops: Ops, register: Register, capfd: pytest.CaptureFixture[str]) -> None:
    register("Acme Power")
    state = usage_snapshot(UsagePolicy(dry_run=True), return_state=True)
    assert state.is_completed()
    assert str(state.message).endswith("; dry run, nothing was written")
    assert "| 1 | Acme Power |" in artifact()
    assert ops.usage() == []
    capfd.readouterr()
    assert by_hand(usage_snapshot, UsagePolicy, arguments=[]) == 0
    assert capfd.readouterr().out.splitlines()[-1].startswith("1 company, ")
    assert len(ops.usage()) == 1


def test_the_policy_refuses_what_it_does_not_know() -> None:
    for wrong in ({"keep_days": 0}, {"keep_day": 3}):
        with pytest.raises(ValidationError):
            UsagePolicy.model_validate(wrong)
