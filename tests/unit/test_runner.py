"""The fleet runner loses no outcome, whatever the work does. It knows no database, so neither do these tests."""

from __future__ import annotations

import datetime as dt
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mpm_ops.errors import Busy, MigrationError, Transient
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change, run
from mpm_ops.records import Company, CompanyStatus, FleetReport, Outcome, Status

FAST = Policy(workers=4, attempts=3, backoff=0)


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    """A shell's background job, and so a CI run, may have been told to ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def company(number: int) -> Company:
    return Company(
        id=number,
        name=f"Company {number}",
        email=f"{number}@example.com",
        database=f"company_{number}",
        status=CompanyStatus.ACTIVE,
        created_at=dt.datetime.now(dt.UTC),
    )


FATES: dict[str, Change | Exception] = {
    "done": Change(before=("a",), after=("b",)),
    "skipped": Change(skipped="nothing to do"),
    "busy": Busy(),
    "failed": MigrationError("no"),
    "surprise": ZeroDivisionError("division by zero"),
    "transient": Transient("locked", sqlstate="55P03"),
}
ENDS = {"surprise": "failed", "transient": "failed"}


@hypothesis_settings(max_examples=60, deadline=None)
@given(fates=st.lists(st.sampled_from(sorted(FATES)), max_size=30), workers=st.integers(1, 8))
def test_every_company_ends_as_exactly_one_outcome(fates: list[str], workers: int) -> None:
    told: list[Outcome] = []

    def work(company: Company) -> Change:
        fate = FATES[fates[company.id]]
        if isinstance(fate, Exception):
            raise fate
        return fate

    policy = Policy(workers=workers, attempts=2, backoff=0)
    outcomes = run([company(n) for n in range(len(fates))], work, policy=policy, on_outcome=told.append)
    assert [outcome.company_id for outcome in outcomes] == list(range(len(fates)))
    assert [outcome.status for outcome in outcomes] == [ENDS.get(fate, fate) for fate in fates]
    assert sorted(told, key=lambda outcome: outcome.company_id) == outcomes
    report = FleetReport(run_id=None, action="test", outcomes=outcomes, seconds=0)
    assert sum(report.counts.values()) == len(fates)
    assert report.ok == (not {"failed", "surprise", "transient"} & set(fates))


def test_only_transient_errors_are_tried_again() -> None:
    tries = {0: 0, 1: 0}

    def work(company: Company) -> Change:
        tries[company.id] += 1
        if company.id == 0 and tries[0] < 3:
            raise Transient("locked")
        if company.id == 1:
            raise MigrationError("no")
        return Change()

    outcomes = run([company(0), company(1)], work, policy=FAST)
    assert [(outcome.status, outcome.attempts) for outcome in outcomes] == [(Status.DONE, 3), (Status.FAILED, 1)]


def test_ctrl_c_starts_no_more_and_accounts_for_all() -> None:
    begun = threading.Event()

    def work(company: Company) -> Change:
        begun.set()
        os.kill(os.getpid(), signal.SIGINT)
        return Change()

    outcomes = run([company(n) for n in range(20)], work, policy=Policy(workers=1))
    assert begun.is_set()
    assert {outcome.status for outcome in outcomes} == {Status.DONE, Status.UNTOUCHED}
    assert len(outcomes) == 20
    assert outcomes[-1].reason == "the run was interrupted"


def test_ctrl_c_does_not_break_off_what_is_being_written() -> None:
    written: list[int] = []

    def on_outcome(outcome: Outcome) -> None:
        if not written:
            os.kill(os.getpid(), signal.SIGINT)
        written.append(outcome.company_id)

    outcomes = run([company(n) for n in range(3)], lambda _: Change(), policy=Policy(workers=1), on_outcome=on_outcome)
    assert written == [0, 1, 2]
    assert len(outcomes) == 3


def test_a_second_ctrl_c_is_passed_on() -> None:
    def on_outcome(_: Outcome) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run([company(n) for n in range(3)], lambda _: Change(), policy=FAST, on_outcome=on_outcome)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
