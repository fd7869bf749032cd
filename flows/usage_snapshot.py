"""Flow: measure every company's database once a night, and tell who is largest and who grows fastest.

Run it by hand, without a server (`python flows/usage_snapshot.py`), or as the deployment in prefect.yaml.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

import mpm_ops
from mpm_ops.errors import FleetFailed
from mpm_ops.harmless import harmless
from mpm_ops.records import Growth, Usage, counted, growth

#: Growth is told over so many days, and of so many companies.
DAYS, TOP = 30, 10


class UsagePolicy(BaseModel):
    """What becomes of a snapshot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_days: int = Field(default=400, ge=1, le=36_500, description="Days after which snapshots are deleted.")
    dry_run: bool = Field(default=False, description="Measure and report, and write nothing.")


@task(name="take snapshot", retries=2, retry_delay_seconds=[5, 20], retry_jitter_factor=0.5)
def take_snapshot(policy: UsagePolicy) -> Sequence[Usage]:
    """Measure all companies. One that cannot be measured does not raise: the others' numbers are as good without it."""
    with mpm_ops.connect() as ops:
        found = ops.usage_snapshot(keep_days=policy.keep_days, dry_run=policy.dry_run)
    for one in (one for one in found if one.error):
        get_run_logger().error("%s (%s): %s", harmless(one.company), one.company_id, harmless(one.error))
    return found


@task(name="publish usage", retries=2, retry_delay_seconds=[2, 10])
def publish(snapshot: Sequence[Usage], *, summary: str, dry_run: bool) -> None:
    """Leave the largest companies and the fastest growing ones where operators look."""
    with mpm_ops.connect() as ops:
        history = ops.usage(days=DAYS)
    current = {one.company_id for one in snapshot}
    known = [one for one in growth([*history, *(snapshot if dry_run else ())]) if one.company_id in current]
    growing = sorted((one for one in known if one.size_grown > 0), key=lambda one: -one.size_grown)
    lost = [one for one in snapshot if one.error]
    parts = [
        f"**{summary}**",
        _table("Largest", known[:TOP]),
        _table(f"Fastest growing in {DAYS} days", growing[:TOP]),
        "\n".join(f"- {_text(one.company)} ({one.company_id}): {_text(one.error)}" for one in lost[:TOP]),
    ]
    text = "\n\n".join(parts)
    create_markdown_artifact(text, key="usage-snapshot", description="Who is largest, and who grows fastest")


@flow(name="usage-snapshot")
def usage_snapshot(policy: UsagePolicy | None = None) -> State[Sequence[Usage]]:
    """Measure all companies and keep it; ends Failed when one of them could not be measured."""
    policy = policy or UsagePolicy()
    found = take_snapshot(policy)
    lost = [one for one in found if one.error]
    measured = f"{counted(len(found), 'company')}, {sum(one.size or 0 for one in found) / 1e6:,.1f} MB"
    summary = f"{len(lost)}/{len(found)} companies could not be measured" if lost else measured
    if policy.dry_run:
        summary += "; dry run, nothing was written"
    publish(found, summary=summary, dry_run=policy.dry_run)
    if lost:
        # An error, as in migrate_companies.py.
        return Failed(message=summary, data=FleetFailed(summary, report=found))
    return Completed(message=summary, data=found)


def _table(title: str, companies: Sequence[Growth]) -> str:
    lines = [f"### {title}", "", "| id | company | MB | grown by | rows | more rows |", "|--:|:--|--:|--:|--:|--:|"]
    for one in companies:
        size = "?" if one.size is None else f"{one.size / 1e6:,.1f}"
        rows = "?" if one.rows is None else f"{one.rows:,}"
        grown = f"{one.size_grown / 1e6:+,.1f}"
        lines.append(f"| {one.company_id} | {_text(one.company)} | {size} | {grown} | {rows} | {one.rows_grown:+,} |")
    return "\n".join(lines if companies else [*lines[:1], "", "nobody"])


def _text(text: str) -> str:
    """Return text of others as one line of markdown that is shown as it is: no link, no picture, no HTML, no cell."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", harmless(" ".join(text.split())))


def main() -> int:
    """Run the flow here and now, and print what came of it."""
    state = usage_snapshot(return_state=True)
    sys.stdout.write(f"{state.message}\n")
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main())
