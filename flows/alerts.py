"""Alerts: a webhook is called when a run of ours fails, crashes, times out or is late; one that falls silent crashed.

`MPM_OPS_ALERT_URL=https://... python flows/alerts.py` makes two automations on the Prefect server of PREFECT_API_URL,
or brings those that are there up to date. The address is kept in a Webhook block, as a secret; the message of a failed
run, which names counts and causes, is the alert's text.

A run whose machine or process is gone cannot say so, and would be shown as Running for ever. With
PREFECT_FLOWS_HEARTBEAT_FREQUENCY set where it runs (30 seconds is the least) it is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from collections.abc import Sequence

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect.automations import Automation
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from pydantic import SecretStr

NAME, SILENT, BLOCK = "mpm-ops alerts", "mpm-ops silent runs", "mpm-ops-alerts"
STATES = ("Failed", "Crashed", "TimedOut", "Late")
#: Six heartbeats: a machine that is busy may miss a few.
SILENT_AFTER = dt.timedelta(minutes=3)
#: Only what is tagged as ours.
OURS = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.mpm-ops"}
#: What the webhook gets, as JSON; `text` is what Slack, Mattermost and Teams show.
PAYLOAD = """{
  "text": {{ (flow.name ~ ' ' ~ flow_run.state.name ~ ': ' ~ (flow_run.state.message or 'no message'))|tojson }},
  "flow": {{ flow.name|tojson }},
  "run": {{ flow_run.name|tojson }},
  "state": {{ flow_run.state.name|tojson }},
  "message": {{ (flow_run.state.message or '')|tojson }},
  "url": {{ flow_run|ui_url|tojson }}
}"""


def ensure(url: SecretStr, *, silent_after: dt.timedelta = SILENT_AFTER) -> None:
    """Make the automations, or bring those of their names up to date: however often this runs, there is one of each."""
    for automation in (told(url), silent(silent_after)):
        _ensure(automation)


def told(url: SecretStr) -> Automation:
    """Return the automation that tells a webhook; its address is saved in a block."""
    block = Webhook(method="POST", url=url)
    return Automation(
        name=NAME,
        description="Calls a webhook when a run fails, crashes, times out or is late. Made by flows/alerts.py.",
        enabled=True,
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}" for state in STATES},
            match_related=OURS,
            posture=Posture.Reactive,
            threshold=1,
            within=dt.timedelta(0),
        ),
        actions=[CallWebhook(block_document_id=block.save(BLOCK, overwrite=True), payload=PAYLOAD)],
    )


def silent(after: dt.timedelta) -> Automation:
    """Return the automation that has a run crash of which nothing was heard for so long: no heartbeat, no end."""
    seconds = f"{after.total_seconds():g} s"
    return Automation(
        name=SILENT,
        description="A run without a heartbeat has crashed. Made by flows/alerts.py.",
        enabled=True,
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=OURS,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=after,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=f"silent for {seconds}: its process is gone")],
    )


def _ensure(wanted: Automation) -> None:
    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(wanted.name)
    if known:
        wanted.id = known[0].id
        wanted.update()
    else:
        wanted.create()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the alerts of this installation."""
    parser = argparse.ArgumentParser(description="Make the alerts, on the Prefect server of PREFECT_API_URL.")
    parser.add_argument(
        "--silent-after",
        type=float,
        default=SILENT_AFTER.total_seconds(),
        metavar="SECONDS",
        help="without a heartbeat until a run has crashed; at least twice PREFECT_FLOWS_HEARTBEAT_FREQUENCY",
    )
    silent_after = parser.parse_args(arguments).silent_after
    url = os.environ.get("MPM_OPS_ALERT_URL")
    if not url:
        sys.stderr.write("Set MPM_OPS_ALERT_URL to the address of a webhook.\n")
        return 2
    ensure(SecretStr(url), silent_after=dt.timedelta(seconds=silent_after))
    sys.stdout.write(f"{', '.join(STATES)} runs are told to the webhook ({NAME}).\n")
    sys.stdout.write(f"Runs without a heartbeat for {silent_after:g} s are Crashed ({SILENT}).\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
