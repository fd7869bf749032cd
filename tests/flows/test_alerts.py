"""The automations of the alerts: made once, and brought up to date; a run that falls silent crashes."""

from __future__ import annotations

import datetime as dt
import time
from uuid import UUID

import pytest
from prefect import flow, tags
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.schemas.automations import EventTrigger
from prefect.states import Running
from pydantic import SecretStr

from flows import alerts

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # as in test_flows.py


def test_there_is_one_automation_of_each_however_often_they_are_made() -> None:
    for number in (1, 2):
        url = f"https://hooks.example.com/secret-{number}"
        alerts.ensure(SecretStr(url), silent_after=dt.timedelta(minutes=number))
        with get_client(sync_client=True) as client:
            (told,) = client.read_automations_by_name(alerts.NAME)
            (silent,) = client.read_automations_by_name(alerts.SILENT)
        assert told.enabled
        assert silent.enabled
        assert isinstance(silent.trigger, EventTrigger)
        assert silent.trigger.within == dt.timedelta(minutes=number)
        assert "secret" not in told.model_dump_json()
        block = Webhook.load(alerts.BLOCK)
        assert isinstance(block, Webhook)
        assert block.url.get_secret_value() == url


def beat(run: UUID) -> None:
    """Give a sign of life of a run, as Prefect's engine does."""
    emit_event(
        event="prefect.flow-run.heartbeat",
        resource={"prefect.resource.id": f"prefect.flow-run.{run}"},
        related=[{"prefect.resource.id": "prefect.tag.mpm-ops", "prefect.resource.role": "tag"}],
    )


def test_a_run_that_falls_silent_crashes() -> None:
    @flow
    def killed() -> None: ...

    alerts.ensure(SecretStr("http://127.0.0.1:9/"), silent_after=dt.timedelta(seconds=10))
    with get_client(sync_client=True) as client, tags("mpm-ops"):
        silent, alive = (client.create_flow_run(killed, state=Running()).id for _ in range(2))
        began = time.monotonic()
        beat(silent)
        while (state := client.read_flow_run(silent).state) and not state.is_crashed():
            assert time.monotonic() < began + 90
            beat(alive)
            time.sleep(1)
        assert time.monotonic() > began + 10
        assert state is not None
        assert state.message == "silent for 10 s: its process is gone"
        still = client.read_flow_run(alive).state
        assert still is not None
        assert still.is_running()


def test_without_an_address_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MPM_OPS_ALERT_URL", raising=False)
    assert alerts.main([]) == 2
    assert "MPM_OPS_ALERT_URL" in capsys.readouterr().err
