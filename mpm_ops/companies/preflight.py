"""Preflight: the assertions that pending revisions bring, asked in all companies before the first one is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from mpm_ops.companies.account import offending
from mpm_ops.companies.installation import Installation
from mpm_ops.errors import MpmOpsError, PreflightFailed
from mpm_ops.records import Company
from mpm_ops.schema.plan import Plan, Preflight


def preflight(
    installation: Installation, plans: Mapping[int, Plan], companies: Sequence[Company], *, workers: int
) -> dict[int, MpmOpsError]:
    """Return, by company id, why the company would fail: an assertion with the rows that it found. Read-only.

    An assertion about what an earlier pending revision makes cannot be asked yet: see `offending`.
    """
    tree = installation.tenant_tree
    asked = {
        plan.hash: tree.preflights([s.revision for s in plan.steps if s.direction == "upgrade"])
        for plan in plans.values()
    }

    def ask(company: Company) -> MpmOpsError | None:
        for assertion in asked[plans[company.id].hash]:
            if found := offending(installation, company, assertion.query):
                return _failed(company, assertion, found)
        return None

    concerned = [company for company in companies if company.id in plans and asked[plans[company.id].hash]]
    with ThreadPoolExecutor(workers) as pool:
        answers = zip(concerned, pool.map(ask, concerned), strict=True)
        return {company.id: exc for company, exc in answers if exc is not None}


def _failed(company: Company, assertion: Preflight, found: str) -> PreflightFailed:
    exc = PreflightFailed(
        f"preflight of revision {assertion.revision}, {assertion.name}: {found}",
        hint=f"See them: mpm-ops query {company.id} {assertion.query!r}",
        company=company.name,
    )
    exc.revision = assertion.revision
    return exc
