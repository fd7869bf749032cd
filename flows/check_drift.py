"""Flow: compare company databases with what their own revisions make.

Run it by hand, without a server (`python flows/check_drift.py --help`), or as the deployment in prefect.yaml.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, task
from prefect.states import Completed
from pydantic import Field

from flows.conduct import PATIENT, FlowPolicy, by_hand, failed, fleet, named, publish_markdown, publish_table, tell
from mpm_ops.records import CompanyDrift, counted


class DriftPolicy(FlowPolicy):
    """Whose databases are compared, and how thoroughly."""

    companies: tuple[int | str, ...] = Field(default=(), description="Ids, names or e-mails; empty is all of them.")
    full: bool = Field(default=False, description="Compare also what has not changed since the last time.")

    @property
    def subject(self) -> str:
        """Say whose databases are compared."""
        return named(self.companies)


@task(name="list companies", **PATIENT)
def list_companies(companies: tuple[int | str, ...]) -> list[str]:
    """Return the companies that would be compared: those named, or all."""
    with fleet() as ops:
        return [state.company for state in ops.tenant_states(companies or None)]


@task(name="compare", **PATIENT)
def compare(policy: DriftPolicy) -> Sequence[CompanyDrift]:
    """Compare each database; one that cannot be reached is told and stops no other."""
    with fleet() as ops:
        return ops.drift(policy.companies or None, full=policy.full)


@flow(name="check-drift", flow_run_name="check-drift: {policy.title}", on_failure=[tell], on_crashed=[tell])
def check_drift(policy: DriftPolicy = DriftPolicy()) -> State[Any]:  # noqa: B008 it is frozen
    """Look for what somebody changed by hand; Failed when a database is not as its revision makes it."""
    with fleet():
        if policy.dry_run:
            names = list_companies(policy.companies)
            publish_table("check-drift-companies", [{"company": name} for name in names], description="Who is compared")
            return Completed(message=f"{counted(len(names), 'company')} would be compared", data=names)
        compared = compare(policy)
    drifted = [one for one in compared if one.differences]
    lost = [one for one in compared if one.error]
    publish_table("check-drift-differences", rows(compared), description="What is not as the revision makes it")
    if not drifted and not lost:
        message = f"{counted(len(compared), 'company')} as their revisions say"
        publish_markdown("check-drift-summary", f"**{message}**")
        return Completed(message=message, data=compared)
    parts = [f"{len(drifted)}/{len(compared)} companies drifted"] if drifted else []
    parts += [f"{len(lost)}/{len(compared)} could not be compared"] if lost else []
    publish_markdown("check-drift-summary", f"**{'; '.join(parts)}**")
    return failed("; ".join(parts), compared)


def rows(compared: Sequence[CompanyDrift]) -> list[dict[str, object]]:
    """Return a row per difference, and per company that could not be compared."""
    return [
        {"id": one.company_id, "company": one.company, "change": found.change, "kind": found.kind, "name": found.name}
        for one in compared
        for found in one.differences
    ] + [
        {"id": one.company_id, "company": one.company, "change": "unknown", "kind": "database", "name": one.error}
        for one in compared
        if one.error
    ]


if __name__ == "__main__":
    sys.exit(by_hand(check_drift, DriftPolicy))
