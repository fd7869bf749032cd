"""Flow: migrate the databases of all companies, and report on every one of them.

Run it by hand, without a server (`python flows/migrate_companies.py`), or as the deployment in prefect.yaml.
"""

from __future__ import annotations

import sys

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, pause_flow_run, task
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field
from rich.table import Table
from rich.text import Text

import mpm_ops
from flows.conduct import (
    PATIENT,
    by_hand,
    failed,
    fleet,
    named,
    publish_markdown,
    publish_report,
    tell,
)
from flows.sharing import Share, carry_out
from mpm_ops import FleetReport, RunMember
from mpm_ops.cli.terminal import Terminal
from mpm_ops.errors import Busy, UsageError
from mpm_ops.records import DryRun, Status, counted
from mpm_ops.reports import planned, told

#: A task costs Prefect's server more than a company does the fleet: of so many at most, batches become larger.
MOST_TASKS = 100
#: Causes that the message of a failed run names.
_CAUSES = 3


class MigratePolicy(mpm_ops.Policy, Share):
    """How the companies are migrated."""

    companies: list[int | str] | None = Field(default=None, description="Ids, names or e-mails; empty is all of them.")
    batch_size: int = Field(default=50, ge=1, le=1000, description="Companies that one task takes along.")
    machines: int = Field(
        default=1, ge=1, le=64, description="Workers that share the run: each takes batches until none is left."
    )
    approval: int = Field(
        default=0,
        ge=0,
        le=604_800,
        description="Seconds that somebody has to look at the dry run and press Resume before anything is changed; "
        "0 asks nobody.",
    )
    verify: bool = Field(
        default=False, description="Read every alembic_version afterwards; otherwise the stamps are compared."
    )

    @property
    def subject(self) -> str:
        """Say whom a run is about, for its name."""
        return named(self.companies)

    @property
    def chosen(self) -> list[int | str] | None:
        """Return the choice as the engine takes it: a form that is left empty gives an empty list."""
        return self.companies or None

    def engine(self) -> mpm_ops.Policy:
        """Return the part that the engine below understands."""
        return mpm_ops.Policy(**{name: getattr(self, name) for name in mpm_ops.Policy.model_fields})

    def size(self, companies: int) -> int:
        """Return how many companies a batch has in a fleet of so many."""
        return max(self.batch_size, -(-companies // MOST_TASKS))


@task(name="dry run", **PATIENT)
def dry_run(policy: MigratePolicy) -> DryRun:
    """Tell what would be done, and leave it for whoever looks."""
    with fleet() as ops:
        found = ops.dry_run(policy.chosen, policy=policy.engine())
    publish_markdown("migrate-companies-dry-run", planned(found), description="The SQL of each distinct plan")
    return found


@task(name="plan", **PATIENT)
def plan(policy: MigratePolicy) -> RunMember:
    """Write the run with its batches into the ledger, and ask the assertions; nothing is touched yet."""
    with fleet() as ops:
        number = len(policy.companies) if policy.companies else len(ops.list_companies())
        return ops.share_run(policy.chosen, policy=policy.engine(), batch=policy.size(number))


#: The deployment whose runs share one with this flow's.
_OTHERS = "take-batches/take-batches"


@task(name="find other workers", **PATIENT)
def find_others() -> None:
    """Make sure that others can be called, before a run is written that waits for them. Raises UsageError."""
    try:
        with get_client(sync_client=True) as client:
            client.read_deployment_by_name(_OTHERS)
    except ObjectNotFound as exc:
        raise UsageError(
            "no deployment take-batches is there to call other workers with",
            hint="prefect --no-prompt deploy --all makes it; machines = 1 needs none.",
        ) from exc


@task(name="call other workers", **PATIENT)
def call_others(policy: MigratePolicy, run_id: int) -> None:
    """Start a run of take-batches for each further machine; any worker of the pool picks it up."""
    shared = {name: getattr(policy, name) for name in Share.model_fields}
    for _ in range(policy.machines - 1):
        run_deployment(_OTHERS, parameters={"policy": {**shared, "run_id": run_id}}, timeout=0)


@task(name="verify", **PATIENT)
def verify(policy: MigratePolicy) -> list[str]:
    """Return the companies whose alembic_version is not what their stamp says: those of the run."""
    with fleet() as ops:
        states = ops.tenant_states(policy.chosen, policy=policy.engine(), verify=True)
    return [state.company for state in states if state.state == "wrong stamp"]


@task(name="publish report", **PATIENT)
def publish(report: FleetReport) -> None:
    """Leave the account where operators look."""
    publish_report("migrate-companies", report)


@flow(
    name="migrate-companies",
    flow_run_name="migrate-companies: {policy.title}",
    on_failure=[tell],
    on_crashed=[tell],
)
def migrate_companies(policy: MigratePolicy = MigratePolicy()) -> State[FleetReport]:  # noqa: B008 frozen; the form's defaults
    """Migrate all companies; ends Failed when one of them did, or when somebody is at the fleet already."""
    with fleet() as ops:
        if policy.dry_run or policy.approval:
            found = dry_run(policy)
            if policy.dry_run:
                return Completed(message=told(found), data=found)
            get_run_logger().info("Waiting for somebody to press Resume.")
            pause_flow_run(timeout=policy.approval)
            if new := _would(dry_run(policy)) - _would(found):
                others = f"{counted(len(new), 'company')} would go through what nobody has looked at"
                return failed(f"nothing was done, for since the dry run {others}", None)
        if policy.machines > 1:
            find_others()
        try:
            with ops.alone(), plan(policy) as leader:
                name_run(leader)
                if policy.machines > 1:
                    call_others(policy, leader.run_id)
                carry_out(leader, policy)
                return concluded(leader, policy)
        except Busy as exc:
            return failed(f"busy: {exc}", None)


def concluded(member: RunMember, policy: MigratePolicy) -> State[FleetReport]:
    """End a run, compare its account with the databases, and publish it; Failed when some company is not done."""
    report = member.end(reason="a batch could not be run")
    wrong = verify(policy) if policy.verify else []
    publish(report)
    if report.ok and report.ended == "finished" and not report.notes and not wrong:
        return Completed(message=str(report), data=report)
    return failed(message_of(report, wrong), report)


def message_of(report: FleetReport, wrong: list[str]) -> str:
    """Return what an alert says: how many failed and of what, who was left, why it ended."""
    counts = report.counts
    causes = [f"{len(one.company_ids)} × {one.message}" for one in report.causes[:_CAUSES]]
    facts = [
        f"{len(report.failed)}/{len(report.outcomes)} companies failed"
        + (f": {counted(len(report.causes), 'cause')}" if causes else ""),
        *causes,
        f"{counts[Status.BUSY]} busy" if counts[Status.BUSY] else "",
        f"{counts[Status.UNTOUCHED]} untouched" if counts[Status.UNTOUCHED] else "",
        f"{report.ended}: {report.reason}" if report.ended != "finished" else "",
        f"{counted(len(wrong), 'wrong stamp')}" if wrong else "",
        *report.notes,
        f"mpm-ops run {report.run_id}",
    ]
    return "; ".join(fact for fact in facts if fact)


def _would(found: DryRun) -> set[tuple[str, str]]:
    """Return who would go through which plan."""
    return {(company, plan.hash) for plan in found.plans for company in plan.companies}


def name_run(leader: RunMember) -> None:
    """Name this run after what it turned out to do, `migrate-companies: 200 to 8f2c`."""
    _, companies = leader.progress()
    heads = "+".join(head[:4] for head in leader.newest)
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, name=f"migrate-companies: {companies} to {heads}")


def show(console: Terminal, report: object) -> None:
    """Print a row for each company, or of a dry run the SQL of each plan."""
    if isinstance(report, DryRun):
        for one in report.plans:
            console.print(f"For {', '.join(one.companies)}:\n{one.sql}", soft_wrap=True)
    if isinstance(report, FleetReport) and report.outcomes:
        table = Table(*report.rows()[0])
        for row in report.rows():
            table.add_row(*map(Text, row.values()))
        console.print(table)


if __name__ == "__main__":
    sys.exit(by_hand(migrate_companies, MigratePolicy, show=show))
