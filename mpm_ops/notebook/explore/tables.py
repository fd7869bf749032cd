"""The list of tables, and the columns of the chosen one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.harmless import harmless
from mpm_ops.notebook import controls, markup
from mpm_ops.notebook.explore.statement import Described, described
from mpm_ops.notebook.work import Latest

if TYPE_CHECKING:
    import pandas as pd

#: Seconds after which a name is typed to its end: `Acme` may become `Acme Power`, and each look is a question.
_TYPING = 0.3


class Tables:
    """Shows what the company that `reader` opens has, and tells `on_table` the question for the chosen table."""

    def __init__(self, reader: Callable[[], CompanyReader], on_table: Callable[[str], None]) -> None:
        self._reader, self._on_table = reader, on_table
        self._look = Latest(self._failed, after=_TYPING)
        self.list = controls.labelled(
            "Select", "Tables and estimated rows", "table", tooltip="Choose a table to see its columns", rows=12
        )
        self.list.value = None
        self.columns = controls.text("columns")
        self.list.observe(lambda change: self._chosen(change["new"]), "value")
        self.view: Any = controls.column(self.list, self.columns, width="340px")

    def show(self) -> None:
        """List the tables of the company that is asked now."""
        self.clear()
        self.columns.value = markup.said("Looking for the tables …")
        self._look.look(lambda: self._reader().tables(), self._fill)

    def clear(self) -> None:
        """List nothing."""
        self._look.forget()
        self.list.value = None
        self.list.options = []
        self.columns.value = ""

    def _fill(self, found: pd.DataFrame) -> None:
        named = zip(found["table"], found["estimated_rows"], strict=True)
        self.list.options = [(f"{harmless(str(name))}  {int(rows):,}", str(name)) for name, rows in named]
        self.columns.value = markup.said("Choose a table to see its columns." if len(found) else "No table to read.")

    def _chosen(self, table: str | None) -> None:
        if table is not None:
            self._look.look(partial(self._describe, table), self._described)

    def _describe(self, table: str) -> Described:
        return described(self._reader(), table)

    def _described(self, found: Described) -> None:
        self.columns.value = found.html
        self._on_table(found.sql)

    def _failed(self, exc: Exception) -> None:
        self.columns.value = markup.error(exc)
