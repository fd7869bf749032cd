"""One process that takes part in a run which several share, on one machine or many: batches are claimed, not assigned.

Whoever takes part claims the next free batch by a lock, and takes its companies along as a run that is a part of the
shared one. Who is killed loses the lock, and the next to come takes the batch up where it was left, as `--resume` does.
The first one leads: it ends the run. When it is killed another one can.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

import psycopg

from mpm_ops.central import batches, history, ledger, registry
from mpm_ops.central.batches import Piece
from mpm_ops.central.ledger import Part
from mpm_ops.companies import courses, migrations, runs
from mpm_ops.companies.assertions import gate
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.seat import Seat, opened
from mpm_ops.companies.states import read_stamps
from mpm_ops.companies.watch import Watch
from mpm_ops.errors import Busy, MpmOpsError, UsageError
from mpm_ops.fleet.policy import Policy, counted
from mpm_ops.postgres.server import translated
from mpm_ops.records import Company, FleetReport, Outcome, SharedRun, Status

#: How long a server that is still at work for a killed process is waited for, in seconds.
_PATIENCE = 60.0
#: States of a run that is not over; abandoned is one for the moment in which its lock is taken again.
_UNDER_WAY = ("running", "paused", "abandoned")
#: Why nobody came to a company of a run whose batches are all done.
_GONE = "is not active any more"
#: What a policy says of all companies together, and a part cannot know.
_OF_ALL = ("canary", "wave", "gate", "soak", "max_failures", "skip", "match")


def asks_first(policy: Policy) -> bool:
    """Whether assertions are asked of all companies before the first one is touched."""
    # To leave out whom an assertion is against is each part's own business.
    return policy.preflight == "stop"


class RunMember:
    """One process that takes part in a shared run. While one is open nobody takes the run for a killed one."""

    def __init__(self, installation: Installation, run_id: int, connection: psycopg.Connection | None = None) -> None:
        """Take part in a run. Raises UnknownRun, and UsageError when it is under way and nobody shares it."""
        self.run_id = run_id
        self._installation = installation
        self._policy = Policy()
        self._seat = Seat(installation, run_id, connection)
        #: Companies that had something to be done: what a budget is a share of.
        self._total = 0
        try:
            self._enter()
        except BaseException:
            self.close()
            raise

    @property
    def newest(self) -> tuple[str, ...]:
        """The heads that the run brings companies to."""
        return self._installation.tenant_tree.heads()

    def state(self) -> SharedRun:
        """Tell how the run is getting on. Read-only."""
        with self._seat.central() as central:
            state, reason = history.state(central, self.run_id)
            pieces = batches.listed(central, self.run_id)
        over = state not in _UNDER_WAY
        return SharedRun(
            id=self.run_id,
            state=state if over else "running",
            reason=reason,
            left=0 if over else sum(not one.done for one in pieces),
            free=0 if over or state == "paused" else len(batches.free(pieces)),
            held=sum(one.held for one in pieces),
        )

    def progress(self) -> tuple[int, int]:
        """Return how many companies are done with, whatever the outcome, and how many there are. Read-only.

        It takes a quarter of a second with 100 000 companies.
        """
        with self._seat.central() as central:
            counts = history.run(central, self.run_id).counts
        return sum(counts.values()) - counts.get(Status.UNTOUCHED, 0), sum(counts.values())

    def lead(self) -> bool:
        """Whether this process leads the run: it does when nobody else does."""
        return self._seat.lead()

    def accompanied(self) -> bool:
        """Whether others take part as well: members of this process that are not closed count, too. Read-only."""
        return self._seat.accompanied()

    def take(self, hooks: Hooks) -> FleetReport | None:
        """Claim the next batch and take its companies along, or pass a gate; None when nothing is free.

        A batch that was broken off, by a hook or by a signal, or whose account could not be written, stays to be done.
        Raises Busy when a server does not stop working for whoever had the batch before and was killed.
        """
        if not self.state().free:
            return None
        if spent := self._spent():
            self._end("halted", spent)
            return None
        with self._seat.central() as central:
            pieces = batches.free(batches.listed(central, self.run_id))
        # A connection of its own for the claim: threads of one process share nothing here.
        with translated(), closing(opened(self._installation)) as own:
            for piece in pieces:
                with batches.claimed(own, self.run_id, piece.number) as mine:
                    if mine:
                        return self._passed(piece, hooks) if piece.gate else self._migrated(piece, hooks)
        return None

    def end(self, *, reason: str = "") -> FleetReport:
        """End the run, unless it is over, and return the account of all companies, compared with their stamps.

        With batches left it ends as interrupted, for this reason. Who is at one begins no further company in it.
        """
        found = self.state()
        if not found.over:
            with self._seat.central() as central:
                halted = "; ".join(batches.broken_off(central, self.run_id))
            if found.left:
                self._end("interrupted", reason)
            else:
                self._end("halted" if halted else "finished", halted)
        report = runs.report(self._installation, self.run_id)
        return replace(report, notes=[*report.notes, *self._astray(report)])

    def close(self) -> None:
        """Take no more part."""
        self._seat.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enter(self) -> None:
        with self._seat.central() as central:
            state, _ = history.state(central, self.run_id)
            self._total = batches.total(central, self.run_id)
            if not self._total and state in _UNDER_WAY:
                raise UsageError(f"run {self.run_id} is none that processes share", hint="Resume it when it is over.")
            self._policy = Policy(**ledger.policy(central, self.run_id))
        self._seat.outage = self._policy.outage
        self._seat.take()

    def _companies(self, ids: Sequence[int]) -> list[Company]:
        """Return the companies with these ids, in that order; who is not active any more is not among them."""
        with self._seat.central() as central:
            known = {one.id: one for one in registry.with_ids(central, ids)}
        return [known[one] for one in ids if one in known]

    def _companies_of(self, piece: Piece) -> list[Company]:
        with self._seat.central() as central:
            ids = batches.companies(central, self.run_id, piece.number)
        return self._companies(ids)

    def _budget(self) -> tuple[float, int]:
        """Return how many companies may fail, and how many did, in all processes together."""
        if not self._policy.max_failures:
            return math.inf, 0
        with self._seat.central() as central:
            counts = history.run(central, self.run_id).counts
        return max(1, counted(self._policy.max_failures, self._total)), counts.get(Status.FAILED, 0)

    def _spent(self) -> str:
        """Say why no further company may be begun; empty when all may."""
        allowed, failed = self._budget()
        return f"{failed} companies failed, and the budget is {self._policy.max_failures}" if failed >= allowed else ""

    def _migrated(self, piece: Piece, hooks: Hooks) -> FleetReport:
        """Take the companies of a batch along: from the beginning, or from where a killed process left them."""
        companies = self._companies_of(piece)
        part = Part(self.run_id, piece.number)
        policy = self._part_policy()
        with self._seat.central() as central:
            before = batches.last_part(central, self.run_id, piece.number)
        if before is None:
            course = courses.upgrade(self._installation, companies)
            report = migrations.go(self._installation, course, policy=policy, hooks=hooks, part=part)
        else:
            report = _patiently(
                lambda: runs.resume(self._installation, before, companies, policy=policy, hooks=hooks, part=part)
            )
        if report.ended == "interrupted" or hooks.stop() or not self._written(report):
            return report  # somebody else takes it up
        if report.ended == "halted" and (spent := self._spent()):
            self._end("halted", spent)
        else:
            with self._seat.central() as central:
                batches.close(central, self.run_id, piece.number)
        return report

    def _written(self, report: FleetReport) -> bool:
        """Whether the ledger has the end of a part; a part without companies is not in it at all."""
        if report.run_id is None:
            return True
        with self._seat.central() as central:
            return history.run(central, report.run_id).finished_at is not None

    def _part_policy(self) -> Policy:
        """Return the policy for a part: without what is of all companies, with what is left of the budget."""
        allowed, failed = self._budget()
        changed = {name: Policy.model_fields[name].default for name in _OF_ALL}
        if allowed < math.inf:
            changed["max_failures"] = str(max(1, int(allowed) - failed))
        if asks_first(self._policy):
            changed["preflight"] = "skip"  # all passed it before the first one was touched
        return self._policy.model_copy(update=changed)

    def _passed(self, piece: Piece, hooks: Hooks) -> FleetReport:
        """Let a stage soak and ask its gate; a closed one ends the run."""
        until = time.monotonic() + self._policy.soak
        while not (reason := hooks.stop()) and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
        if not reason:
            closed = self._gate(self._companies_of(piece), f"gate {piece.number}")
            if closed:
                reason = f"the gate after the {piece.gate} is closed: {closed}"
                self._end("halted", reason)
            else:
                with self._seat.central() as central:
                    batches.close(central, self.run_id, piece.number)
        ended = "halted" if reason else "finished"
        return FleetReport(
            run_id=self.run_id,
            action=f"gate after the {piece.gate}",
            outcomes=[],
            seconds=0.0,
            ended=ended,
            reason=reason,
        )

    def _gate(self, companies: Sequence[Company], name: str) -> str:
        application = f"{ledger.application(self._installation.settings.prefix, self.run_id)} {name}"
        with closing(Watch(self._installation, by_server(companies), application)) as watch:
            return gate(
                self._installation,
                companies,
                policy=self._policy,
                application=application,
                limits=watch.limits,
                cancel=watch.cancel,
            )

    def _end(self, state: str, reason: str) -> None:
        """Write the end of the run, unless somebody was faster; whom nobody came to is told why."""
        with self._seat.central() as central, central.transaction():
            if not ledger.under_way(central, self.run_id):
                return
            left = [one for one in history.outcomes(central, self.run_id) if _is_open(one)]
            ledger.record(central, self.run_id, [replace(one, reason=reason or _GONE) for one in left])
            ledger.close_run(central, self.run_id, state=state, reason=reason)

    def _astray(self, report: FleetReport) -> list[str]:
        """Tell whose stamp is not what the account says: one query for each server. Read-only."""
        done = {one.company_id: one for one in report.outcomes if one.status is Status.DONE}
        companies = self._companies(list(done))
        stamps = read_stamps(self._installation, companies)
        return [
            f"{one}: the account says {', '.join(done[one.id].after) or 'base'}, and its database {_listed(found)}"
            for one in companies
            if (found := stamps.get(one.database)) != done[one.id].after
        ]


def _listed(found: tuple[str, ...] | MpmOpsError | None) -> str:
    if isinstance(found, tuple):
        return ", ".join(found) or "base"
    return "is not there" if found is None else f"does not answer: {found}"


def _is_open(outcome: Outcome) -> bool:
    return outcome.status is Status.UNTOUCHED and not outcome.reason


def _patiently(do: Callable[[], FleetReport]) -> FleetReport:
    """Do it, again while a server is at work for a killed process."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with suppress(Busy):
            return do()
        time.sleep(0.5)
    return do()
