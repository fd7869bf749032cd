"""Runs one piece of work over many companies, many at a time, and loses no outcome (D7)."""

from __future__ import annotations

import dataclasses
import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Literal

from mpm_ops.errors import Busy, MpmOpsError, ServerUnavailable, Transient
from mpm_ops.fleet.attempts import Try, failure_of
from mpm_ops.fleet.policy import Policy, counted
from mpm_ops.fleet.servers import Servers
from mpm_ops.fleet.signals import Interrupts, counted_interrupts
from mpm_ops.fleet.stages import Stage, stages
from mpm_ops.records import Company, Failure, Outcome, Status

#: too_many_connections: the server is full, whatever was budgeted.
_TOO_MANY = "53300"
#: Connection exceptions, and a server that shuts down; what has no SQLSTATE is a lost connection, too.
_BREAKS_OFF = ("08", "57P")


@dataclass(frozen=True, kw_only=True)
class Change:
    """What the work did to one company."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    #: Why there was nothing to do; empty when something was done.
    skipped: str = ""


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What steers a run from outside; the calling thread asks about every `every` seconds."""

    every: float = 0.5
    #: How many companies may be worked on now, by server; one that is not named has no limit.
    limits: Callable[[], Mapping[str, int]] = dict
    #: Whether somebody asked to begin no more for now.
    paused: Callable[[], bool] = lambda: False
    #: Why no further company is to be begun; empty while all is well.
    stop: Callable[[], str] = lambda: ""
    #: Break off on the server what is running.
    cancel: Callable[[], None] = lambda: None
    #: Asked after the canary and each wave: why the run must not go on; empty when it may.
    gate: Callable[[Sequence[Company]], str] = lambda _: ""
    on_outcomes: Callable[[Sequence[Outcome]], None] = lambda _: None
    on_note: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a run came out: one outcome per company, in their order, and why it ended."""

    outcomes: list[Outcome]
    ended: Literal["finished", "halted", "interrupted"]
    #: Why it ended before all were done.
    reason: str = ""
    #: The ids of the failed whose last attempt broke off so that nobody knows where it left them.
    lost: Collection[int] = ()


def run(
    companies: Sequence[Company],
    work: Callable[[Company], Change],
    *,
    policy: Policy,
    controls: Controls | None = None,
    expected: Mapping[int, float] | None = None,
    heads: Mapping[int, tuple[str, ...]] | None = None,
    settled: Sequence[Company] = (),
) -> Ran:
    """Do `work` for every company, in the stages of `policy`, and in each stage the longest first.

    `expected` is how long each company is going to take, by id: who takes longest must not be left for the end.
    `heads` is where each is believed to be: the account has it for those in which nobody came to look.
    `settled` are companies that have nothing to be done; the gate behind the canary is asked of those it names.
    Callbacks run in the calling thread. Ctrl-C or SIGTERM begins no more companies and lets the running ones finish;
    a second one cancels them on the server. What was not begun is UNTOUCHED. Prints nothing.
    """
    with counted_interrupts() as interrupts, ThreadPoolExecutor(policy.workers, "mpm_ops") as pool:
        course = _Course(work, policy, controls or Controls(), interrupts, pool, heads or {}, total=len(companies))
        for stage in stages(companies, policy, settled):
            if expected:
                by_length = sorted(stage.companies, key=lambda company: -expected.get(company.id, 0.0))
                stage = dataclasses.replace(stage, companies=by_length)
            course.go(stage)
        return course.ended(companies)


@dataclass
class _Course:
    work: Callable[[Company], Change]
    policy: Policy
    controls: Controls
    interrupts: Interrupts
    pool: ThreadPoolExecutor
    heads: Mapping[int, tuple[str, ...]]
    total: int
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    #: Why no further company is begun; empty while all is well.
    stopped: str = ""
    failures: int = 0
    lost: set[int] = field(default_factory=set)
    running: dict[Future[Change], tuple[Try, float]] = field(default_factory=dict)
    #: When to try again, a tie-breaker, whom, and the error so far.
    later: list[tuple[float, int, Try, MpmOpsError]] = field(default_factory=list)
    _asked: float = 0.0
    _paused: bool = False
    _cancelled: bool = False

    def __post_init__(self) -> None:
        self.servers = Servers(outage=self.policy.outage, on_note=self.controls.on_note)

    def go(self, stage: Stage) -> None:
        """Work through one stage, then ask the gate."""
        #: By server, each in the order of the stage: one that is full does not hold up the others.
        waiting: dict[str, deque[tuple[int, Try]]] = {}
        for place, company in enumerate(stage.companies):
            waiting.setdefault(company.server, deque()).append((place, self._try(company)))
        while (any(waiting.values()) and not self._stopping()) or self.running or self.later:
            self._ask()
            self._give_up()
            for server in self.servers.gone:
                waiting.pop(server, None)
            while one := self._next(waiting):
                self._start(one)
            self._collect()
        if stage.name and not self._stopping():
            self._pass_gate(stage)

    def ended(self, companies: Sequence[Company]) -> Ran:
        """Return the account; who was not begun is told why."""
        self._stopping()
        reason = self.stopped or ("the run was interrupted" if self.interrupts else "")
        gone = self.servers.gone
        untouched = [
            self._try(company).outcome(Status.UNTOUCHED, reason=reason or gone.get(company.server, ""))
            for company in companies
            if company.id not in self.outcomes
        ]
        self._settle(untouched)
        how: Literal["finished", "halted", "interrupted"] = "finished"
        if self.stopped or untouched:
            how = "interrupted" if self.interrupts else "halted"
        reason = reason or "; ".join(gone.values() if untouched else ())
        outcomes = [self.outcomes[company.id] for company in companies]
        return Ran(outcomes=outcomes, ended=how, reason=reason, lost=self.lost)

    def _try(self, company: Company) -> Try:
        believed = self.heads.get(company.id, ())
        return Try(company, believed, believed)

    def _stopping(self) -> bool:
        self.stopped = self.stopped or self.controls.stop()
        return bool(self.stopped or self.interrupts)

    def _next(self, waiting: Mapping[str, deque[tuple[int, Try]]]) -> Try | None:
        """Take the next company whose server has room: one whose pause is over, else the first of those waiting."""
        if self._paused or self._stopping() or len(self.running) >= self.policy.workers:
            return None
        if self.later and self.later[0][0] <= time.monotonic() and self._room(self.later[0][2].company.server):
            return heapq.heappop(self.later)[2]
        heads = [(line[0][0], server) for server, line in waiting.items() if line and self._room(server)]
        return waiting[min(heads)[1]].popleft()[1] if heads else None

    def _room(self, server: str) -> bool:
        return self.servers.has_room(server, self._busy(server))

    def _busy(self, server: str) -> int:
        return sum(one.company.server == server for one, _ in self.running.values())

    def _start(self, one: Try) -> None:
        one.attempts += 1
        self.running[self.pool.submit(self.work, one.company)] = (one, time.monotonic())

    def _ask(self) -> None:
        """Ask the controls, every so often, and pass a second Ctrl-C on to the server."""
        if self.interrupts.count > 1 and not self._cancelled:
            self._cancelled = True
            self.controls.cancel()
        now = time.monotonic()
        if now - self._asked < self.controls.every:
            return
        self._asked = now
        self.servers.allow(self.controls.limits())
        paused = self.controls.paused()
        if paused != self._paused:
            self._paused = paused
            self.controls.on_note("paused: no further company is begun" if paused else "resumed")

    def _give_up(self) -> None:
        """Once the run stops, or a server is gone, who waits for another attempt has had the last one."""
        kept = [] if self._stopping() else [one for one in self.later if one[2].company.server not in self.servers.gone]
        if len(kept) < len(self.later):
            ids = {company_id for _, company_id, _, _ in kept}
            given_up = [(one, exc) for _, company_id, one, exc in self.later if company_id not in ids]
            heapq.heapify(kept)
            self.later = kept
            # Who was not begun, for want of a server, stays untouched.
            self._settle([self._failed(one, exc) for one, exc in given_up if one.attempts])

    def _collect(self) -> None:
        """Wait until something is done or it is time to ask again, and take what is done."""
        if not self.running:
            if self.later or self._paused:
                pause = self.later[0][0] - time.monotonic() if self.later else self.controls.every
                # One that is due and has no room yet is asked for again in a moment.
                time.sleep(min(max(pause, 0.001 if pause > 0 else 0.02), self.controls.every))
            return
        done, _ = wait(self.running, timeout=self.controls.every, return_when=FIRST_COMPLETED)
        ended = [outcome for future in done if (outcome := self._outcome(future)) is not None]
        self._settle(ended)

    def _outcome(self, future: Future[Change]) -> Outcome | None:
        """Return how a company came out; None when it is to be tried again."""
        one, began = self.running.pop(future)
        one.seconds += time.monotonic() - began
        # Asked for, not raised: a Ctrl-C that is raised here is this thread's own.
        exc = future.exception()
        if isinstance(exc, MpmOpsError):
            if exc.found is not None:
                one.saw(exc.found, exc.reached)
            return self._unfinished(one, exc)
        if exc is not None:
            # One company's surprise must not take the account of the others with it. It does not say where it left it.
            one.lost = True
            return self._failed(one, exc)
        change = future.result()
        self.servers.answers(one.company.server)
        one.saw(change.before, change.after)
        # What an attempt before this one did is done, though this one found nothing more to do.
        status = Status.SKIPPED if change.skipped and one.before == one.after else Status.DONE
        return one.outcome(status, reason=change.skipped if status is Status.SKIPPED else "")

    def _unfinished(self, one: Try, exc: MpmOpsError) -> Outcome | None:
        """Return how a company came out that met an error; None when it is to be tried again, or was not begun."""
        server = one.company.server
        if isinstance(exc, ServerUnavailable) and exc.away:
            one.attempts -= 1  # nobody was there to try it with
            again = None if self._stopping() else self.servers.is_away(server, str(exc))
            if again is not None:
                heapq.heappush(self.later, (again, one.company.id, one, exc))
            elif one.attempts:
                return self._failed(one, exc)
            return None
        if not (isinstance(exc, Transient) and (not exc.sqlstate or exc.sqlstate.startswith(_BREAKS_OFF))):
            self.servers.answers(server)
        if isinstance(exc, Busy):
            return self._ended(one, Status.BUSY, reason=str(exc))
        if not isinstance(exc, Transient) or one.attempts >= self.policy.attempts or self._stopping():
            return self._failed(one, exc)
        if exc.sqlstate == _TOO_MANY:
            self.servers.is_full(server, self._busy(server))
        # Jitter, so that those who met at one lock do not meet there again.
        pause = self.policy.backoff * 2 ** (one.attempts - 1) * random.uniform(0.5, 1.5)  # noqa: S311 no secret
        heapq.heappush(self.later, (time.monotonic() + pause, one.company.id, one, exc))
        return None

    def _failed(self, one: Try, exc: BaseException) -> Outcome:
        return self._ended(one, Status.FAILED, failure=failure_of(exc))

    def _ended(self, one: Try, status: Status, *, reason: str = "", failure: Failure | None = None) -> Outcome:
        if one.lost:
            self.lost.add(one.company.id)
        return one.outcome(status, reason=reason, failure=failure)

    def _settle(self, ended: Sequence[Outcome]) -> None:
        """Take outcomes into the account, tell them, and see whether the budget for failures is spent."""
        if not ended:
            return
        self.outcomes.update((outcome.company_id, outcome) for outcome in ended)
        self.failures += sum(outcome.status is Status.FAILED for outcome in ended)
        allowed = self.policy.max_failures
        if allowed and not self.stopped and self.failures >= max(1, counted(allowed, self.total)):
            self.stopped = f"{self.failures} companies failed, and the budget is {allowed}"
        self.controls.on_outcomes(ended)

    def _pass_gate(self, stage: Stage) -> None:
        """Let a stage soak, then ask the gate whether to go on."""
        self._asked = 0.0
        self._ask()  # which writes: who looks at the account meanwhile finds the whole stage in it
        soak = self.policy.soak if stage.companies else 0  # where nothing was done there is nothing to wait for
        until = time.monotonic() + soak
        if soak:
            self.controls.on_note(f"{stage.name} is done; waiting {soak:g} s")
        while not self._stopping() and (left := until - time.monotonic()) > 0:
            self._ask()
            time.sleep(min(left, self.controls.every))
        if not self._stopping() and (reason := self.controls.gate([*stage.companies, *stage.settled])):
            self.stopped = f"the gate after the {stage.name} is closed: {reason}"
