"""Revisions, the runs that apply them, and the state of the fleet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpm_ops.records.company import CompanyState


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
    #: The shared run that it is a batch of.
    part_of: int | None
    #: Companies by outcome.
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class SharedRun:
    """A fleet run that several processes may share, as it is now."""

    id: int
    #: 'running', 'finished', 'halted' or 'interrupted'.
    state: str
    #: Why it ended before all companies were done.
    reason: str
    #: Batches and gates that are to be done, and how many of those somebody could claim now.
    left: int
    free: int
    #: Batches and gates that some process is at; of a run that was ended before they were done, too.
    held: int

    @property
    def over(self) -> bool:
        """Whether nobody has anything to do for it any more."""
        return self.state != "running"


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
class Spread:
    """So many companies are at the same revisions."""

    #: Heads of what all companies share, sorted; those of plugins, of which each company has its own, are left out.
    heads: tuple[str, ...]
    companies: int
    #: Whether nothing is pending for them, of their plugins either.
    newest: bool


@dataclass(frozen=True, kw_only=True)
class FleetStatus:
    """The state of the fleet in one look."""

    #: Heads of the code, for a company without plugins.
    newest: tuple[str, ...]
    #: How many companies are at which revisions, the most frequent first.
    revisions: Sequence[Spread]
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
