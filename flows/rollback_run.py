"""Flow: undo exactly what one fleet run applied, company by company.

Run it by hand, without a server (`python flows/rollback_run.py --run-id 12 --dry-run`), or as the deployment in
prefect.yaml.
"""

from __future__ import annotations

import sys
from typing import Any, Self

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, task
from prefect.states import Completed
from pydantic import Field, model_validator

import mpm_ops
from flows.conduct import PATIENT, FlowPolicy, by_hand, failed, fleet, publish_markdown, publish_report, tell
from mpm_ops import FleetReport
from mpm_ops.harmless import harmless
from mpm_ops.records import DryRun
from mpm_ops.reports import planned, told


class RollbackPolicy(FlowPolicy):
    """Which run is undone, and how. What it made is lost with all that is stored in it."""

    run_id: int = Field(ge=1, description="The run to undo: its number in `mpm-ops runs`.")
    workers: int = Field(default=8, ge=1, le=512, description="Company databases worked on at the same time, at most.")
    attempts: int = Field(default=4, ge=1, le=20, description="Tries per company when the error is transient.")
    outage: float = Field(
        default=60, ge=0, le=3_600, description="Seconds that a server may be away before its companies are given up."
    )
    lock_timeout: int = Field(default=2_000, ge=0, le=3_600_000, description="Milliseconds to wait for a table lock.")
    statement_timeout: int = Field(
        default=0, ge=0, le=86_400_000, description="Milliseconds that one statement may take; 0 is no limit."
    )
    max_failures: str = Field(
        default="", description="So many failures, 3 or 5%, and no further company is begun; empty is no limit."
    )

    @model_validator(mode="after")
    def _suits_the_engine(self) -> Self:
        self.engine()
        return self

    @property
    def subject(self) -> str:
        """Name the run."""
        return f"run {self.run_id}"

    def engine(self) -> mpm_ops.Policy:
        """Return the part that the engine below understands."""
        return mpm_ops.Policy(**self.model_dump(exclude={"run_id", "dry_run"}))


@task(name="plan", **PATIENT)
def plan(run_id: int) -> DryRun:
    """Tell what undoing the run would do. Raises UnknownRun."""
    with fleet() as ops:
        return ops.plan_rollback_run(run_id)


# Tried again it undoes what is left: who is back already is skipped.
@task(name="undo", **PATIENT)
def undo(policy: RollbackPolicy) -> FleetReport:
    """Undo the run. One bad company does not raise."""
    with fleet() as ops:
        report = ops.rollback_run(policy.run_id, policy=policy.engine())
    for outcome in report.failed:
        get_run_logger().error("%s (%s): %s", harmless(outcome.company), outcome.company_id, harmless(outcome.why))
    return report


@flow(name="rollback-run", flow_run_name="rollback-run: {policy.title}", on_failure=[tell], on_crashed=[tell])
def rollback_run(policy: RollbackPolicy) -> State[Any]:
    """Undo what one run applied; ends Failed when some company could not be brought back."""
    with fleet():
        if policy.dry_run:
            found = plan(policy.run_id)
            publish_markdown("rollback-run-plan", planned(found), description="The SQL of each distinct plan")
            return Completed(message=told(found), data=found)
        report = undo(policy)
    publish_report("rollback-run", report)
    return Completed(message=str(report), data=report) if report.ok else failed(str(report), report)


if __name__ == "__main__":
    sys.exit(by_hand(rollback_run, RollbackPolicy))
