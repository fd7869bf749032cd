"""The answer: its first rows, who did not answer, and the whole of it as a file."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Any

from mpm_ops.analysis.result import Result
from mpm_ops.errors import MpmOpsError
from mpm_ops.notebook import controls, markup
from mpm_ops.notebook.explore.downloads import Form, link
from mpm_ops.notebook.work import Latest
from mpm_ops.records import counted

#: Kinds of errors that are shown.
_KINDS = 5


class AnswerView:
    """Shows an answer; a file is made when somebody asks for it, and is gone with the answer."""

    def __init__(self) -> None:
        self._result: Result | None = None
        self._name = ""
        self._look = Latest(self._failed)
        self.rows = controls.text("result")
        self.errors = controls.text("errors")
        self.file = controls.text("file")
        self.csv = controls.button("CSV", "csv", partial(self._make, "csv"), tooltip="Make a CSV file", icon="download")
        self.parquet = controls.button(
            "Parquet", "parquet", partial(self._make, "parquet"), tooltip="Make a Parquet file", icon="download"
        )
        self._files = controls.row(self.csv, self.parquet, self.file)
        self.view: Any = controls.column(self.errors, self.rows, self._files)
        self.show(None)

    def show(self, result: Result | None, *, name: str = "") -> None:
        """Show an answer, whose files begin with `name`; None is none."""
        self._look.forget()
        self._result, self._name = result, name
        self.file.value = ""
        self.rows.value = f'<div class="mpm-wide">{result._repr_html_()}</div>' if result else ""
        self.errors.value = unanswered(result.errors) if result else ""
        controls.show(self._files, visible=bool(result))

    def _make(self, form: Form) -> None:
        if result := self._result:
            self.file.value = markup.said("Making the file …")
            made = partial(link, result, form, name=self._name, now=dt.datetime.now(dt.UTC))
            self._look.look(made, partial(setattr, self.file, "value"))

    def _failed(self, exc: Exception) -> None:
        self.file.value = markup.error(exc)


def unanswered(errors: Mapping[str, MpmOpsError]) -> str:
    """Return HTML of who did not answer: those that say the same together; empty when all did."""
    alike: dict[str, list[str]] = {}
    for name, exc in errors.items():
        alike.setdefault(str(exc), []).append(name)
    most = sorted(alike.values(), key=len, reverse=True)
    parts = []
    for names in most[:_KINDS]:
        exc = copy.copy(errors[names[0]])
        exc.company = ""  # they are named above
        about = f"{counted(len(names), 'company')} did not answer: {markup.few(names)}"
        parts.append(markup.paragraph(about, "bad") + markup.preformatted("\n".join(exc.lines()), "error"))
    more = markup.paragraph(f"and {len(most) - _KINDS} more kinds of errors", "muted") if len(most) > _KINDS else ""
    return "".join(parts) + more
