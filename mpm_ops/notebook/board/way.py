"""How far a migration has come: the run's hooks write it, a clock reads it, and Stop speaks through it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

from mpm_ops.companies.hooks import Hooks
from mpm_ops.notebook import markup
from mpm_ops.records import Outcome, Status, counted


class Stopped(Exception):
    """Stop was pressed on the board."""

    def __init__(self) -> None:
        super().__init__("stop was pressed on the board")


class Way:
    """One migration as it goes; read and written by different threads, one value at a time."""

    def __init__(self, stop: threading.Event, on_run: Callable[[int], None]) -> None:
        self._stop, self._on_run = stop, on_run
        #: The run's number; None while there is none.
        self.run_id: int | None = None
        #: How many companies there are, and are behind; None before it is known who has something to do.
        self.total: int | None = None
        self.done = 0
        self.counts = Counter[Status]()
        self.note = ""
        self._expected: Mapping[int, float] = {}
        self._behind = 0.0

    @property
    def is_stopping(self) -> bool:
        """Whether Stop was pressed."""
        return self._stop.is_set()

    @property
    def hooks(self) -> Hooks:
        """What the run has to call. Once Stop was pressed they raise: then the run begins no further company."""
        return Hooks(on_run=self._run, on_start=self._start, on_outcome=self._outcome, on_note=self._noted)

    def told(self, seconds: float) -> str:
        """Return HTML of where it is after so many seconds."""
        if self.is_stopping:
            self.note = "Stopping: those being worked on end, no further company is begun."
        if self.total is None:
            return markup.paragraph(f"Looking at what is to be done … {seconds:.0f} s", "muted")
        counts = ", ".join(f"{number} {status}" for status, number in self.counts.items())
        line = f"{self.done} of {counted(self.total, 'company')}; {counts}" if counts else f"0 of {self.total}"
        run = f"Run {self.run_id}: " if self.run_id is not None else ""
        kind = "bad" if self.counts[Status.FAILED] else ""
        time = f"{seconds:.0f} s so far{self._left(seconds)}"
        note = markup.paragraph(self.note, "warn") if self.note else ""
        return markup.paragraph(run + line, kind) + markup.paragraph(time, "muted") + note

    def _left(self, seconds: float) -> str:
        """Say how long it is going to take, by what each company took the last time."""
        ahead = sum(self._expected.values()) - self._behind
        left = seconds * ahead / self._behind if self._behind else 0.0
        return f", about {left:.0f} s left" if left >= 1 else ""

    def _run(self, run_id: int) -> None:
        self.run_id = run_id
        self._on_run(run_id)
        self._go_on()

    def _start(self, expected: Mapping[int, float]) -> None:
        self._expected, self.total = expected, len(expected)
        self._go_on()

    def _outcome(self, outcome: Outcome) -> None:
        if outcome.status is not Status.UNTOUCHED:
            self.done += 1
            self.counts[outcome.status] += 1
            self._behind += self._expected.get(outcome.company_id, 0.0)
        self._go_on()

    def _noted(self, note: str) -> None:
        self.note = note
        self._go_on()

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Stopped
