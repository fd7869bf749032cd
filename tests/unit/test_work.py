"""The threads of the notebook's apps: one piece of work at a time, and of look-ups the last one."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from mpm_ops.notebook.work import Latest, Work

SOON = 10.0


class Seen:
    """What a Work told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.over = threading.Event()
        self.ticked = threading.Event()
        self.work = Work(on_tick=self.tick, on_error=self.told.append, on_change=self.change)

    def tick(self, seconds: float) -> None:
        self.ticked.set()

    def change(self, running: bool) -> None:
        self.told.append(running)
        if not running:
            self.over.set()

    def show(self, what: object) -> Callable[[], None]:
        return lambda: self.told.append(what)


def test_one_piece_of_work_at_a_time_with_a_clock() -> None:
    seen = Seen()

    def do(stop: threading.Event) -> Callable[[], None]:
        assert stop.wait(SOON)
        return seen.show("shown")

    assert seen.work.start(do)
    assert not seen.work.start(do)
    assert seen.work.is_running
    assert seen.ticked.wait(SOON)
    seen.work.stop()
    assert seen.over.wait(SOON)
    assert seen.told == [True, "shown", False]
    assert not seen.work.is_running
    seen.work.stop()  # what is over cannot be stopped
    seen.over.clear()
    assert seen.work.start(lambda stop: seen.show(stop.is_set()))
    assert seen.over.wait(SOON)
    assert seen.told[3:] == [True, False, False]


def test_an_error_is_told_where_a_thread_would_lose_it() -> None:
    seen = Seen()

    def do(_: threading.Event) -> Callable[[], None]:
        raise ZeroDivisionError

    assert seen.work.start(do)
    assert seen.over.wait(SOON)
    assert [type(one) for one in seen.told] == [bool, ZeroDivisionError, bool]


@pytest.mark.parametrize("error", [None, KeyError("late")])
def test_only_what_was_asked_for_last_is_shown(error: Exception | None) -> None:
    shown: list[object] = []
    done, late, go_on, begun = threading.Event(), threading.Event(), threading.Event(), threading.Event()
    latest = Latest(shown.append)

    def first() -> str:
        begun.set()
        assert go_on.wait(SOON)
        late.set()
        if error:
            raise error
        return "first"

    def show(what: object) -> None:
        shown.append(what)
        done.set()

    latest.look(first, show)
    assert begun.wait(SOON)
    latest.look(lambda: "second", show)
    assert done.wait(SOON)
    go_on.set()
    assert late.wait(SOON)
    done.clear()
    latest.look(lambda: "third", show)
    assert done.wait(SOON)
    assert shown == ["second", "third"]


def test_what_is_outdated_at_once_is_not_looked_for() -> None:
    shown: list[object] = []
    done = threading.Event()
    latest = Latest(shown.append, after=0.5)
    for number in range(5):
        latest.look(lambda number=number: shown.append(f"looked for {number}"), lambda _: done.set())  # type: ignore[misc]  # binds it
    assert done.wait(SOON)
    assert shown == ["looked for 4"]


def test_what_cannot_be_shown_is_told_and_the_next_one_begins() -> None:
    seen = Seen()

    def show() -> None:
        raise ValueError("no face")

    assert seen.work.start(lambda _: show)
    assert seen.over.wait(SOON)
    assert list(map(str, seen.told)) == ["True", "no face", "False"]
    seen.over.clear()
    assert seen.work.start(lambda _: seen.show("shown"))
    assert seen.over.wait(SOON)
