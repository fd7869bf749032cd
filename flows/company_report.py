"""Flow: the revenue report of each company, as a page and Parquet files in one folder.

Run it by hand, without a server (`python flows/company_report.py --to reports`), or as the deployment in prefect.yaml.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, task
from prefect.futures import wait
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

import mpm_ops
from flows.conduct import PATIENT, FlowPolicy, by_hand, failed, fleet, named, publish_markdown, tell
from mpm_ops.harmless import harmless
from mpm_ops.records import counted
from mpm_ops.reports import as_markdown

#: Prefect's server is told of so many tasks, whatever the number of companies.
TASKS = 20
#: Companies that the artifact names.
NAMED = 50


class ReportPolicy(FlowPolicy):
    """Whose report is made, about which months, and where to."""

    companies: list[int | str] | None = Field(default=None, description="Ids, names or e-mails; empty is all of them.")
    first_month: str = Field(
        default="", pattern=r"^(\d{4}-(0[1-9]|1[0-2]))?$", description="Such as 2026-03; empty: six months."
    )
    last_month: str = Field(
        default="", pattern=r"^(\d{4}-(0[1-9]|1[0-2]))?$", description="Empty: the last month that is over."
    )
    to: Path = Field(default=Path("reports"), description="Folder for the files; one that is not there is made.")
    cell_seconds: int = Field(
        default=600, ge=10, le=86_400, description="Seconds that one cell of the notebook may take."
    )

    @property
    def subject(self) -> str:
        """Say whom a run is about, for its name."""
        return named(self.companies)

    @field_validator("last_month")
    @classmethod
    def _is_not_before_the_first(cls, value: str, given: ValidationInfo) -> str:
        if value and value < given.data.get("first_month", ""):
            raise ValueError("is before the first month")
        return value


class Made(BaseModel):
    """What came of one company's report."""

    model_config = ConfigDict(frozen=True)

    company_id: int
    company: str
    #: Names of the files, the page last; none when it failed or nothing was to be written.
    files: list[str] = []
    seconds: float = 0.0
    #: Why there is none.
    error: str = ""


@task(name="list companies", **PATIENT)
def list_companies(companies: list[int | str] | None) -> list[Made]:
    """Return those companies, or all of them, once each, before anything is made."""
    with fleet() as ops:
        found = [ops.get_company(one) for one in companies] if companies else ops.list_companies()
    return [Made(company_id=number, company=name) for number, name in {one.id: one.name for one in found}.items()]


# One company that fails does not raise: only a batch that could not run at all is tried again.
@task(name="make reports", **PATIENT)
def make_reports(companies: Sequence[Made], policy: ReportPolicy) -> list[Made]:
    """Make the reports of some companies, one after the other; return what came of each."""
    with fleet() as ops:
        return [_made(ops, company, policy) for company in companies]


def _made(ops: mpm_ops.Ops, company: Made, policy: ReportPolicy) -> Made:
    given = policy.model_dump(include={"first_month", "last_month", "cell_seconds"})
    try:
        found = ops.revenue_report(company.company_id, policy.to, **given)
    except mpm_ops.MpmOpsError as exc:
        get_run_logger().error("%s (%s): %s", harmless(company.company), company.company_id, harmless(str(exc)))
        return company.model_copy(update={"error": str(exc)})
    files = [path.name for path in [*found.tables, found.page]]
    return company.model_copy(update={"files": files, "seconds": found.seconds})


@task(name="publish what was made")
def publish(made: Sequence[Made], said: str) -> None:
    """Leave what was written where operators look, and who has no report, and why."""
    without = [one for one in made if one.error]
    done = [one for one in made if not one.error]
    lines = [f"**{as_markdown(said)}**", ""]
    lines += [f"- {as_markdown(f'{one.company} ({one.company_id}): {one.error}')}" for one in without[:NAMED]]
    lines += [*_more(without), ""]
    rows = [
        f"| {as_markdown(one.company)} | {as_markdown(', '.join(one.files))} | {one.seconds:.1f} |"
        for one in done[:NAMED]
    ]
    lines += ["| company | files | seconds |", "| --- | --- | --- |", *rows] if rows else []
    lines += ["", *_more(done)]
    publish_markdown("company-report", "\n".join(lines), description="Reports that were made")


def _more(companies: Sequence[Made]) -> list[str]:
    return [f"and {len(companies) - NAMED} more"] if len(companies) > NAMED else []


@flow(
    name="company-report",
    flow_run_name="company-report: {policy.title}",
    task_runner=ThreadPoolTaskRunner(max_workers=2),  # type: ignore[arg-type]  # prefect's own overloads
    on_failure=[tell],
    on_crashed=[tell],
)
def company_report(policy: ReportPolicy = ReportPolicy()) -> State[list[Made]]:  # noqa: B008 frozen; the form's defaults
    """Make the revenue report of all companies, or of those named; ends Failed when one of them has none."""
    with fleet():
        chosen = list_companies(policy.companies)
        if policy.dry_run:
            said = f"would make {counted(len(chosen), 'report')}"
            publish(chosen, said)
            return Completed(message=said, data=chosen)
        made = made_in_batches(chosen, policy)
        causes = sorted({one.error for one in made if one.error})
        without = sum(bool(one.error) for one in made)
        told = f"{without}/{len(made)} reports failed: {harmless(causes[0])}" if causes else ""
        said = told or f"{counted(len(made), 'report')} made"
        publish(made, said)
    return failed(said, made) if told else Completed(message=said, data=made)


def made_in_batches(chosen: Sequence[Made], policy: ReportPolicy) -> list[Made]:
    """Make the reports in a few tasks, and return what came of each company's, of a batch that could not run too."""
    size = max(1, -(-len(chosen) // TASKS))
    batches = [chosen[at : at + size] for at in range(0, len(chosen), size)]
    futures = [make_reports.submit(batch, policy) for batch in batches]
    wait(futures)
    made: list[Made] = []
    for batch, future in zip(batches, futures, strict=True):
        found = future.result(raise_on_failure=False)
        lost = f"its batch could not run: {type(found).__name__}"
        made += found if isinstance(found, list) else [one.model_copy(update={"error": lost}) for one in batch]
    return made


if __name__ == "__main__":
    sys.exit(by_hand(company_report, ReportPolicy))
