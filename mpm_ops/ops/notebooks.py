"""Apps for a notebook, and notebooks that are run for a company."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mpm_ops.ops.companies import CompanyVerbs
from mpm_ops.ops.migrations import MigrationVerbs
from mpm_ops.ops.questions import QuestionVerbs
from mpm_ops.ops.runs import RunVerbs

if TYPE_CHECKING:
    from mpm_ops.notebook.board import FleetBoard
    from mpm_ops.notebook.explore import Explorer
    from mpm_ops.notebook.rendered import Rendered


class NotebookVerbs(CompanyVerbs, MigrationVerbs, RunVerbs, QuestionVerbs):
    """Verbs whose answer is to be looked at; an app does what the others do."""

    def explore(self, *, personal_data: bool = False) -> Explorer:
        """Return an app for a notebook: choose a company, see its tables, ask, see the answer. Read-only.

        Personal data is masked unless `personal_data` is wanted. Raises UsageError where ipywidgets is not installed.
        """
        from mpm_ops.notebook.explore import Explorer

        return Explorer(self, personal_data=personal_data)

    def fleet_board(self) -> FleetBoard:
        """Return an app for a notebook: the state of the fleet, dry runs, and migrations with what they are at.

        Raises UsageError where ipywidgets is not installed.
        """
        from mpm_ops.notebook.board import FleetBoard

        return FleetBoard(self)

    def revenue_report(
        self,
        company: int | str,
        folder: str | Path,
        *,
        first_month: str = "",
        last_month: str = "",
        cell_seconds: int = 600,
    ) -> Rendered:
        """Run the notebook `04_revenue_report` for a company, and write what it shows to a page and Parquet files.

        The months are such as 2026-03; without them, the last six that are over. The files are named after the
        company's id, and each is there once it is whole. Raises UnknownCompany, NotebookFailed, UsageError.
        """
        from mpm_ops.notebook import rendered

        return rendered.render(
            self.settings,
            self.get_company(company),
            Path(folder),
            first_month=first_month,
            last_month=last_month,
            cell_seconds=cell_seconds,
        )
