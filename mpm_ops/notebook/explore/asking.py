"""The editor, Run and Stop: a question is asked in a thread, and stopped on the server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from mpm_ops.analysis.result import Result
from mpm_ops.notebook import controls, markup
from mpm_ops.notebook.explore.choice import Choice
from mpm_ops.notebook.work import Show, Work

#: Rows of an answer, for each company.
_ROWS, _MOST = 10_000, 1_000_000


class Ask(Protocol):
    """Returns the answer to a question; `stop` cancels it, and `on_answer` is called per company."""

    def __call__(
        self, choice: Choice, sql: str, *, max_rows: int, stop: threading.Event, on_answer: Callable[[], None]
    ) -> Result:
        """Return the answer, which is asked when somebody looks."""


class AskView:
    """Asks whoever is chosen, and tells `on_result` the answer; None when another question is begun."""

    def __init__(self, ask: Ask, on_result: Callable[[Result | None], None]) -> None:
        self._ask, self._on_result = ask, on_result
        self._choice: Choice | None = None
        #: Who is asked, or was asked last.
        self.asked = Choice()
        self._count, self._counting = 0, threading.Lock()
        #: What stood in the editor before a table's question took its place, and that question.
        self._before, self._ours = "", ""
        self.work = Work(on_tick=self._tick, on_error=self._failed, on_change=self._changed)
        self._make_controls()
        self._changed(False)

    def _make_controls(self) -> None:
        self.editor = controls.labelled(
            "Textarea",
            "Question (one SELECT, VALUES, TABLE or WITH)",
            "editor",
            tooltip="The SQL of the question",
            placeholder="SELECT …",
            rows=8,
            width="auto",
        )
        self.editor.observe(lambda _: self._edited(), "value")
        self.run = controls.button("Run", "run", self.start, tooltip="Ask the question", icon="play", kind="primary")
        self.stop = controls.button("Stop", "stop", self._stop, tooltip="Cancel it on the server", icon="stop")
        self.back = controls.button("Back", "back", self._back, tooltip="The text before a table was chosen")
        self.limit = controls.labelled(
            "BoundedIntText", "Rows at most", "limit", value=_ROWS, min=1, max=_MOST, width="110px"
        )
        self.status = controls.text("status")
        self.bar = controls.progress("answers", "Companies that have answered")
        buttons = controls.row(self.run, self.stop, self.back, self.limit)
        self.view: Any = controls.column(self.editor, buttons, self.bar, self.status)

    def choose(self, choice: Choice | None) -> None:
        """Ask these from now on."""
        self._choice = choice
        self._changed(self.work.is_running)

    def put(self, sql: str) -> None:
        """Put a table's question into the editor; what somebody wrote there comes back by Back."""
        if self.editor.value not in ("", self._ours):
            self._before = self.editor.value
        self._ours = self.editor.value = sql
        self.back.disabled = not self._before

    def start(self) -> None:
        """Ask what stands in the editor."""
        choice, sql = self._choice, str(self.editor.value)
        if choice is None or not sql.strip():
            self.status.value = markup.said("Choose a company and write a question first.", "warn")
            return
        self.work.start(lambda stop: self._answer(choice, sql, int(self.limit.value), stop))

    def _answer(self, choice: Choice, sql: str, rows: int, stop: threading.Event) -> Show:
        self._on_result(None)
        self._count, self.asked = 0, choice
        self.bar.value, self.bar.max = 0, choice.count
        controls.show(self.bar, visible=choice.count > 1)
        self._tick(0.0)
        try:
            result = self._ask(choice, sql, max_rows=rows, stop=stop, on_answer=self._one_answered)
            seconds = result.elapsed
        except Exception:
            if stop.is_set():
                return self._stopped
            raise
        return partial(self._answered, result, seconds, stopped=stop.is_set())

    def _answered(self, result: Result, seconds: float, *, stopped: bool) -> None:
        self.bar.value = self._count
        self._on_result(result)
        self.status.value = markup.said(f"{'Stopped' if stopped else 'Answered'} after {seconds:.2f} s")

    def _stopped(self) -> None:
        self.status.value = markup.said("Stopped.")

    def _failed(self, exc: Exception) -> None:
        self.status.value = markup.error(exc)

    def _one_answered(self) -> None:
        with self._counting:
            self._count += 1

    def _tick(self, seconds: float) -> None:
        self.bar.value = self._count
        so_far = f", {self._count} answered" if self.asked.count > 1 else ""
        self.status.value = markup.paragraph(f"Asking {self.asked}{so_far} … {seconds:.0f} s", "muted")

    def _stop(self) -> None:
        self.stop.disabled = True
        self.work.stop()

    def _edited(self) -> None:
        """Show that the text has arrived: a click would be faster than it, and ask what stood there before."""
        if not self.work.is_running:
            self.status.value = ""
        self._changed(self.work.is_running)

    def _back(self) -> None:
        self.editor.value, self._before = self._before, self.editor.value

    def _changed(self, running: bool) -> None:
        self.run.disabled = running or self._choice is None or not str(self.editor.value).strip()
        self.stop.disabled = not running
        self.back.disabled = not self._before
