"""The account of a fleet run: the ledger written before, during and after the work, and the run steered meanwhile."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg

from mpm_ops.central import ledger
from mpm_ops.central.ledger import Part, Planned
from mpm_ops.companies.assertions import gate
from mpm_ops.companies.hooks import Hooks, Told
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.killed import settle_all
from mpm_ops.companies.sizes import sizes_of
from mpm_ops.companies.states import read_stamps
from mpm_ops.companies.watch import Watch
from mpm_ops.errors import MpmOpsError
from mpm_ops.fleet import runner
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change, Controls, Ran
from mpm_ops.postgres import locks
from mpm_ops.postgres.server import translated
from mpm_ops.records import Company, FleetReport, Outcome, Status
from mpm_ops.settings import operator

#: Outcomes are written together for so long, in seconds: a statement for each costs a tenth of the work itself.
_MOMENT = 0.2
#: How long the end of a run is tried to be written, in seconds.
_PATIENCE = 30.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """A fleet run before it begins."""

    action: str
    planned: Sequence[Planned]
    work: Callable[[Company, Account], Change]
    #: Companies that need no work, with their reason: not a thread nor a connection is spent on them.
    idle: Sequence[Outcome] = ()
    plans: Sequence[dict[str, object]] = ()
    notes: Sequence[str] = ()
    #: Why nobody may be begun; empty when all may.
    refused: str = ""
    resumes: int | None = None
    part: Part | None = None
    #: Companies of the same choice that an earlier run is done with: the gate is asked of a canary among them.
    settled: Sequence[Company] = ()


class Account:
    """One run's pages in the ledger, and the connection that they are written on."""

    def __init__(
        self,
        installation: Installation,
        run_id: int,
        connection: psycopg.Connection,
        servers: Collection[str],
        *,
        part: Part | None = None,
    ) -> None:
        self.run_id = run_id
        #: Why the shared run that it is a part of is over; empty while it is not.
        self.over = ""
        self._part = part
        #: What the sessions of this run are called on the server.
        self.application = ledger.application(installation.settings.prefix, run_id)
        self._installation = installation
        self._connection = connection
        # Outcomes need not be on disk at once: what they tell is in the databases too, and `close` waits for all.
        self._connection.execute("SET synchronous_commit = off")
        self._unwritten: list[Outcome] = []
        self._written = 0.0
        #: What the servers of its companies say meanwhile.
        self.watch = Watch(installation, servers, self.application)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Write outcomes, those of a moment together; when the central database is away they are kept for later."""
        self._unwritten.extend(outcomes)
        if time.monotonic() - self._written >= _MOMENT:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        try:
            ledger.record(self._connected(), self.run_id, self._unwritten)
            self._unwritten.clear()
        except (psycopg.Error, MpmOpsError):
            self._connection.close()

    def limits(self) -> dict[str, int]:
        """Write what is unwritten, and return how many connections the run may have on each server."""
        self._write()
        return self.watch.limits()

    def paused(self) -> bool:
        """Whether somebody asked the run to pause; a central database that is away asks nothing."""
        try:
            if self._part:
                self.over = ledger.over(self._connected(), self._part.run_id)
            return ledger.paused(self._connected(), self.run_id)
        except (psycopg.Error, MpmOpsError):
            self._connection.close()
            return False

    def close(self, ran: Ran, companies: Sequence[Company]) -> tuple[Ran, str]:
        """Write what is unwritten and the end of the run; return how it came out, and why that is not written, if so.

        Whom the run lost on the way is looked for: the servers are back by now, or the ledger could not be written.
        """
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self._connected()
                ran = _found_again(self._installation, ran, companies)
                with self._connection.transaction():
                    self._connection.execute("SET LOCAL synchronous_commit = on")
                    ledger.record(self._connection, self.run_id, ran.outcomes)
                    ledger.close_run(self._connection, self.run_id, state=ran.ended, reason=ran.reason)
            except (psycopg.Error, MpmOpsError) as exc:
                self._connection.close()
                if time.monotonic() > until:
                    first = str(exc).splitlines()[0]
                    lost = f"the central database could not be written ({first}); run {self.run_id} looks abandoned"
                    return ran, lost
                time.sleep(0.5)
            else:
                return ran, ""

    def release(self) -> None:
        """Close the connections, whether the run came to its end or not."""
        self.watch.close()
        self._connection.close()

    def _connected(self) -> psycopg.Connection:
        """Return the connection; open it again, and take the run's lock again, when it was lost."""
        if self._connection.closed:
            self._connection = self._installation.server.open(self._installation.settings.central_database)
            self._connection.execute("SET synchronous_commit = off")
            locks.hold(self._connection, ledger.lock_key(self.run_id))
        return self._connection


def account(installation: Installation, job: Job, *, policy: Policy, hooks: Hooks) -> FleetReport:
    """Run a job with the ledger around it: written before the first company is touched, and after each.

    A run without companies is none: nothing is written.
    """
    if not job.planned:
        return FleetReport(run_id=None, action=job.action, outcomes=[], seconds=0.0, reason=_nobody(job, policy))
    began, now = time.monotonic(), dt.datetime.now(dt.UTC)
    idle = {outcome.company_id: dataclasses.replace(outcome, finished_at=now) for outcome in job.idle}
    waiting = [one.company for one in job.planned if one.company.id not in idle]
    ended: Literal["finished", "halted"] = "halted" if job.refused else "finished"
    # One connection from the first word to the last: it holds the lock that says that the run is under way.
    connection = installation.server.open(installation.settings.central_database)
    try:
        with translated():
            notes = [*job.notes, *settle_all(installation, connection)]
            run_id = ledger.open_run(
                connection,
                action=job.action,
                operator=operator(),
                policy=policy.model_dump(mode="json"),
                plans=job.plans,
                planned=job.planned,
                idle=idle,
                state="" if waiting else ended,
                resumes=job.resumes,
                part=job.part,
            )
            ledger.record(connection, run_id, [outcome for outcome in job.idle if outcome.failure])
            if job.refused and not waiting:
                ledger.close_run(connection, run_id, state=ended, reason=job.refused)
            expected = expected_of(installation, connection, job.action, waiting) if waiting else {}
        pages = Account(installation, run_id, connection, by_server(waiting), part=job.part)
        weights = {one.company.id: expected.get(one.company.id, 1.0) for one in job.planned}
        tell = Told()
        if waiting:
            tell(hooks.on_run, run_id)
        tell(hooks.on_start, weights | dict.fromkeys(idle, 0.0))
        for outcome in job.idle:
            tell(hooks.on_outcome, outcome)
        ran, lost = Ran(outcomes=[], ended=ended, reason=job.refused), ""
        if waiting:
            ran, lost = _steered(
                installation, pages, job, waiting, policy=policy, hooks=hooks, tell=tell, expected=expected
            )
        tell.go_on()
    finally:
        connection.close()
    found = idle | {outcome.company_id: outcome for outcome in ran.outcomes}
    return FleetReport(
        run_id=run_id,
        action=job.action,
        outcomes=[dataclasses.replace(found[one.company.id], plan=one.plan) for one in job.planned],
        seconds=time.monotonic() - began,
        ended=ran.ended,
        reason=ran.reason,
        notes=[*notes, *([lost] if lost else [])],
        started_at=now,
    )


def _nobody(job: Job, policy: Policy) -> str:
    """Say why a job has no companies."""
    fitting = "".join(f" --match {pattern}" for pattern in policy.match)
    if job.resumes is not None:
        return f"nothing is left of run {job.resumes}" + (f" that fits{fitting}" if fitting else "")
    return f"no company fits{fitting}" if fitting else "no companies"


def _steered(
    installation: Installation,
    account: Account,
    job: Job,
    waiting: Sequence[Company],
    *,
    policy: Policy,
    hooks: Hooks,
    tell: Told,
    expected: Mapping[int, float],
) -> tuple[Ran, str]:
    """Run the work with the account written meanwhile; return how it came out, and what could not be written."""

    def on_outcomes(outcomes: Sequence[Outcome]) -> None:
        account.record(outcomes)
        for outcome in outcomes:
            tell(hooks.on_outcome, outcome)

    controls = Controls(
        # Often enough to see who holds a lock before the wait for it is given up.
        every=min(0.5, max(0.05, policy.lock_timeout / 4000)) if policy.lock_timeout else 0.5,
        limits=account.limits,
        paused=account.paused,
        cancel=account.watch.cancel,
        gate=lambda companies: gate(
            installation,
            companies,
            policy=policy,
            application=account.application,
            limits=account.limits,
            cancel=account.watch.cancel,
        ),
        on_outcomes=on_outcomes,
        stop=lambda: tell.why() or account.over or hooks.stop(),
        on_note=lambda note: tell(hooks.on_note, note),
    )
    heads = {one.company.id: one.before for one in job.planned}
    skipped = {outcome.company_id for outcome in job.idle if outcome.status is Status.SKIPPED}
    idle = [one.company for one in job.planned if one.company.id in skipped]
    try:
        if job.refused:
            ran = refused(waiting, job.refused, heads)
            on_outcomes(ran.outcomes)
        else:
            ran = runner.run(
                waiting,
                lambda one: job.work(one, account),
                policy=policy,
                controls=controls,
                expected=expected,
                heads=heads,
                settled=[*job.settled, *idle],
            )
        return account.close(ran, waiting)
    finally:
        account.release()


def _found_again(installation: Installation, ran: Ran, companies: Sequence[Company]) -> Ran:
    """Return the account with where those are now that the run lost: what their server had not on disk is gone."""
    lost = [company for company in companies if company.id in ran.lost]
    stamps = read_stamps(installation, lost, verify=True) if lost else {}
    found = {company.id: heads for company in lost if isinstance(heads := stamps.get(company.database), tuple)}
    outcomes = [dataclasses.replace(one, after=found.get(one.company_id, one.after)) for one in ran.outcomes]
    return dataclasses.replace(ran, outcomes=outcomes)


def refused(companies: Sequence[Company], reason: str, heads: Mapping[int, tuple[str, ...]]) -> Ran:
    """Return the account of a run in which nobody was begun, and everybody is where they were."""
    outcomes = [
        Outcome(
            company_id=one.id,
            company=one.name,
            status=Status.UNTOUCHED,
            reason=reason,
            before=heads[one.id],
            after=heads[one.id],
        )
        for one in companies
    ]
    return Ran(outcomes=outcomes, ended="halted", reason=reason)


def expected_of(
    installation: Installation, connection: psycopg.Connection, action: str, companies: Sequence[Company]
) -> dict[int, float]:
    """Return how long each company is going to take: as long as the last time, else in proportion to its size."""
    past = ledger.durations(connection, action, [company.id for company in companies])
    unknown = [company for company in companies if company.id not in past]
    sizes = sizes_of(installation, unknown)
    # What a byte takes does not matter, only who goes first; the mean of the known keeps the two comparable.
    total = sum(sizes.values()) or 1
    mean = sum(past.values()) / len(past) if past else 1.0
    guessed = {company.id: mean * len(unknown) * sizes.get(company.database, 0) / total for company in unknown}
    return past | guessed
