"""Explorer: choose a company, look at its tables, ask a question, see the answer as rows and as a picture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.analysis.result import Result
from mpm_ops.errors import UsageError
from mpm_ops.notebook import controls, markup
from mpm_ops.notebook.app import App
from mpm_ops.notebook.explore.answer import AnswerView
from mpm_ops.notebook.explore.asking import AskView
from mpm_ops.notebook.explore.chart import ChartView
from mpm_ops.notebook.explore.choice import Choice
from mpm_ops.notebook.explore.picker import Picker
from mpm_ops.notebook.explore.tables import Tables
from mpm_ops.notebook.needs import Asking
from mpm_ops.notebook.work import Latest

_MASKED = markup.paragraph("Read-only. Personal data is masked.", "muted")
_PERSONAL = markup.paragraph("Read-only. Personal data is shown as it is: names, phones, addresses.", "warn")


class Explorer(App):
    """The app of `ops.explore()`; `close()` stops what it asks."""

    def __init__(self, ops: Asking, *, personal_data: bool = False) -> None:
        super().__init__()
        self._ops, self._personal = ops, personal_data
        self._look = Latest(self._failed)
        self.picker = Picker(self._chosen)
        self.asking = AskView(self._ask, self._answered)
        self.tables = Tables(self._reader, self.asking.put)
        self.answer = AnswerView()
        self.chart = ChartView()
        right = controls.column(self.asking.view, self.answer.view, self.chart.view)
        right.layout.flex, right.layout.margin = "1 1 480px", "0 0 0 12px"
        body = controls.row(self.tables.view, right)
        body.layout.align_items = "flex-start"
        note = _PERSONAL if personal_data else _MASKED
        self._all = controls.app("explore", "Explore", note, self.picker.view, body)

    def refresh(self) -> None:
        """Look anew for the companies."""
        self._look.look(self._ops.list_companies, self.picker.fill)

    def _chosen(self, choice: Choice | None) -> None:
        self.asking.choose(choice)
        if choice is None:
            self.tables.clear()
        else:
            self.tables.show()

    def _reader(self) -> CompanyReader:
        """Return who is asked for the tables: of all companies the first."""
        choice = self.picker.choice
        if choice is None:
            raise UsageError("no company is chosen")
        return self._ops.company((choice.company or self.picker.companies[0]).id, personal_data=self._personal)

    def _ask(
        self, choice: Choice, sql: str, *, max_rows: int, stop: threading.Event, on_answer: Callable[[], None]
    ) -> Result:
        if choice.company is not None:
            reader = self._ops.company(choice.company.id, personal_data=self._personal)
            return reader.query(sql, max_rows=max_rows, stop=stop)
        return self._ops.query(
            sql, max_rows=max_rows, errors="collect", personal_data=self._personal, stop=stop, on_answer=on_answer
        )

    def _answered(self, result: Result | None) -> None:
        self.answer.show(result, name=self.asking.asked.file)
        self.chart.show(result)

    def _failed(self, exc: Exception) -> None:
        self.picker.note.value = markup.error(exc)

    def _widget(self) -> Any:
        return self._all

    def _end(self) -> None:
        self.asking.work.stop()
        self._look.forget()
