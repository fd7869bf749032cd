"""Alerts: one automation that calls a webhook when a run of ours fails, crashes, times out or is late.

`MPM_OPS_ALERT_URL=https://... python flows/alerts.py` makes it on the Prefect server of PREFECT_API_URL, or brings the
one that is there up to date. The address is kept in a Webhook block, as a secret; the message of a failed run, which
names counts and causes, is the alert's text.
"""

from __future__ import annotations

import datetime as dt
import os
import sys

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect.automations import Automation
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import EventTrigger, Posture
from pydantic import SecretStr

NAME, BLOCK = "mpm-ops alerts", "mpm-ops-alerts"
STATES = ("Failed", "Crashed", "TimedOut", "Late")
#: What the webhook gets, as JSON; `text` is what Slack, Mattermost and Teams show.
PAYLOAD = """{
  "text": {{ (flow.name ~ ' ' ~ flow_run.state.name ~ ': ' ~ (flow_run.state.message or 'no message'))|tojson }},
  "flow": {{ flow.name|tojson }},
  "run": {{ flow_run.name|tojson }},
  "state": {{ flow_run.state.name|tojson }},
  "message": {{ (flow_run.state.message or '')|tojson }},
  "url": {{ flow_run|ui_url|tojson }}
}"""


def ensure(url: SecretStr) -> None:
    """Make the automation, or bring the one of its name up to date: however often this runs, there is one."""
    block = Webhook(method="POST", url=url)
    wanted = Automation(
        name=NAME,
        description="Calls a webhook when a run fails, crashes, times out or is late. Made by flows/alerts.py.",
        enabled=True,
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}" for state in STATES},
            match_related={"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.mpm-ops"},
            posture=Posture.Reactive,
            threshold=1,
            within=dt.timedelta(0),
        ),
        actions=[CallWebhook(block_document_id=block.save(BLOCK, overwrite=True), payload=PAYLOAD)],
    )
    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(NAME)
    if known:
        wanted.id = known[0].id
        wanted.update()
    else:
        wanted.create()


def main() -> int:
    """Make the alerts of this installation."""
    url = os.environ.get("MPM_OPS_ALERT_URL")
    if not url:
        sys.stderr.write("Set MPM_OPS_ALERT_URL to the address of a webhook.\n")
        return 2
    ensure(SecretStr(url))
    sys.stdout.write(f"{', '.join(STATES)} runs are told to the webhook ({NAME}).\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
