"""Flow: measure every company's database once a night, and tell who is largest and who grows fastest.

Run it by hand, without a server (`python flows/usage_snapshot.py`), or as the deployment in prefect.yaml.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, get_run_logger, task
from prefect.states import Completed
from pydantic import Field

from flows.conduct import PATIENT, FlowPolicy, by_hand, failed, fleet, publish_markdown, tell
from mpm_ops.harmless import harmless
from mpm_ops.records import Growth, Usage, counted, growth
from mpm_ops.reports import as_markdown

#: Growth is told over so many days, and of so many companies.
DAYS, TOP = 30, 10


class UsagePolicy(FlowPolicy):
    """What becomes of a snapshot."""

    keep_days: int = Field(default=400, ge=1, le=36_500, description="Days after which snapshots are deleted.")


@task(name="take snapshot", **PATIENT)
def take_snapshot(policy: UsagePolicy) -> Sequence[Usage]:
    """Measure all companies. One that cannot be measured does not raise: the others' numbers are as good without it."""
    with fleet() as ops:
        found = ops.usage_snapshot(keep_days=policy.keep_days, dry_run=policy.dry_run)
    for one in (one for one in found if one.error):
        get_run_logger().error("%s (%s): %s", harmless(one.company), one.company_id, harmless(one.error))
    return found


@task(name="publish usage", **PATIENT)
def publish(snapshot: Sequence[Usage], *, summary: str, dry_run: bool) -> None:
    """Leave the largest companies and the fastest growing ones where operators look."""
    with fleet() as ops:
        history = ops.usage(days=DAYS)
    current = {one.company_id for one in snapshot}
    known = [one for one in growth([*history, *(snapshot if dry_run else ())]) if one.company_id in current]
    growing = sorted((one for one in known if one.size_grown > 0), key=lambda one: -one.size_grown)
    lost = [one for one in snapshot if one.error]
    parts = [
        f"**{summary}**",
        _table("Largest", known[:TOP]),
        _table(f"Fastest growing in {DAYS} days", growing[:TOP]),
        "\n".join(f"- {as_markdown(one.company)} ({one.company_id}): {as_markdown(one.error)}" for one in lost[:TOP]),
    ]
    text = "\n\n".join(parts)
    publish_markdown("usage-snapshot", text, description="Who is largest, and who grows fastest")


@flow(
    name="usage-snapshot",
    flow_run_name="usage-snapshot: {policy.title}",
    on_failure=[tell],
    on_crashed=[tell],
)
def usage_snapshot(policy: UsagePolicy = UsagePolicy()) -> State[Sequence[Usage]]:  # noqa: B008 frozen; the form's defaults
    """Measure all companies and keep it; ends Failed when one of them could not be measured."""
    with fleet():
        found = take_snapshot(policy)
        lost = [one for one in found if one.error]
        measured = f"{counted(len(found), 'company')}, {sum(one.size or 0 for one in found) / 1e6:,.1f} MB"
        summary = f"{len(lost)}/{len(found)} companies could not be measured" if lost else measured
        if policy.dry_run:
            summary += "; dry run, nothing was written"
        publish(found, summary=summary, dry_run=policy.dry_run)
    return failed(summary, found) if lost else Completed(message=summary, data=found)


def _table(title: str, companies: Sequence[Growth]) -> str:
    lines = [f"### {title}", "", "| id | company | MB | grown by | rows | more rows |", "|--:|:--|--:|--:|--:|--:|"]
    for one in companies:
        size = "?" if one.size is None else f"{one.size / 1e6:,.1f}"
        rows = "?" if one.rows is None else f"{one.rows:,}"
        grown = f"{one.size_grown / 1e6:+,.1f}"
        lines.append(
            f"| {one.company_id} | {as_markdown(one.company)} | {size} | {grown} | {rows} | {one.rows_grown:+,} |"
        )
    return "\n".join(lines if companies else [*lines[:1], "", "nobody"])


if __name__ == "__main__":
    sys.exit(by_hand(usage_snapshot, UsagePolicy))
