"""Flows: what is over is ended every few minutes; every night somebody looks at the whole fleet.

Run the nightly one by hand, without a server (`python flows/health.py --help`), or both as the deployments in
prefect.yaml.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, task
from prefect.states import Completed
from pydantic import Field

from flows.conduct import PATIENT, FlowPolicy, by_hand, failed, fleet, publish_markdown, publish_table, tell
from mpm_ops.harmless import harmless

#: What was found: where, what, and what puts it right.
Finding = dict[str, str]


class ReapPolicy(FlowPolicy):
    """How long those who read may be at something."""

    after: float = Field(
        default=600,
        ge=1,
        le=86_400,
        description="Seconds that a statement or an open transaction of an analyst's may take.",
    )

    @property
    def subject(self) -> str:
        """Say what is ended."""
        return f"what is over, or older than {self.after:g} s"


class NightPolicy(ReapPolicy):
    """What is looked at by night."""

    full: bool = Field(default=False, description="For drift, compare also what has not changed since the last time.")

    @property
    def subject(self) -> str:
        """Say whom it is about."""
        return "all companies"


@task(name="end what is over", **PATIENT)
def end_what_is_over(policy: ReapPolicy) -> Sequence[str]:
    """End grants, tokens and sessions whose time is over; return what was ended, or would be, a line each."""
    with fleet() as ops:
        swept = ops.sweep(dry_run=policy.dry_run)
        reaped = ops.reap(seconds=policy.after, dry_run=policy.dry_run)
    ended = [*swept, *(f"{one.login} in {one.database}: {one.what} for {one.seconds:.0f} s" for one in reaped)]
    for line in ended:
        get_run_logger().warning("%s: %s", "would be ended" if policy.dry_run else "ended", harmless(line))
    return ended


@task(name="tidy up", **PATIENT)
def tidy_up() -> Sequence[str]:
    """Settle registrations and logins that a crash left, drop templates of older revisions; return what was done."""
    with fleet() as ops:
        settled = [f"registration of company {one.company_id}: {one.result}" for one in ops.reconcile()]
        stale = [one for one in ops.audit() if one.kind == "stale template"]
        # One that is being copied stays for the next night.
        dropped = [f"template {one.finding.subject}: dropped" for one in ops.repair(stale) if not one.error]
    return [*settled, *dropped]


@task(name="status", **PATIENT)
def status() -> list[Finding]:
    """Find the companies that are behind, out of reach, or failed last."""
    with fleet() as ops:
        found = ops.status()
    failed_last = [_finding(name, "its last migration failed", "mpm-ops runs") for name in found.failed_last]
    return [*(_finding(one.company, f"is {one.state}", "mpm-ops status") for one in found.astray), *failed_last]


@task(name="drift", **PATIENT)
def drift(*, full: bool) -> list[Finding]:
    """Find the companies whose database is not as its own revision makes it."""
    with fleet() as ops:
        found = [one for one in ops.drift(full=full) if not one.clean]
    return [
        _finding(one.company, one.error or f"differences: {len(one.differences)}", f"mpm-ops drift {one.company_id}")
        for one in found
    ]


@task(name="audit", **PATIENT)
def audit() -> list[Finding]:
    """Find where the servers and the central database disagree, and what a killed process left."""
    with fleet() as ops:
        return [_finding(one.company or one.subject, one.what, one.repair) for one in ops.audit()]


@task(name="doctor", **PATIENT)
def doctor() -> list[Finding]:
    """Find what lets an analyst do more than was granted."""
    with fleet() as ops:
        return [_finding(one.company or one.subject, f"{one.subject}: {one.what}", one.fix) for one in ops.doctor()]


@flow(name="reap", flow_run_name="reap: {policy.title}", on_failure=[tell], on_crashed=[tell])
def reap(policy: ReapPolicy = ReapPolicy()) -> State[Sequence[str]]:  # noqa: B008 it is frozen
    """End what is over, and what those who read have been at for too long."""
    with fleet():
        ended = end_what_is_over(policy)
    return Completed(message=_ended(policy, ended), data=ended)


@flow(name="nightly-health", flow_run_name="nightly-health: {policy.title}", on_failure=[tell], on_crashed=[tell])
def nightly_health(policy: NightPolicy = NightPolicy()) -> State[Any]:  # noqa: B008 it is frozen
    """End what is over, tidy up, and look at the fleet; Failed when something needs attention."""
    with fleet():
        ended = end_what_is_over(policy)
        tidied = [] if policy.dry_run else tidy_up()
        looks: dict[str, Callable[[], list[Finding]]] = {
            "status": status,
            "drift": lambda: drift(full=policy.full),
            "audit": audit,
            "doctor": doctor,
        }
        found = {name: look() for name, look in looks.items()}
    counts = ", ".join(f"{name} {len(findings)}" for name, findings in found.items() if findings)
    summary = f"needs attention: {counts}" if counts else "nobody needs attention"
    rows = [{"look": name, **one} for name, findings in found.items() for one in findings]
    publish_markdown("nightly-health-summary", f"**{summary}**; {_ended(policy, ended)}; tidied up: {len(tidied)}")
    publish_table("nightly-health-ended", [{"what": line} for line in [*ended, *tidied]], description="What was ended")
    publish_table("nightly-health-findings", rows, description="What needs attention, and its fix")
    return failed(summary, rows) if rows else Completed(message=f"{summary}; {_ended(policy, ended)}", data=rows)


def _ended(policy: ReapPolicy, ended: Sequence[str]) -> str:
    return f"{'would be ended' if policy.dry_run else 'ended'}: {len(ended)}"


def _finding(subject: str, what: str, fix: str) -> Finding:
    return {"subject": subject, "what": what, "fix": fix}


if __name__ == "__main__":
    sys.exit(by_hand(nightly_health, NightPolicy))
