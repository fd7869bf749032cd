"""Preflight: the assertions that pending revisions bring, asked in all companies before the first one is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from mpm_ops.companies.account import count_rows
from mpm_ops.companies.installation import Installation
from mpm_ops.errors import MpmOpsError, PreflightFailed, QueryError
from mpm_ops.fleet.policy import Policy
from mpm_ops.records import Company
from mpm_ops.schema.plan import Plan, Preflight

#: Undefined table, column, function, type, schema.
_NOT_THERE = ("42P01", "42703", "42883", "42704", "3F000")


def preflight(
    installation: Installation, plans: Mapping[int, Plan], companies: Sequence[Company], *, policy: Policy
) -> dict[int, MpmOpsError]:
    """Return, by company id, why the company would fail: an assertion with the rows that it found. Read-only.

    An assertion about a table or column that an earlier pending revision makes cannot be asked yet, and is not.
    """
    asked = {plan.hash: _asked(installation, plan) for plan in plans.values()}

    def ask(company: Company) -> MpmOpsError | None:
        plan = plans[company.id]
        for assertion in asked[plan.hash]:
            try:
                rows = count_rows(installation, company, assertion.query, lock_timeout=policy.lock_timeout)
            except MpmOpsError as exc:
                first = assertion.revision == plan.steps[0].revision
                if first or not (isinstance(exc, QueryError) and exc.sqlstate in _NOT_THERE):
                    return _failed(company, assertion, f"an error: {exc}")
            else:
                if rows:
                    return _failed(company, assertion, f"{rows} rows")
        return None

    concerned = [company for company in companies if company.id in plans and asked[plans[company.id].hash]]
    with ThreadPoolExecutor(policy.workers) as pool:
        answers = zip(concerned, pool.map(ask, concerned), strict=True)
        return {company.id: exc for company, exc in answers if exc is not None}


def _asked(installation: Installation, plan: Plan) -> list[Preflight]:
    """Return the assertions of a plan. One that rolls back first has none: the rows in question go with the tables."""
    if any(step.direction == "downgrade" for step in plan.steps):
        return []
    return installation.tenant_tree.preflights([step.revision for step in plan.steps])


def _failed(company: Company, assertion: Preflight, found: str) -> PreflightFailed:
    exc = PreflightFailed(
        f"preflight, {assertion.name}: {found}",
        hint=f"See them: mpm-ops query {company.id} {assertion.query!r}",
        company=company.name,
    )
    exc.revision = assertion.revision
    return exc
