"""The report as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from mpm_ops.records import Cause, FleetReport, FleetStatus, Outcome


def as_json(report: FleetReport, status: FleetStatus | None = None) -> dict[str, Any]:
    """Return the report as values that `json.dumps` takes. Keys are added to it, not taken away or renamed.

    - `format` 1; `run` the id in the ledger, null when it is not there; `action`;
    - `ended`, `reason`, `notes`, `started_at` (ISO 8601), `seconds`;
    - `companies` how many; `counts` by outcome: done, skipped, busy, failed, untouched;
    - `go_on` the command that takes up the untouched; empty when there is none;
    - `causes`, each with `number`, `message`, `sqlstate`, `revision`, `statement`, `hint`, `companies` (id and name),
      `retry` (the command that tries them again);
    - `outcomes`, each with `id`, `company`, `outcome`, `before`, `after` (heads), `reason`, `failure` (null, or
      `message`, `kind`, `sqlstate`, `revision`, `statement`, `hint`, `blocker`), `attempts`, `seconds`,
      `finished_at`, `plan`;
    - `fleet` null, or where the companies are now: `newest`, `revisions` (`heads`, `companies`), `out_of_reach`.
    """
    return {
        "format": 1,
        "run": report.run_id,
        "action": report.action,
        "ended": report.ended,
        "reason": report.reason,
        "notes": list(report.notes),
        "started_at": report.started_at and report.started_at.isoformat(),
        "seconds": report.seconds,
        "companies": len(report.outcomes),
        "counts": {status.value: count for status, count in report.counts.items()},
        "go_on": report.go_on,
        "causes": [_cause(report, cause) for cause in report.causes],
        "outcomes": [_outcome(outcome) for outcome in report.outcomes],
        "fleet": status and _fleet(status),
    }


def _cause(report: FleetReport, cause: Cause) -> dict[str, Any]:
    facts = {name: getattr(cause, name) for name in ("number", "message", "sqlstate", "revision", "statement", "hint")}
    companies = [{"id": one, "name": name} for one, name in zip(cause.company_ids, cause.companies, strict=True)]
    return {**facts, "companies": companies, "retry": report.retry(cause)}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.company_id,
        "company": outcome.company,
        "outcome": outcome.status.value,
        "before": list(outcome.before),
        "after": list(outcome.after),
        "reason": outcome.reason,
        "failure": outcome.failure and dataclasses.asdict(outcome.failure),
        "attempts": outcome.attempts,
        "seconds": outcome.seconds,
        "finished_at": outcome.finished_at and outcome.finished_at.isoformat(),
        "plan": outcome.plan,
    }


def _fleet(status: FleetStatus) -> dict[str, Any]:
    return {
        "newest": list(status.newest),
        "revisions": [
            {"heads": list(one.heads), "companies": one.companies, "newest": one.newest} for one in status.revisions
        ],
        "out_of_reach": sum(state.heads is None for state in status.states),
    }
