"""The automation of the alerts: made once, and brought up to date."""

from __future__ import annotations

import pytest
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from pydantic import SecretStr

from flows import alerts

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # as in test_flows.py


def test_there_is_one_automation_however_often_it_is_made() -> None:
    for url in ("https://hooks.example.com/secret-1", "https://hooks.example.com/secret-2"):
        alerts.ensure(SecretStr(url))
        with get_client(sync_client=True) as client:
            (made,) = client.read_automations_by_name(alerts.NAME)
        assert made.enabled
        assert "secret" not in made.model_dump_json()
        block = Webhook.load(alerts.BLOCK)
        assert isinstance(block, Webhook)
        assert block.url.get_secret_value() == url


def test_without_an_address_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MPM_OPS_ALERT_URL", raising=False)
    assert alerts.main() == 2
    assert "MPM_OPS_ALERT_URL" in capsys.readouterr().err
