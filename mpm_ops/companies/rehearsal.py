"""Records of a rehearsal: what a migration did to the clones of companies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpm_ops.records import Failure, counted


@dataclass(frozen=True, kw_only=True)
class TableLock:
    """The strongest lock that a migration took on a table that was there before it."""

    table: str
    #: As LOCK TABLE says it: 'ACCESS EXCLUSIVE', 'SHARE ROW EXCLUSIVE' ...
    mode: str
    #: For how long it was held at most: from the transaction's begin to its commit.
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RehearsedStep:
    """A revision that went through on a clone; several when they share one transaction."""

    revisions: Sequence[str]
    seconds: float
    locks: Sequence[TableLock]
    #: What of its locks could not be seen, and why.
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """How the clone of one company came through the migration."""

    company_id: int
    company: str
    server: str
    #: Why this company was chosen.
    why: str
    #: Hash of the plan.
    plan: str
    #: How the clone was made: 'template' or 'pg_dump'; empty when it was not.
    copied_by: str = ""
    copy_seconds: float = 0.0
    #: Bytes on disk.
    size_before: int = 0
    size_after: int = 0
    #: Seconds of the migration, as far as it came.
    seconds: float = 0.0
    steps: Sequence[RehearsedStep] = ()
    failure: Failure | None = None
    #: Why it could not be rehearsed.
    not_rehearsed: str = ""

    @property
    def ok(self) -> bool:
        """Whether the clone was migrated."""
        return self.failure is None and not self.not_rehearsed


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a run would do, tried on clones of the riskiest companies."""

    clones: Sequence[Rehearsed]
    #: How many companies the run would migrate, and how many at a time.
    companies: int
    workers: int
    notes: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether every clone was migrated."""
        return all(clone.ok for clone in self.clones)

    @property
    def longest(self) -> tuple[Rehearsed, RehearsedStep, TableLock] | None:
        """The ACCESS EXCLUSIVE lock that was held longest: for so long nobody could even read that table."""
        exclusive = [
            (clone, step, lock)
            for clone in self.clones
            for step in clone.steps
            for lock in step.locks
            if lock.mode == "ACCESS EXCLUSIVE"
        ]
        return max(exclusive, key=lambda found: found[2].seconds, default=None)

    @property
    def estimate(self) -> float | None:
        """Seconds of work for all companies at the pace of the clones, which are the slow ones; None: nothing known."""
        through = [clone.seconds for clone in self.clones if clone.ok]
        return self.companies * sum(through) / len(through) if through else None

    def __str__(self) -> str:
        if not self.companies:
            return "rehearsal: nothing to migrate"
        done = sum(clone.ok for clone in self.clones)
        text = f"rehearsal: {done} of {counted(len(self.clones), 'clone')} migrated"
        if self.estimate is None:
            return text
        at_once = min(self.workers, self.companies)
        text += f"; at their pace the run over {counted(self.companies, 'company')} is {self.estimate:.1f} s of work"
        return text + (f", {self.estimate / at_once:.1f} s of them for {at_once} at a time" if at_once > 1 else "")
