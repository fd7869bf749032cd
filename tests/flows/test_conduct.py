"""What the flows share: whom it lends, when it tries again, what it shows, how it ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prefect import State, flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.conduct import (
    PATIENT,
    FlowPolicy,
    artifact_key,
    by_hand,
    failed,
    fleet,
    named,
    passes,
    publish_markdown,
    publish_table,
    report_of,
    tell,
)
from mpm_ops import Ops
from mpm_ops.errors import FleetFailed, InvalidInput, QueryError, ServerUnavailable, Transient, UnknownCompany
from mpm_ops.harmless import harmless

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # as in test_flows.py


class Wanted(FlowPolicy):
    """What the flow of these tests is told."""

    companies: list[int | str] | None = Field(default=None, description="Some, or 100% of them.")
    share: float = Field(default=1, gt=0, le=1, description="How much.")

    @property
    def subject(self) -> str:
        return named(self.companies)


def artifacts(key: str) -> list[Artifact]:
    """Return the artifacts of a key."""
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))


def test_tasks_find_what_their_flow_has_opened(ops: Ops) -> None:
    @task
    def look() -> tuple[int, list[Any]]:
        with fleet() as lent:
            return id(lent), lent.list_companies()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]  # prefect's own overloads
    def lends() -> State[set[int]]:
        with fleet() as opened:
            futures = [look.submit() for _ in range(4)]
            seen = {future.result()[0] for future in futures} | {look()[0]}
            own: list[int] = []
            # Who has no context of the flow's, as another process.
            stranger = threading.Thread(target=lambda: own.append(look.fn()[0]))
            stranger.start()
            stranger.join()
            return Completed(message="", data={id(opened)} == seen and own[0] not in seen)

    assert report_of(lends(return_state=True)) is True


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (Transient("lost"), True),
        (ServerUnavailable("refused", away=True), True),
        (httpx.ConnectError("refused"), True),
        (ServerUnavailable("wrong password"), False),
        (QueryError("syntax"), False),
        (InvalidInput("name"), False),
        (FleetFailed("1/3"), False),
        (ValueError("ours"), False),
    ],
)
def test_it_is_tried_again_when_the_infrastructure_failed(error: Exception, again: bool) -> None:
    tries = []

    @task(**{**PATIENT, "retry_delay_seconds": 0})
    def unlucky() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise error
        return len(tries)

    @flow
    def tried() -> int:
        return unlucky()

    state: Any = tried(return_state=True)
    assert (state.is_completed(), len(tries)) == ((True, 3) if again else (False, 1))
    assert PATIENT["retry_condition_fn"] is passes


def test_what_was_returned_once_is_not_taken_for_what_would_be_returned_now() -> None:
    calls: list[int] = []

    @task(persist_result=True, **PATIENT)
    def look() -> int:
        calls.append(1)
        return len(calls)

    @flow
    def twice() -> list[int]:
        return [look(), look()]

    assert twice() == [1, 2]


def test_artifacts_hold_harmless_cells_and_not_too_many() -> None:
    rows = [{"id": number, "company": "<b>Acme</b>", "share": 0.5} for number in range(7)]

    @flow
    def publishes() -> None:
        publish_table("Test conduct: rows", rows, most=3)
        publish_table("test-conduct-none", [])
        publish_markdown("test conduct text", "**x**", description="of a test")

    publishes()
    (table,) = artifacts("test-conduct-rows")
    assert "and 4 more" in str(table.data)
    assert str(table.data).count(r"\\<b\\>Acme") == 3
    assert not artifacts("test-conduct-none")
    assert artifacts("test-conduct-text")[0].data == "**x**"
    assert artifact_key("Check drift: Ärger!") == "check-drift-rger"


def test_an_end_is_logged_once_and_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    secret = "hunter2"

    @flow(name="unlucky", on_failure=[tell])
    def unlucky(policy: Wanted) -> State[Any]:
        if policy.companies:
            raise ValueError(f"postgresql://ada:{secret}@db/x\nhost=db password={secret} sslmode=on")
        return failed("1/3 companies failed", ["them"])

    with caplog.at_level(logging.ERROR, logger="prefect.flow_runs"):
        known: Any = unlucky(Wanted(), return_state=True)
    told = [record.getMessage() for record in caplog.records if "account:" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("unlucky Failed: 1/3 companies failed; account: ")
    assert report_of(known) == ["them"]
    caplog.clear()
    with caplog.at_level(logging.ERROR, logger="prefect.flow_runs"):
        assert report_of(unlucky(Wanted(companies=[1]), return_state=True)) is None
    (line,) = [record.getMessage() for record in caplog.records if "account:" in record.getMessage()]
    assert secret not in line
    assert "\n" not in line
    assert "postgresql://ada:***@db/x host=db password=*** sslmode=on" in line


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Callable[[list[str]], int]:
    @flow(name="counted", flow_run_name="counted: {policy.title}")
    def counted(policy: Wanted) -> State[Any]:
        """Count, 100% of them."""
        if policy.companies == ["nobody"]:
            raise UnknownCompany("no company nobody")
        if policy.share < 1:
            return failed("too \x1b[31mfew [/red]", policy)
        return Completed(message=f"{policy.title}: {policy.companies}", data=policy)

    return lambda arguments: by_hand(
        counted,
        Wanted,
        show=lambda console, report: console.print(f"shown {type(report).__name__}"),
        arguments=arguments,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 0, "all companies: None"),
        (["--companies", "Acme", "2"], 0, "2 companies: ['Acme', '2']"),
        (["--policy", '{"companies": [2]}', "--dry-run"], 0, "2 (dry run): [2]"),
        (["--share", "0.5"], 1, harmless("too \x1b[31mfew [/red]")),
        (["--companies", "nobody"], 2, "no company nobody"),
    ],
)
def test_by_hand_a_flow_prints_what_it_says(
    counted: Callable[[list[str]], int], capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert counted(arguments) == code
    out = capfd.readouterr().out
    assert said in out
    assert "\x1b" not in out
    assert "shown " in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--share", "2"], "--share: Input should be less than or equal to 1"),
        (["--policy", '{"colour": 1}'], "--colour: Extra inputs are not permitted"),
        (["--policy", "[]"], "--policy: is no JSON object"),
        (["--policy", "{"], "--policy: "),
    ],
)
def test_by_hand_what_cannot_be_meant_is_told(
    counted: Callable[[list[str]], int], capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        counted(arguments)
    assert ended.value.code == 2
    assert said in capfd.readouterr().err


def test_by_hand_help_names_every_field(counted: Callable[[list[str]], int], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        counted(["--help"])
    out = capfd.readouterr().out
    assert "Count, 100% of them." in out
    assert "--dry-run, --no-dry-run" in out
    assert "Some, or 100% of them." in out
