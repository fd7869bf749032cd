"""The fleet runner loses no outcome, whatever the work does. It knows no database, so neither do these tests."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mpm_ops.errors import Busy, MigrationError, QueryError, ServerUnavailable, Transient
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change, Controls, Ran, run
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


FATES: dict[str, Change | BaseException] = {
    "done": Change(before=("a",), after=("b",)),
    "skipped": Change(skipped="nothing to do"),
    "busy": Busy(),
    "failed": MigrationError("no"),
    "surprise": ZeroDivisionError("division by zero"),
    "exit": SystemExit(1),
    "transient": Transient("locked", sqlstate="55P03"),
}
ENDS = {"surprise": "failed", "exit": "failed", "transient": "failed"}


@hypothesis_settings(max_examples=60, deadline=None)
@given(fates=st.lists(st.sampled_from(sorted(FATES)), max_size=30), workers=st.integers(1, 8))
def test_every_company_ends_as_exactly_one_outcome(fates: list[str], workers: int) -> None:
    told: list[Outcome] = []

    def work(company: Company) -> Change:
        fate = FATES[fates[company.id]]
        if isinstance(fate, BaseException):
            raise fate
        return fate

    policy = Policy(workers=workers, attempts=2, backoff=0)
    controls = Controls(on_outcomes=told.extend)
    ran = run([company(n) for n in range(len(fates))], work, policy=policy, controls=controls)
    outcomes = ran.outcomes
    assert ran.ended == "finished"
    assert [outcome.company_id for outcome in outcomes] == list(range(len(fates)))
    assert [outcome.status for outcome in outcomes] == [ENDS.get(fate, fate) for fate in fates]
    assert sorted(told, key=lambda outcome: outcome.company_id) == outcomes
    report = FleetReport(run_id=None, action="test", outcomes=outcomes, seconds=0)
    assert sum(report.counts.values()) == len(fates)
    assert report.ok == (not {"busy", "failed", "surprise", "exit", "transient"} & set(fates))


def test_only_transient_errors_are_tried_again() -> None:
    tries = {0: 0, 1: 0}

    def work(company: Company) -> Change:
        tries[company.id] += 1
        if company.id == 0 and tries[0] < 3:
            raise Transient("locked")
        if company.id == 1:
            raise MigrationError("no")
        return Change()

    outcomes = run([company(0), company(1)], work, policy=FAST).outcomes
    assert [(outcome.status, outcome.attempts) for outcome in outcomes] == [(Status.DONE, 3), (Status.FAILED, 1)]


def test_ctrl_c_starts_no_more_and_accounts_for_all() -> None:
    begun = threading.Event()

    def work(company: Company) -> Change:
        begun.set()
        os.kill(os.getpid(), signal.SIGINT if company.id % 2 else signal.SIGTERM)
        return Change()

    ran = run([company(n) for n in range(20)], work, policy=Policy(workers=1))
    assert begun.is_set()
    assert ran.ended == "interrupted"
    assert {outcome.status for outcome in ran.outcomes} == {Status.DONE, Status.UNTOUCHED}
    assert len(ran.outcomes) == 20
    assert ran.outcomes[-1].reason == "the run was interrupted"


def test_ctrl_c_does_not_break_off_what_is_being_written() -> None:
    written: list[int] = []

    def on_outcomes(outcomes: Sequence[Outcome]) -> None:
        if not written:
            os.kill(os.getpid(), signal.SIGINT)
        written.extend(outcome.company_id for outcome in outcomes)

    ran = run([company(n) for n in range(3)], lambda _: Change(), policy=Policy(workers=1), controls=told(on_outcomes))
    assert sorted(written) == [0, 1, 2]
    assert len(ran.outcomes) == 3


def told(on_outcomes: Callable[[Sequence[Outcome]], None]) -> Controls:
    return Controls(every=0.01, on_outcomes=on_outcomes)


def test_a_second_ctrl_c_cancels_on_the_server_and_a_third_is_passed_on() -> None:
    cancelled = threading.Event()

    def work(_: Company) -> Change:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert cancelled.wait(10)
        raise QueryError("canceling statement due to user request", sqlstate="57014")

    controls = Controls(every=0.01, cancel=cancelled.set)
    ran = run([company(n) for n in range(3)], work, policy=Policy(workers=1), controls=controls)
    assert [outcome.status for outcome in ran.outcomes] == [Status.FAILED, Status.UNTOUCHED, Status.UNTOUCHED]

    def thrice(_: Sequence[Outcome]) -> None:
        for _n in range(3):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run([company(n) for n in range(3)], lambda _: Change(), policy=FAST, controls=told(thrice))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def failing(ids: set[int]) -> Callable[[Company], Change]:
    def work(company: Company) -> Change:
        if company.id in ids:
            raise MigrationError("no")
        return Change()

    return work


def statuses(ran: Ran) -> str:
    return "".join(outcome.status.value[0] for outcome in ran.outcomes)


@pytest.mark.parametrize(("budget", "expected"), [("1", "fuuuuuuuuu"), ("20%", "ffuuuuuuuu"), ("", "ffffdddddd")])
def test_a_spent_budget_halts_the_run(budget: str, expected: str) -> None:
    policy = Policy(workers=1, max_failures=budget)
    ran = run([company(n) for n in range(10)], failing({0, 1, 2, 3}), policy=policy)
    assert statuses(ran) == expected
    assert ran.ended == ("halted" if budget else "finished")


@pytest.mark.parametrize(
    ("canary", "wave", "asked"),
    [
        ("2", "", [[0, 1], [2, 3, 4]]),
        ("", "2", [[0, 1], [2, 3], [4]]),
        ("#4 #1", "50%", [[1, 4], [0, 2, 3]]),
        ("20%", "1", [[0], [1], [2], [3], [4]]),
    ],
)
def test_the_gate_stands_behind_the_canary_and_each_wave(canary: str, wave: str, asked: list[list[int]]) -> None:
    seen: list[list[int]] = []

    def gate(companies: Sequence[Company]) -> str:
        seen.append([one.id for one in companies])
        return ""

    policy = Policy(workers=3, canary=canary, wave=wave)
    ran = run([company(n) for n in range(5)], failing(set()), policy=policy, controls=Controls(gate=gate))
    assert seen == asked
    assert statuses(ran) == "ddddd"


def test_a_closed_gate_leaves_the_rest_untouched() -> None:
    controls = Controls(gate=lambda companies: f"{companies[0]} has 3 rows")
    ran = run([company(n) for n in range(3)], failing(set()), policy=Policy(canary="1"), controls=controls)
    assert statuses(ran) == "duu"
    assert ran.reason == "the gate after the canary is closed: Company 0 (0) has 3 rows"


def test_the_longest_begin_first() -> None:
    begun: list[int] = []
    companies = [company(n) for n in range(4)]

    def work(one: Company) -> Change:
        begun.append(one.id)
        return Change()

    run(companies, work, policy=Policy(workers=1), expected={0: 1.0, 1: 9.0, 2: 3.0})
    assert begun == [1, 2, 0, 3]


def test_no_more_at_a_time_than_the_server_has_room_for() -> None:
    now, most, lock = 0, 0, threading.Lock()

    def work(_: Company) -> Change:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.01)
        with lock:
            now -= 1
        return Change()

    controls = Controls(every=0, limits=lambda: {"main": 2})
    ran = run([company(n) for n in range(12)], work, policy=Policy(workers=8), controls=controls)
    assert statuses(ran) == "d" * 12
    assert most <= 2


def test_a_server_without_room_holds_up_no_other() -> None:
    companies = [dataclasses.replace(company(n), server="main" if n < 4 else "west") for n in range(8)]
    ended = threading.Event()
    order: list[int] = []

    def work(one: Company) -> Change:
        order.append(one.id)
        if one.id == 0:
            assert ended.wait(10)
        if one.id == 7:
            ended.set()
        return Change()

    controls = Controls(every=0.01, limits=lambda: {"main": 1, "west": 2})
    ran = run(companies, work, policy=Policy(workers=8), controls=controls)
    assert statuses(ran) == "d" * 8
    assert order[-3:] == [1, 2, 3]


def test_a_full_server_is_given_time() -> None:
    tries = 0

    def work(_: Company) -> Change:
        nonlocal tries
        tries += 1
        if tries <= 3:
            raise Transient("sorry, too many clients already", sqlstate="53300")
        return Change()

    ran = run([company(n) for n in range(6)], work, policy=Policy(workers=6, backoff=0.001))
    assert statuses(ran) == "dddddd"


def away() -> ServerUnavailable:
    return ServerUnavailable("Connection refused", away=True)


def test_a_server_that_is_away_is_waited_for_and_costs_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpm_ops.fleet.servers._EVERY", 0.02)
    tries: list[int] = []
    notes: list[str] = []

    def work(one: Company) -> Change:
        tries.append(one.id)
        if len(tries) <= 6:
            raise away()
        return Change()

    ran = run([company(n) for n in range(9)], work, policy=FAST, controls=Controls(on_note=notes.append))
    assert statuses(ran) == "d" * 9
    assert {outcome.attempts for outcome in ran.outcomes} == {1}
    # Once it is known to be away, one company is enough to see whether it is back.
    assert len(set(tries[: FAST.workers])) == FAST.workers
    assert len(tries) == 9 + 6
    assert [note.split(":")[0] for note in notes] == ["server main does not answer", "server main answers again"]


def test_a_server_that_stays_away_costs_only_its_own_companies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpm_ops.fleet.servers._EVERY", 0.02)
    companies = [dataclasses.replace(company(n), server="west" if n % 2 else "main") for n in range(12)]

    def work(one: Company) -> Change:
        if one.server == "west":
            raise away()
        return Change()

    policy = Policy(workers=2, outage=0.1)
    heads = {one.id: ("a",) for one in companies}
    ran = run(companies, work, policy=policy, heads=heads)
    assert statuses(ran)[::2] == "d" * 6
    assert statuses(ran)[1::2] == "u" * 6  # nobody was there to fail
    assert (ran.ended, ran.reason) == ("halted", "server west has not answered for 0.1 s")
    assert {(one.before, one.after) for one in ran.outcomes[1::2]} == {(("a",), ("a",))}
    assert {(one.reason, one.attempts) for one in ran.outcomes[1::2]} == {(ran.reason, 0)}


def test_what_an_attempt_found_and_did_counts_for_the_outcome() -> None:
    """One that broke off, one that found all done; the run did it, whichever."""
    tries = 0

    def work(_: Company) -> Change:
        nonlocal tries
        tries += 1
        if tries == 1:
            exc = Transient("lost")
            exc.found, exc.reached = ("a",), None
            raise exc
        return Change(before=("b",), after=("b",), skipped="there already")

    (outcome,) = run([company(1)], work, policy=FAST, heads={1: ("x",)}).outcomes
    assert (outcome.status, outcome.before, outcome.after) == (Status.DONE, ("a",), ("b",))
    tries = 0
    ran = run([company(1)], work, policy=FAST.model_copy(update={"attempts": 1}))
    assert (statuses(ran), set(ran.lost)) == ("f", {1})


def test_a_paused_run_begins_nobody_until_it_may() -> None:
    answers = iter([True, True, True])
    notes: list[str] = []
    controls = Controls(every=0.01, paused=lambda: next(answers, False), on_note=notes.append)
    ran = run([company(n) for n in range(3)], failing(set()), policy=FAST, controls=controls)
    assert statuses(ran) == "ddd"
    assert notes == ["paused: no further company is begun", "resumed"]


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    total=st.integers(0, 12),
    bad=st.sets(st.integers(0, 11)),
    budget=st.sampled_from(["", "1", "3", "50%"]),
    canary=st.sampled_from(["", "1", "40%", "#2 #5"]),
    wave=st.sampled_from(["", "1", "5", "30%"]),
    workers=st.integers(1, 4),
)
def test_no_policy_loses_a_company(
    total: int, bad: set[int], budget: str, canary: str, wave: str, workers: int
) -> None:
    policy = Policy(workers=workers, max_failures=budget, canary=canary, wave=wave)
    ran = run([company(n) for n in range(total)], failing(bad), policy=policy)
    assert [outcome.company_id for outcome in ran.outcomes] == list(range(total))
    untouched = [one for one in ran.outcomes if one.status is Status.UNTOUCHED]
    assert bool(untouched) <= (ran.ended == "halted")
    assert all(one.reason for one in untouched)


@pytest.mark.parametrize("surprise", [ZeroDivisionError("no"), SystemExit(3)])
def test_where_a_surprise_left_a_company_is_to_be_looked_up(surprise: BaseException) -> None:
    def work(company: Company) -> Change:
        if company.id:
            return Change(before=("a",), after=("b",))
        raise surprise

    ran = run([company(0), company(1)], work, policy=FAST)
    assert [one.status for one in ran.outcomes] == [Status.FAILED, Status.DONE]
    assert set(ran.lost) == {0}
