"""Frozen records that cross the borders between layers, and on to callers."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


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


class Hardening(StrEnum):
    """How far a database is closed to those who were granted nothing: see `mpm_ops.postgres.hardening`."""

    STANDARD = "standard"
    STRICT = "strict"


#: What differs from company to company in messages about the same problem.
_VALUE = re.compile(r'\d+|"[^"]*"')
#: The server that the central database is on, too.
MAIN = "main"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 company`, `3 companies`, `0 errors`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


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
    #: Which of the servers in the settings its database is on.
    server: str = MAIN

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
    #: Seconds of work, all attempts together.
    seconds: float = 0.0
    #: Hash of the plan that it was to go through; empty when there was none.
    plan: str = ""

    @property
    def why(self) -> str:
        """The reason or the failure, in one line."""
        if self.failure is None:
            return self.reason
        revision = f"revision {self.failure.revision}" if self.failure.revision else ""
        blocker = f"held by {self.failure.blocker}" if self.failure.blocker else ""
        facts = (self.failure.message, self.failure.sqlstate, revision, blocker, self.failure.hint)
        return "; ".join(fact for fact in facts if fact)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Failures of a run that are alike: one problem, whoever has it."""

    message: str
    sqlstate: str
    revision: str
    statement: str
    hint: str
    company_ids: Sequence[int]
    companies: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class FleetReport:
    """The account of a fleet run: one outcome per company, none lost."""

    #: ops.runs.id; None when nothing was written to the ledger, as of a run without companies.
    run_id: int | None
    action: str
    outcomes: Sequence[Outcome]
    #: Seconds for the whole run; so far, while it is under way.
    seconds: float
    #: 'finished'; 'halted' by its budget, its gate or a failed preflight; 'interrupted' by somebody. One that is read
    #: from the ledger may be 'running', 'paused' or 'abandoned', too.
    ended: str = "finished"
    #: Why it ended before all companies were done, or had none.
    reason: str = ""
    #: What the operator should know beside the outcomes.
    notes: Sequence[str] = ()
    counts: Mapping[Status, int] = field(init=False)

    def __post_init__(self) -> None:
        counted = Counter(outcome.status for outcome in self.outcomes)
        object.__setattr__(self, "counts", {status: counted[status] for status in Status})

    @property
    def failed(self) -> list[Outcome]:
        """The outcomes of the companies that failed."""
        return [outcome for outcome in self.outcomes if outcome.status is Status.FAILED]

    @property
    def under_way(self) -> bool:
        """Whether it was still running, or paused, when the account was read."""
        return self.ended in ("running", "paused")

    @property
    def go_on(self) -> str:
        """The command that takes up the companies that a run left untouched; empty when there is none."""
        left = self.action == "migrate-tenant" and self.run_id is not None and self.counts[Status.UNTOUCHED]
        return f"mpm-ops migrate-tenant --resume {self.run_id}" if left and not self.under_way else ""

    @property
    def ok(self) -> bool:
        """Whether every company is done, or had nothing to be done."""
        return all(outcome.status in (Status.DONE, Status.SKIPPED) for outcome in self.outcomes)

    @property
    def causes(self) -> list[Cause]:
        """The failures, those that are alike together; the most frequent first, then by the first company's id."""
        groups: dict[tuple[str, ...], list[Outcome]] = {}
        for outcome in self.failed:
            if failure := outcome.failure:
                # Values differ from company to company where the problem does not.
                message = _VALUE.sub("…", failure.message)
                groups.setdefault((message, failure.sqlstate, failure.revision, failure.statement), []).append(outcome)
        causes = [_cause(alike) for alike in groups.values()]
        return sorted(causes, key=lambda cause: (-len(cause.company_ids), min(cause.company_ids)))

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
        early = next((report for report in reports if report.ended != "finished"), None)
        return cls(
            run_id=None,
            action=action,
            outcomes=outcomes,
            seconds=seconds,
            ended=early.ended if early else "finished",
            reason=early.reason if early else "",
            notes=list(dict.fromkeys(note for report in reports for note in report.notes)),
        )

    def __str__(self) -> str:
        total = len(self.outcomes)
        if not total:
            return f"{self.action}: {self.reason or 'no companies'}"
        named = self.action if self.run_id is None else f"run {self.run_id}, {self.action}"
        to_come = {Status.UNTOUCHED: "to come"} if self.under_way else {}
        parts = [f"{count} {to_come.get(status, status)}" for status, count in self.counts.items() if count]
        early = "" if self.ended == "finished" else f"; {': '.join(filter(None, (self.ended, self.reason)))}"
        return f"{named}: {', '.join(parts)} of {counted(total, 'company')} in {self.seconds:.1f} s{early}"


def _in_common(messages: Sequence[str]) -> str:
    """Return messages that differ in their values only as one: what all say, from 92 to 223, or an ellipsis."""
    values = iter([set(found) for found in zip(*map(_VALUE.findall, messages), strict=True)])

    def common(match: re.Match[str]) -> str:
        found = next(values)
        if len(found) == 1:
            return match[0]
        if not all(value.isdecimal() for value in found):
            return "…"
        numbers = sorted(map(int, found))
        return f"{numbers[0]} to {numbers[-1]}"

    return _VALUE.sub(common, messages[0])


def _cause(alike: Sequence[Outcome]) -> Cause:
    failure = alike[0].failure or Failure(message="", kind="")
    return Cause(
        message=_in_common([outcome.failure.message for outcome in alike if outcome.failure]),
        sqlstate=failure.sqlstate,
        revision=failure.revision,
        statement=failure.statement,
        hint=failure.hint,
        company_ids=[outcome.company_id for outcome in alike],
        companies=[outcome.company for outcome in alike],
    )


@dataclass(frozen=True, kw_only=True)
class Run:
    """A row of the ledger: who did what to which companies."""

    id: int
    #: The command that it was: 'migrate-tenant', 'rollback --run 12' ...
    action: str
    operator: str
    #: 'running', 'paused', 'finished', 'halted', 'interrupted', or 'abandoned': its process is gone.
    state: str
    reason: str
    policy: Mapping[str, Any]
    plans: Sequence[Mapping[str, Any]]
    started_at: dt.datetime
    finished_at: dt.datetime | None
    #: The run whose unfinished companies it took over.
    resumes: int | None
    #: Companies by outcome.
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Applied:
    """One revision that was applied to a company, or undone, or that it was made with."""

    #: Empty when it is not known any more with which revision a company was registered.
    revision: str
    #: 'upgrade', 'downgrade', 'fresh' (its database was replaced) or 'registered'.
    direction: str
    #: Of its SQL at that time.
    hash: str
    at: dt.datetime | None
    operator: str
    #: None for a registration, which is no run.
    run_id: int | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One object of a database that is not what its revision makes."""

    #: 'added', 'missing' or 'changed'.
    change: str
    #: 'table', 'column', 'constraint', 'index', 'view', 'sequence', 'trigger', 'function' ...
    kind: str
    name: str
    #: Its definition by the revision, and in the database; empty where there is none.
    expected: str
    found: str


@dataclass(frozen=True, kw_only=True)
class CompanyDrift:
    """How a company's database differs from what its own revision makes."""

    company_id: int
    company: str
    #: Heads that it was compared with; empty is base, or not known.
    heads: tuple[str, ...] = ()
    differences: Sequence[Difference] = ()
    #: Why it could not be compared.
    error: str = ""

    @property
    def clean(self) -> bool:
        """Whether it was compared and nothing differs."""
        return not self.error and not self.differences


#: How much a finding of the linter matters: an error fails, stops users or breaks code that runs meanwhile.
Level = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the linter has against one statement of a revision, or against the revision."""

    revision: str
    #: The revision's file, and the line in it that makes the statement.
    path: str
    line: int
    #: squawk's name of the rule, or ours.
    rule: str
    level: Level
    message: str
    #: What to write instead.
    hint: str = ""
    #: The SQL as it is rendered; empty when it is about the whole revision.
    statement: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.level} {self.rule}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Linted:
    """What the linter looked at, and what it found."""

    #: Ids of the revisions, oldest first.
    revisions: Sequence[str]
    findings: Sequence[Finding]
    #: What it could not look at, and why.
    notes: Sequence[str] = ()

    @property
    def errors(self) -> list[Finding]:
        """The findings that matter most."""
        return [finding for finding in self.findings if finding.level == "error"]


@dataclass(frozen=True, kw_only=True)
class PlannedSql:
    """One distinct plan of a dry run, and who would go through it."""

    hash: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    sql: str
    companies: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a fleet run would do."""

    action: str
    plans: Sequence[PlannedSql]
    #: Who would go through none, and why.
    others: Mapping[str, str]
    notes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class FleetStatus:
    """The state of the fleet in one look."""

    #: Heads of the code.
    newest: tuple[str, ...]
    #: How many companies are at which heads, the most frequent first.
    revisions: Mapping[tuple[str, ...], int]
    states: Sequence[CompanyState]
    #: Companies that a runner is at right now.
    busy: Sequence[str]
    #: Companies whose last outcome is a failure.
    failed_last: Sequence[str]
    #: Companies whose last check found drift, and when the oldest of the last checks was; None when one was never made.
    drifted: Sequence[str]
    drift_checked_at: dt.datetime | None
    #: Runs that are under way.
    running: Sequence[Run]

    @property
    def astray(self) -> list[CompanyState]:
        """The companies that are not at the newest revision, or cannot be reached."""
        return [one for one in self.states if one.state != "current"]

    @property
    def ok(self) -> bool:
        """Whether nobody needs attention."""
        return not (self.astray or self.failed_last or self.drifted)


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
    #: 'current', 'behind', 'unknown revision', 'wrong stamp' (seen with verify), 'unreachable' or 'no database'.
    state: str


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """Something that lets an analyst do more than read what was granted, or that nobody could look at."""

    #: Which of the servers in the settings it is on, and in which database; empty when it is about the server.
    server: str
    database: str
    #: The role, table, schema, function ... that it is about.
    subject: str
    what: str
    #: A statement for psql in that database, or a command.
    fix: str
    #: Empty when it is about none.
    company: str = ""


@dataclass(frozen=True, kw_only=True)
class Hardened:
    """One database, after it was hardened."""

    server: str
    database: str
    company: str = ""
    #: Why it could not be; empty when it was.
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class AnalystGrant:
    """A company that an analyst may read."""

    #: None is all companies, those to come too.
    company_id: int | None
    company: str
    #: Whether names, phones, addresses and the like are shown as they are.
    personal_data: bool
    until: dt.datetime | None
    granted_at: dt.datetime
    granted_by: str


@dataclass(frozen=True, kw_only=True)
class Analyst:
    """Somebody who reads companies' data with a login of their own; a token is one whose time is short."""

    name: str
    #: The role on the servers.
    login: str
    #: When the login ends; None is never.
    until: dt.datetime | None
    created_at: dt.datetime
    created_by: str
    grants: Sequence[AnalystGrant]


@dataclass(frozen=True, kw_only=True)
class NewLogin:
    """A login that was just made. Its password is nowhere else: show the URL once, and keep it out of logs."""

    name: str
    login: str
    #: For MPM_OPS_DATABASE_URL.
    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Reaped:
    """A session that was ended because it went on for too long."""

    server: str
    login: str
    database: str
    #: How old its statement or its open transaction was.
    seconds: float
    #: 'active' or 'idle in transaction'.
    what: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """What was asked of a company, and what came of it."""

    company_id: int
    #: As it was typed; values of parameters are not in it.
    statement: str
    rows: int
    seconds: float
    outcome: Literal["answered", "cut", "failed"]
    sqlstate: str = ""


@dataclass(frozen=True, kw_only=True)
class Asked(Question):
    """A line of the audit log."""

    asked_at: dt.datetime
    #: Whose login it was, as the server knows, and who that was, as the client says.
    login: str
    who: str
    #: Empty when it is gone.
    company: str
