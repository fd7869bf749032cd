"""Flows: what is over is ended every few minutes; every night somebody looks at the whole fleet.

Run the nightly one by hand, without a server (`python flows/health.py`), or both as the deployments in prefect.yaml.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

import mpm_ops
from mpm_ops.errors import FleetFailed

#: What was found: where, what, and what puts it right.
Finding = dict[str, str]


class ReapPolicy(BaseModel):
    """How long those who read may be at something."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: float = Field(
        default=600, ge=1, description="Seconds that a statement or an open transaction of an analyst's may take."
    )


@task(name="end what is over", retries=2, retry_delay_seconds=[2, 10], retry_jitter_factor=0.5)
def end_what_is_over(after: float) -> Sequence[str]:
    """End grants, tokens and sessions whose time is over; return what was ended, a line each."""
    with mpm_ops.connect() as ops:
        swept = ops.sweep()
        reaped = ops.reap(seconds=after)
    ended = [*swept, *(f"{one.login} in {one.database}: {one.what} for {one.seconds:.0f} s" for one in reaped)]
    for line in ended:
        get_run_logger().warning("ended: %s", line)
    return ended


@flow(name="reap")
def reap(policy: ReapPolicy | None = None) -> State[Sequence[str]]:
    """End what is over, and what those who read have been at for too long."""
    ended = end_what_is_over((policy or ReapPolicy()).after)
    return Completed(message=f"ended: {len(ended)}", data=ended)


@task(name="revisions", retries=2, retry_delay_seconds=[2, 10])
def revisions() -> list[Finding]:
    """Find the companies that are behind, out of reach, or failed last."""
    with mpm_ops.connect() as ops:
        status = ops.status()
    failed = [(name, "its last migration failed", "mpm-ops runs") for name in status.failed_last]
    astray = [(one.company, f"is {one.state}", "mpm-ops status") for one in status.astray]
    return [_finding(*one) for one in [*astray, *failed]]


@task(name="drift", retries=2, retry_delay_seconds=[2, 10])
def drift() -> list[Finding]:
    """Find the companies whose database is not as its own revision makes it."""
    with mpm_ops.connect() as ops:
        found = [one for one in ops.drift() if not one.clean]
    return [
        _finding(one.company, one.error or f"differences: {len(one.differences)}", f"mpm-ops drift {one.company_id}")
        for one in found
    ]


@task(name="audit", retries=2, retry_delay_seconds=[2, 10])
def audit() -> list[Finding]:
    """Find where the servers and the central database disagree."""
    with mpm_ops.connect() as ops:
        return [_finding(one.company or one.subject, one.what, one.repair) for one in ops.audit()]


@task(name="doctor", retries=2, retry_delay_seconds=[2, 10])
def doctor() -> list[Finding]:
    """Find what lets an analyst do more than was granted."""
    with mpm_ops.connect() as ops:
        return [_finding(one.company or one.subject, f"{one.subject}: {one.what}", one.fix) for one in ops.doctor()]


@flow(name="nightly-health")
def nightly_health(policy: ReapPolicy | None = None) -> State[list[Finding]]:
    """End what is over, and look at the fleet; Failed when something needs attention."""
    ended = end_what_is_over((policy or ReapPolicy()).after)
    found = {"revisions": revisions(), "drift": drift(), "audit": audit(), "doctor": doctor()}
    counts = ", ".join(f"{name} {len(findings)}" for name, findings in found.items() if findings)
    summary = f"needs attention: {counts}" if counts else "nobody needs attention"
    create_markdown_artifact(f"**{summary}**; ended: {len(ended)}", key="nightly-health-summary")
    rows = [{"look": name, **one} for name, findings in found.items() for one in findings]
    if rows:
        create_table_artifact(rows, key="nightly-health-findings", description="What needs attention, and its fix")
        # An error, as in migrate_companies.py.
        return Failed(message=summary, data=FleetFailed(summary, report=rows))
    return Completed(message=f"{summary}; ended: {len(ended)}", data=rows)


def _finding(subject: str, what: str, fix: str) -> Finding:
    return {"subject": subject, "what": what, "fix": fix}


def main() -> int:
    """Run the flow here and now, and print what it found."""
    state = nightly_health(return_state=True)
    sys.stdout.write(f"{state.message}\n")
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main())
