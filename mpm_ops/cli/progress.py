"""How a fleet run is getting on: on a terminal a bar with the time left, elsewhere a line now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mpm_ops.cli.manner import manner
from mpm_ops.cli.output import talk
from mpm_ops.companies.hooks import Hooks
from mpm_ops.records import Outcome, Status, counted

#: Elsewhere: a line at each tenth of the companies, and the first that is done after so many seconds without one.
_TENTHS, _SECONDS = 10, 10.0


@contextmanager
def progress(title: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Hooks]:
    """Tell on stderr how a fleet run is getting on; yields the hooks that it has to call. Failures are told at once."""
    if not talk.is_terminal:
        yield _Lines(title=title, clock=clock).hooks()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=talk, transient=True) as bar:
        task = bar.add_task(title, total=None, count="")
        yield _Bar(title=title, clock=clock, bar=bar, task=task).hooks()


@dataclass(kw_only=True)
class _Way:
    """How far a run has come: by companies, and by the seconds that each is going to take."""

    title: str
    clock: Callable[[], float]
    #: By company id, as long as the last time; so the time left is honest with a large company among small ones.
    expected: Mapping[int, float] = field(default_factory=dict)
    done: int = 0
    failed: int = 0

    def hooks(self) -> Hooks:
        return Hooks(
            on_run=self.begun,
            on_start=self.start,
            on_outcome=lambda one: None if one.status is Status.UNTOUCHED else self.outcome(one),
            on_note=lambda note: talk.tell(escape(note), event="note"),
        )

    def begun(self, run_id: int) -> None:
        manner.run = run_id
        talk.tell(f"Run {run_id}; to pause it: mpm-ops pause {run_id}", event="run")

    def start(self, expected: Mapping[int, float]) -> None:
        self.expected = expected

    def outcome(self, outcome: Outcome) -> None:
        self.done += 1
        if outcome.failure is not None:
            self.failed += 1
            talk.tell(
                f"[red]{escape(outcome.company)}[/]: {escape(outcome.failure.message)}",
                event="failure",
                level=logging.ERROR,
                company=outcome.company,
                company_id=outcome.company_id,
                revision=outcome.failure.revision,
                sqlstate=outcome.failure.sqlstate,
            )


@dataclass(kw_only=True)
class _Bar(_Way):
    bar: Progress
    task: TaskID

    def start(self, expected: Mapping[int, float]) -> None:
        super().start(expected)
        self.bar.update(self.task, total=sum(expected.values()), count=f"0/{len(expected)}")

    def outcome(self, outcome: Outcome) -> None:
        super().outcome(outcome)
        seconds = self.expected.get(outcome.company_id, 0.0)
        self.bar.update(self.task, advance=seconds, count=f"{self.done}/{len(self.expected)}")


@dataclass(kw_only=True)
class _Lines(_Way):
    began: float = 0.0
    said: float = 0.0
    #: Seconds of work that are behind.
    behind: float = 0.0

    def start(self, expected: Mapping[int, float]) -> None:
        super().start(expected)
        self.began = self.said = self.clock()
        talk.tell(f"{self.title}: {counted(len(expected), 'company')}", event="start", companies=len(expected))

    def outcome(self, outcome: Outcome) -> None:
        super().outcome(outcome)
        self.behind += self.expected.get(outcome.company_id, 0.0)
        total, now = len(self.expected), self.clock()
        tenth = self.done * _TENTHS // max(1, total) > (self.done - 1) * _TENTHS // max(1, total)
        if tenth or now - self.said >= _SECONDS:
            self.said = now
            failed = f", {self.failed} failed" if self.failed else ""
            told = f"{self.done} of {counted(total, 'company')}{failed}{self._left(now)}"
            talk.tell(told, event="progress", companies=total, done=self.done, failed=self.failed)

    def _left(self, now: float) -> str:
        """Say how long it is going to take, once that is more than a moment."""
        ahead = sum(self.expected.values()) - self.behind
        left = (now - self.began) * ahead / self.behind if self.behind else 0.0
        return f", about {left:.0f} s left" if left >= 1 else ""
