"""The account of a fleet run: every company, and the causes of failures."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """How one company came out of a fleet run (D7): every company ends as exactly one of these."""

    DONE = "done"
    SKIPPED = "skipped"
    BUSY = "busy"
    FAILED = "failed"
    UNTOUCHED = "untouched"


#: What differs from company to company in messages about the same problem.
_VALUE = re.compile(r'\d+|"[^"]*"')


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 company`, `3 companies`, `0 errors`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


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
    #: When it came out so; None for an untouched one. The runner and the ledger go by clocks of their own, so two
    #: accounts of the same outcome are equal whatever they say here.
    finished_at: dt.datetime | None = field(default=None, compare=False)

    @property
    def moved(self) -> tuple[str, str]:
        """Where it was moved from and to: the heads that changed. Of one that stayed where it was, all heads, twice."""
        if self.before == self.after:
            return _listed(self.before) or "base", _listed(self.after) or "base"
        gone = [head for head in self.before if head not in self.after]
        came = [head for head in self.after if head not in self.before]
        # A branch that is new, or gone, comes from nowhere, or goes there.
        return _listed(gone) or ("-" if self.before else "base"), _listed(came) or ("-" if self.after else "base")

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

    #: Its place among the causes of its run, from 1: what `--cause` takes.
    number: int
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
    #: When the first company could have been begun; None when there was none.
    started_at: dt.datetime | None = None
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
        left = self._resumable and self.counts[Status.UNTOUCHED]
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
        alike = sorted(groups.values(), key=lambda one: (-len(one), min(outcome.company_id for outcome in one)))
        return [_cause(number, one) for number, one in enumerate(alike, 1)]

    def retry(self, cause: Cause) -> str:
        """Return the command that tries the companies of one of its causes again."""
        if self._resumable:
            return f"mpm-ops migrate-tenant --resume {self.run_id} --cause {cause.number}"
        if self.action.startswith("rollback --run"):
            return f"mpm-ops {self.action}"  # who is undone already is left alone
        if self.action.startswith("plugin "):
            return self._plugin_command(cause)
        # An action is the command that it was.
        return f"mpm-ops {self.action} " + " ".join(f"--only {company_id}" for company_id in cause.company_ids)

    def _plugin_command(self, cause: Cause) -> str:
        _, verb, name = self.action.split(" ", 2)
        dropping = " --drop-data" if verb == "uninstall" else ""
        return "; ".join(f"mpm-ops plugin {verb} {one} {shlex.quote(name)}{dropping}" for one in cause.company_ids)

    @property
    def _resumable(self) -> bool:
        return self.action == "migrate-tenant" and self.run_id is not None

    def rows(self) -> list[dict[str, str]]:
        """Return a row of text per company: what a table shows."""
        return [
            {
                "id": str(outcome.company_id),
                "company": outcome.company,
                "outcome": outcome.status.value,
                "from": outcome.moved[0],
                "to": outcome.moved[1],
                "seconds": f"{outcome.seconds:.2f}",
                "what": outcome.why,
            }
            for outcome in self.outcomes
        ]

    def __str__(self) -> str:
        total = len(self.outcomes)
        if not total:
            return f"{self.action}: {self.reason or 'no companies'}"
        named = self.action if self.run_id is None else f"run {self.run_id}, {self.action}"
        to_come = {Status.UNTOUCHED: "to come"} if self.under_way else {}
        parts = [f"{count} {to_come.get(status, status)}" for status, count in self.counts.items() if count]
        early = "" if self.ended == "finished" else f"; {': '.join(filter(None, (self.ended, self.reason)))}"
        return f"{named}: {', '.join(parts)} of {counted(total, 'company')} in {self.seconds:.1f} s{early}"


def _listed(heads: Sequence[str]) -> str:
    return ", ".join(heads)


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


def _cause(number: int, alike: Sequence[Outcome]) -> Cause:
    failure = alike[0].failure or Failure(message="", kind="")
    return Cause(
        number=number,
        message=_in_common([outcome.failure.message for outcome in alike if outcome.failure]),
        sqlstate=failure.sqlstate,
        revision=failure.revision,
        statement=failure.statement,
        hint=failure.hint,
        company_ids=[outcome.company_id for outcome in alike],
        companies=[outcome.company for outcome in alike],
    )
