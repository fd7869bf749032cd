"""Preflight: the assertions that pending revisions bring, asked in all companies before the first one is touched."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing

from mpm_ops.companies.assertions import asked, count_rows, unreachable
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.watch import Watch
from mpm_ops.errors import MpmOpsError, PreflightFailed, QueryError, Transient
from mpm_ops.fleet.policy import Policy
from mpm_ops.records import Company
from mpm_ops.schema.plan import Plan, Preflight

#: Undefined table, column, function, type, schema.
_NOT_THERE = ("42P01", "42703", "42883", "42704", "3F000")


def preflight(
    installation: Installation, plans: Mapping[int, Plan], companies: Sequence[Company], *, policy: Policy
) -> dict[int, MpmOpsError]:
    """Return, by company id, why the company would fail. Read-only.

    PreflightFailed is an assertion with the rows that it found; any other error is that of a company which could not
    be reached. An assertion about a table or column that an earlier pending revision makes cannot be asked yet, and
    is not.
    """
    assertions = {plan.hash: _assertions(installation, plan) for plan in plans.values()}
    application = f"mpm_ops/assert {secrets.token_hex(4)}"
    #: Which assertion a company was asked last.
    last: dict[int, Preflight] = {}

    def ask(company: Company) -> PreflightFailed | None:
        plan = plans[company.id]
        for assertion in assertions[plan.hash]:
            last[company.id] = assertion
            try:
                timeout = policy.lock_timeout
                rows = count_rows(installation, company, assertion.query, lock_timeout=timeout, application=application)
            except MpmOpsError as exc:
                if unreachable(exc) or isinstance(exc, Transient):
                    raise  # to be asked again
                first = assertion.revision == plan.steps[0].revision
                if first or not (isinstance(exc, QueryError) and exc.sqlstate in _NOT_THERE):
                    return _failed(company, assertion, f"an error: {exc}")
            else:
                if rows:
                    return _failed(company, assertion, f"{rows} rows")
        return None

    concerned = [company for company in companies if company.id in plans and assertions[plans[company.id].hash]]
    if not concerned:
        return {}
    with closing(Watch(installation, by_server(concerned), application)) as watch:
        answers = asked(concerned, ask, policy=policy, limits=watch.limits, cancel=watch.cancel)
    return {
        company.id: _failed(company, last[company.id], f"an error: {exc}")
        if isinstance(exc, Transient) and not unreachable(exc)
        else exc
        for company in concerned
        if (exc := answers[company.id]) is not None
    }


def _assertions(installation: Installation, plan: Plan) -> list[Preflight]:
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
