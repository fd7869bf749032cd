"""Flow: migrate the databases of all companies, and report on every one of them.

Run it by hand, without a server (`python flows/migrate_companies.py`), or as the deployment in prefect.yaml.
"""

from __future__ import annotations

import sys
import time

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.futures import wait
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field
from rich.table import Table
from rich.text import Text

import mpm_ops
from mpm_ops import FleetReport
from mpm_ops.cli.terminal import Terminal
from mpm_ops.errors import FleetFailed
from mpm_ops.harmless import harmless


class MigratePolicy(mpm_ops.Policy):
    """How the companies are migrated."""

    companies: list[int | str] | None = Field(default=None, description="Ids, names or e-mails; empty is all of them.")
    batch_size: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="Companies per Prefect task. With a canary, waves or a limit of failures all are in one.",
    )

    def engine(self) -> mpm_ops.Policy:
        """Return the part that the engine below understands."""
        return mpm_ops.Policy(**{name: getattr(self, name) for name in mpm_ops.Policy.model_fields})

    def batches(self, ids: list[int]) -> list[list[int]]:
        """Divide the companies into fleet runs: one where the policy is about all of them together."""
        size = max(1, len(ids)) if self.canary or self.wave or self.max_failures else self.batch_size
        return [ids[at : at + size] for at in range(0, len(ids), size)]


@task(name="list companies", retries=2, retry_delay_seconds=[2, 10])
def list_companies(companies: list[int | str] | None, policy: mpm_ops.Policy) -> list[int]:
    """Return the ids of the companies to migrate: of those, or of all, the ones that the policy chooses."""
    with mpm_ops.connect() as ops:
        return [state.company_id for state in ops.tenant_states(companies, policy=policy)]


# One task per batch: a task per company costs Prefect's server more than the migration does.
@task(name="migrate batch", retries=2, retry_delay_seconds=[5, 20], retry_jitter_factor=0.5)
def migrate_batch(company_ids: list[int], policy: mpm_ops.Policy) -> FleetReport:
    """Migrate some companies. One bad company does not raise: only a batch that could not run at all is tried again."""
    logger = get_run_logger()
    with mpm_ops.connect() as ops:
        report = ops.migrate_tenant(company_ids, policy=policy)
    for outcome in report.failed:
        logger.error("%s (%s): %s", harmless(outcome.company), outcome.company_id, harmless(outcome.why))
    logger.info("%s", report)
    return report


@task(name="publish report")
def publish(report: FleetReport) -> None:
    """Leave the account where operators look: totals as text, failures and the slowest as a table."""
    create_markdown_artifact(f"**{report}**", key="migrate-companies-summary", description="Totals of the run")
    slowest = sorted(report.outcomes, key=lambda outcome: -outcome.seconds)[:50]
    told = {outcome.company_id for outcome in [*report.failed, *slowest]}
    rows = [row for row in report.rows() if int(row["id"]) in told]
    if rows:
        create_table_artifact(rows, key="migrate-companies-outcomes", description="Failures, then the slowest")


@flow(name="migrate-companies", task_runner=ThreadPoolTaskRunner(max_workers=2))  # type: ignore[arg-type]  # prefect's own overloads
def migrate_companies(policy: MigratePolicy | None = None) -> State[FleetReport]:
    """Migrate all companies; ends Failed when one of them did."""
    policy = policy or MigratePolicy()
    began = time.monotonic()
    ids = list_companies(policy.companies, policy.engine())
    chosen = policy.engine().model_copy(update={"skip": (), "match": ()})
    futures = [migrate_batch.submit(batch, chosen) for batch in policy.batches(ids)]
    wait(futures)
    reports = [future.result(raise_on_failure=False) for future in futures]
    done = [report for report in reports if isinstance(report, FleetReport)]
    report = FleetReport.joined(done, action="migrate-companies", seconds=time.monotonic() - began)
    publish(report)
    missing = len(ids) - len(report.outcomes)
    if missing or not report.ok or report.ended != "finished":
        number = len(report.causes)
        causes = f": {number} {'cause' if number == 1 else 'causes'}" if number else ""
        early = f"; {report.ended}: {report.reason}" if report.ended != "finished" else ""
        busy = f"; {report.counts[mpm_ops.Status.BUSY]} busy" if report.counts[mpm_ops.Status.BUSY] else ""
        failed = f"{len(report.failed) + missing}/{len(ids)} companies failed"
        message = f"{failed}{causes}{busy}{early}"
        # An error, which is what a worker expects of a failed state: it stumbles over anything else.
        return Failed(message=message, data=FleetFailed(message, report=report))
    return Completed(message=str(report), data=report)


def main() -> int:
    """Run the flow here and now, and print its report."""
    state = migrate_companies(return_state=True)
    # Prefect wraps what a state carries.
    found = getattr(state.data, "result", state.data)
    report = found.report if isinstance(found, FleetFailed) else found
    console = Terminal(markup=False, emoji=False, highlight=False)
    if isinstance(report, FleetReport) and report.outcomes:
        table = Table(*report.rows()[0], title=f"migrate-companies: {state.type.value if state.type else state.name}")
        for row in report.rows():
            table.add_row(*map(Text, row.values()))
        console.print(table)
    console.print(state.message)
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main())
