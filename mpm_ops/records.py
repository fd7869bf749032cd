"""Frozen records that cross the borders between layers, and on to callers."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class CompanyStatus(StrEnum):
    """Where a company is in its life; only ACTIVE ones are listed and migrated (D8)."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"


class Status(StrEnum):
    """How one company came out of a fleet run (D7): every company ends as exactly one of these."""

    DONE = "done"
    SKIPPED = "skipped"
    BUSY = "busy"
    FAILED = "failed"
    UNTOUCHED = "untouched"


@dataclass(frozen=True, kw_only=True)
class Company:
    """A row of `companies` with the name of its database."""

    #: companies.id; never used twice.
    id: int
    #: The legal name, in whatever script.
    name: str
    #: The company's own address, not its users'.
    email: str
    #: Name of its database on the server.
    database: str
    status: CompanyStatus
    created_at: dt.datetime

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A row of `mpm_plugins`: something a company may install."""

    id: int
    name: str
    usage_type: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One file of a migration tree."""

    id: str
    message: str
    #: Revisions that come directly before it; empty for a first one.
    down: tuple[str, ...]
    branch: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What went wrong with one company, in facts that can be grouped and shown."""

    message: str
    #: The class of our error.
    kind: str
    sqlstate: str = ""
    #: The revision that was being applied.
    revision: str = ""
    #: The statement that the server refused.
    statement: str = ""
    hint: str = ""
    #: Who held the lock that was waited for.
    blocker: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one company came out of a run."""

    company_id: int
    company: str
    status: Status
    #: Heads before and after, sorted; empty is base.
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    #: Why it was skipped or left untouched.
    reason: str = ""
    failure: Failure | None = None
    attempts: int = 0
    #: Seconds, retries included.
    seconds: float = 0.0

    @property
    def why(self) -> str:
        """The reason or the failure, in one line."""
        if self.failure is None:
            return self.reason
        revision = f"revision {self.failure.revision}" if self.failure.revision else ""
        facts = (self.failure.message, self.failure.sqlstate, revision, self.failure.hint)
        return "; ".join(fact for fact in facts if fact)


@dataclass(frozen=True, kw_only=True)
class FleetReport:
    """The account of a fleet run: one outcome per company, none lost."""

    #: ops.runs.id; None when nothing was written to the ledger.
    run_id: int | None
    action: str
    outcomes: Sequence[Outcome]
    #: Seconds for the whole run.
    seconds: float
    counts: Mapping[Status, int] = field(init=False)

    def __post_init__(self) -> None:
        counted = Counter(outcome.status for outcome in self.outcomes)
        object.__setattr__(self, "counts", {status: counted[status] for status in Status})

    @property
    def failed(self) -> list[Outcome]:
        """The outcomes of the companies that failed."""
        return [outcome for outcome in self.outcomes if outcome.status is Status.FAILED]

    @property
    def ok(self) -> bool:
        """Whether no company failed and none was left untouched."""
        return not self.failed and not self.counts[Status.UNTOUCHED]

    def rows(self) -> list[dict[str, str]]:
        """Return a row of text per company: what a table shows."""
        return [
            {
                "id": str(outcome.company_id),
                "company": outcome.company,
                "outcome": outcome.status.value,
                "from": ", ".join(outcome.before) or "-",
                "to": ", ".join(outcome.after) or "-",
                "seconds": f"{outcome.seconds:.2f}",
                "what": outcome.why,
            }
            for outcome in self.outcomes
        ]

    @classmethod
    def joined(cls, reports: Sequence[FleetReport], *, action: str, seconds: float) -> FleetReport:
        """Return one account of several runs, such as the batches of a flow."""
        outcomes = [outcome for report in reports for outcome in report.outcomes]
        return cls(run_id=None, action=action, outcomes=outcomes, seconds=seconds)

    def __str__(self) -> str:
        total = len(self.outcomes)
        if not total:
            return f"{self.action}: no companies"
        parts = [f"{count} {status}" for status, count in self.counts.items() if count]
        return f"{self.action}: {', '.join(parts)} of {total} companies in {self.seconds:.1f} s"


@dataclass(frozen=True, kw_only=True)
class CompanyState:
    """Which revision a company database is at, beside where it should be."""

    company_id: int
    company: str
    database: str
    #: Heads of the database; None when it is missing or cannot be read.
    heads: tuple[str, ...] | None
    #: Revisions that migrate-tenant would apply, oldest first.
    pending: tuple[str, ...]
    #: 'current', 'behind', 'unknown revision', 'unreachable' or 'no database'.
    state: str
