"""Runs one piece of work over many companies, many at a time, and loses no outcome (D7)."""

from __future__ import annotations

import dataclasses
import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Literal

from mpm_ops.errors import Busy, MpmOpsError, QueryError, Transient
from mpm_ops.fleet.policy import Policy, counted
from mpm_ops.fleet.signals import Interrupts, counted_interrupts
from mpm_ops.fleet.stages import Stage, stages
from mpm_ops.records import Company, Failure, Outcome, Status

#: too_many_connections: the server is full, whatever was budgeted.
_TOO_MANY = "53300"


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


def run(
    companies: Sequence[Company],
    work: Callable[[Company], Change],
    *,
    policy: Policy,
    controls: Controls | None = None,
    expected: Mapping[int, float] | None = None,
) -> Ran:
    """Do `work` for every company, in the stages of `policy`, and in each stage the longest first.

    `expected` is how long each company is going to take, by id: who takes longest must not be left for the end.
    Callbacks run in the calling thread. Ctrl-C or SIGTERM begins no more companies and lets the running ones finish;
    a second one cancels them on the server. What was not begun is UNTOUCHED. Prints nothing.
    """
    with counted_interrupts() as interrupts, ThreadPoolExecutor(policy.workers, "mpm_ops") as pool:
        course = _Course(work, policy, controls or Controls(), interrupts, pool, total=len(companies))
        for stage in stages(companies, policy):
            if expected:
                by_length = sorted(stage.companies, key=lambda company: -expected.get(company.id, 0.0))
                stage = dataclasses.replace(stage, companies=by_length)
            course.go(stage)
        return course.ended(companies)


@dataclass
class _Try:
    """One company on its way, over all its attempts."""

    company: Company
    attempts: int = 0
    seconds: float = 0.0


@dataclass
class _Course:
    work: Callable[[Company], Change]
    policy: Policy
    controls: Controls
    interrupts: Interrupts
    pool: ThreadPoolExecutor
    total: int
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    #: Why no further company is begun; empty while all is well.
    stopped: str = ""
    failures: int = 0
    #: The servers that said that they are full: so many at a time until they have room again.
    ceilings: dict[str, int] = field(default_factory=dict)
    running: dict[Future[Change], tuple[_Try, float]] = field(default_factory=dict)
    #: When to try again, a tie-breaker, whom, and the error so far.
    later: list[tuple[float, int, _Try, MpmOpsError]] = field(default_factory=list)
    _asked: float = 0.0
    _limits: Mapping[str, int] = field(default_factory=dict)
    _paused: bool = False
    _cancelled: bool = False

    def go(self, stage: Stage) -> None:
        """Work through one stage, then ask the gate."""
        #: By server, each in the order of the stage: one that is full does not hold up the others.
        waiting: dict[str, deque[tuple[int, _Try]]] = {}
        for place, company in enumerate(stage.companies):
            waiting.setdefault(company.server, deque()).append((place, _Try(company)))
        while (any(waiting.values()) and not self._stopping()) or self.running or self.later:
            self._ask()
            self._give_up_waiting()
            while one := self._next(waiting):
                self._start(one)
            self._collect()
        if stage.name and not self._stopping():
            self._pass_gate(stage)

    def ended(self, companies: Sequence[Company]) -> Ran:
        """Return the account; who was not begun is told why."""
        reason = self.stopped or ("the run was interrupted" if self.interrupts else "")
        untouched = [
            Outcome(company_id=company.id, company=company.name, status=Status.UNTOUCHED, reason=reason)
            for company in companies
            if company.id not in self.outcomes
        ]
        self._settle(untouched)
        how: Literal["finished", "halted", "interrupted"] = "finished"
        if self.stopped or untouched:
            how = "interrupted" if self.interrupts else "halted"
        return Ran(outcomes=[self.outcomes[company.id] for company in companies], ended=how, reason=reason)

    def _stopping(self) -> bool:
        return bool(self.stopped or self.interrupts)

    def _next(self, waiting: Mapping[str, deque[tuple[int, _Try]]]) -> _Try | None:
        """Take the next company whose server has room: one whose pause is over, else the first of those waiting."""
        if self._paused or self._stopping() or len(self.running) >= self.policy.workers:
            return None
        if self.later and self.later[0][0] <= time.monotonic() and self._room(self.later[0][2].company.server):
            return heapq.heappop(self.later)[2]
        heads = [(line[0][0], server) for server, line in waiting.items() if line and self._room(server)]
        return waiting[min(heads)[1]].popleft()[1] if heads else None

    def _room(self, server: str) -> bool:
        busy = self._busy(server)
        limit = min(self._limits.get(server, busy + 1), self.ceilings.get(server, busy + 1))
        # One at least: a run that waits for a server with no room at all would wait for itself.
        return busy < max(1, limit)

    def _busy(self, server: str) -> int:
        return sum(one.company.server == server for one, _ in self.running.values())

    def _start(self, one: _Try) -> None:
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
        self._limits = self.controls.limits()
        for server in self.ceilings:
            self.ceilings[server] += 1
        paused = self.controls.paused()
        if paused != self._paused:
            self._paused = paused
            self.controls.on_note("paused: no further company is begun" if paused else "resumed")

    def _give_up_waiting(self) -> None:
        """Once the run stops, who waits for another attempt has had the last one."""
        if self._stopping() and self.later:
            self._settle([_failed(one, exc) for _, _, one, exc in self.later])
            self.later.clear()

    def _collect(self) -> None:
        """Wait until something is done or it is time to ask again, and take what is done."""
        if not self.running:
            if self.later or self._paused:
                pause = self.later[0][0] - time.monotonic() if self.later else self.controls.every
                time.sleep(min(max(pause, 0.001), self.controls.every))
            return
        done, _ = wait(self.running, timeout=self.controls.every, return_when=FIRST_COMPLETED)
        ended = [outcome for future in done if (outcome := self._outcome(future)) is not None]
        self._settle(ended)

    def _outcome(self, future: Future[Change]) -> Outcome | None:
        """Return how a company came out; None when it is to be tried again."""
        one, began = self.running.pop(future)
        one.seconds += time.monotonic() - began
        try:
            change = future.result()
        except Transient as exc:
            if exc.sqlstate == _TOO_MANY:
                self.ceilings[one.company.server] = max(1, self._busy(one.company.server))
            if one.attempts >= self.policy.attempts or self._stopping():
                return _failed(one, exc)
            # Jitter, so that those who met at one lock do not meet there again.
            pause = self.policy.backoff * 2 ** (one.attempts - 1) * random.uniform(0.5, 1.5)  # noqa: S311 no secret
            heapq.heappush(self.later, (time.monotonic() + pause, one.company.id, one, exc))
            return None
        except Busy as exc:
            return _outcome(one, Status.BUSY, reason=str(exc))
        # One company's surprise must not take the account of the others with it.
        except Exception as exc:  # noqa: BLE001
            return _failed(one, exc)
        status = Status.SKIPPED if change.skipped else Status.DONE
        return _outcome(one, status, reason=change.skipped, before=change.before, after=change.after)

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
        until = time.monotonic() + self.policy.soak
        if self.policy.soak:
            self.controls.on_note(f"{stage.name} is done; waiting {self.policy.soak:g} s")
        while not self._stopping() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, self.controls.every))
        if not self._stopping() and (reason := self.controls.gate(stage.companies)):
            self.stopped = f"the gate after the {stage.name} is closed: {reason}"


def _outcome(
    one: _Try,
    status: Status,
    *,
    reason: str = "",
    before: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    failure: Failure | None = None,
) -> Outcome:
    return Outcome(
        company_id=one.company.id,
        company=one.company.name,
        status=status,
        before=before,
        after=after,
        reason=reason,
        failure=failure,
        attempts=one.attempts,
        seconds=one.seconds,
    )


def _failed(one: _Try, exc: Exception) -> Outcome:
    ours = exc if isinstance(exc, MpmOpsError) else MpmOpsError()
    before, after = ours.found or (), ours.reached or ()
    return _outcome(one, Status.FAILED, before=before, after=after, failure=failure_of(exc))


def failure_of(exc: Exception) -> Failure:
    """Return the facts of an error, for the account."""
    ours = exc if isinstance(exc, MpmOpsError) else MpmOpsError()
    query = exc if isinstance(exc, QueryError) else QueryError()
    return Failure(
        message=str(exc) or type(exc).__name__,
        kind=type(exc).__name__,
        sqlstate=query.sqlstate,
        statement=query.statement,
        revision=ours.revision,
        hint=ours.hint,
        blocker=ours.blocker,
    )
