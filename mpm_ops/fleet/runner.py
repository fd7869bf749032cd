"""Runs one piece of work over many companies, many at a time, and loses no outcome (D7)."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from mpm_ops.errors import Busy, MpmOpsError, QueryError, Transient
from mpm_ops.fleet.policy import Policy
from mpm_ops.records import Company, Failure, Outcome, Status


@dataclass(frozen=True, kw_only=True)
class Change:
    """What the work did to one company."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    #: Why there was nothing to do; empty when something was done.
    skipped: str = ""


def run(
    companies: Sequence[Company],
    work: Callable[[Company], Change],
    *,
    policy: Policy,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Do `work` for every company and return one outcome each, in the order of `companies`.

    `on_outcome` is called in the calling thread as each company ends. Ctrl-C starts no more companies, lets the
    running ones finish, and then returns: what was not begun is UNTOUCHED. Prints nothing.
    """
    halted = threading.Event()
    outcomes: dict[int, Outcome] = {}
    with _ctrl_c_sets(halted), ThreadPoolExecutor(policy.workers, thread_name_prefix="mpm_ops") as pool:
        for future in as_completed([pool.submit(_one, company, work, policy, halted) for company in companies]):
            outcome = future.result()
            outcomes[outcome.company_id] = outcome
            on_outcome(outcome)
    return [outcomes[company.id] for company in companies]


@contextmanager
def _ctrl_c_sets(halted: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C of the block set `halted`, so that it breaks nothing off; a second one raises as usual."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as under nohup
    if ignored or threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is told of signals
        return

    def halt(number: int, frame: FrameType | None) -> None:
        if halted.is_set():
            signal.default_int_handler(number, frame)
        halted.set()

    previous = signal.signal(signal.SIGINT, halt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _one(company: Company, work: Callable[[Company], Change], policy: Policy, halted: threading.Event) -> Outcome:
    """Do the work for one company, again and again while the error is transient."""
    if halted.is_set():
        return Outcome(
            company_id=company.id, company=company.name, status=Status.UNTOUCHED, reason="the run was interrupted"
        )
    began = time.monotonic()
    attempt = 1
    while True:
        try:
            change = work(company)
        except Transient as exc:
            if attempt < policy.attempts and not halted.is_set():
                # Jitter, so that those who met at one lock do not meet there again.
                halted.wait(policy.backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 not a secret
                attempt += 1
                continue
            return _failed(company, exc, attempt, began)
        except Busy as exc:
            return _outcome(company, Status.BUSY, attempt, began, reason=str(exc))
        except MpmOpsError as exc:
            return _failed(company, exc, attempt, began)
        # One company's surprise must not take the account of the others with it.
        except Exception as exc:  # noqa: BLE001
            return _failed(company, exc, attempt, began)
        status = Status.SKIPPED if change.skipped else Status.DONE
        return _outcome(
            company, status, attempt, began, reason=change.skipped, before=change.before, after=change.after
        )


def _outcome(
    company: Company,
    status: Status,
    attempts: int,
    began: float,
    *,
    reason: str = "",
    before: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    failure: Failure | None = None,
) -> Outcome:
    return Outcome(
        company_id=company.id,
        company=company.name,
        status=status,
        before=before,
        after=after,
        reason=reason,
        failure=failure,
        attempts=attempts,
        seconds=time.monotonic() - began,
    )


def _failed(company: Company, exc: Exception, attempts: int, began: float) -> Outcome:
    query = exc if isinstance(exc, QueryError) else None
    failure = Failure(
        message=str(exc),
        kind=type(exc).__name__,
        sqlstate=query.sqlstate if query else "",
        statement=query.statement if query else "",
        revision=exc.revision if isinstance(exc, MpmOpsError) else "",
        hint=exc.hint if isinstance(exc, MpmOpsError) else "",
    )
    return _outcome(company, Status.FAILED, attempts, began, failure=failure)
