"""FleetBoard: where the fleet is, and its next migration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mpm_ops.notebook import controls, markup
from mpm_ops.notebook.app import App
from mpm_ops.notebook.board.migrating import Migrating
from mpm_ops.notebook.board.state import state
from mpm_ops.notebook.needs import Operated
from mpm_ops.notebook.work import Latest
from mpm_ops.records import FleetStatus, Run

#: Runs that are listed.
_RUNS = 10


class FleetBoard(App):
    """The app of `ops.fleet_board()`; `close()` has a migration of its begin no further company."""

    def __init__(self, ops: Operated) -> None:
        super().__init__()
        self._ops = ops
        self._look = Latest(self._failed)
        self.state = controls.text("state", markup.said("Looking at the fleet …"))
        self.again = controls.button(
            "Refresh", "refresh", self.refresh, tooltip="Look at the fleet again", icon="refresh"
        )
        self.migrating = Migrating(ops, self.refresh)
        env = ops.settings.env
        note = markup.paragraph(f"{ops.settings.central_database}, {env}", "warn" if env == "production" else "muted")
        section = controls.text("section", markup.heading("Migrate all companies"))
        self._all = controls.app(
            "board", "Fleet", note, controls.row(self.again), self.state, section, self.migrating.view
        )

    def refresh(self) -> None:
        """Look at the fleet anew; what is in the migrations' folders, too, unless a migration goes by it."""
        self._look.look(self._find, self._show)

    def _find(self) -> tuple[FleetStatus, Sequence[Run]]:
        if not self.migrating.work.is_running:
            self._ops.forget_revisions()
        return self._ops.status(), self._ops.runs(limit=_RUNS)

    def _show(self, found: tuple[FleetStatus, Sequence[Run]]) -> None:
        status, runs = found
        self.state.value = state(status, runs)
        self.migrating.know(len(status.states))

    def _failed(self, exc: Exception) -> None:
        self.state.value = markup.error(exc)

    def _widget(self) -> Any:
        return self._all

    def _end(self) -> None:
        self.migrating.end()
        self._look.forget()
