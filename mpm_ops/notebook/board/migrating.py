"""Dry run, Migrate, Pause and Stop: a migration goes on in a thread, and tells where it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from mpm_ops.errors import UsageError
from mpm_ops.fleet.policy import Policy
from mpm_ops.notebook import controls, markup
from mpm_ops.notebook.board.account import account
from mpm_ops.notebook.board.manner import Manner
from mpm_ops.notebook.board.plans import plans
from mpm_ops.notebook.board.way import Stopped, Way
from mpm_ops.notebook.needs import Operated
from mpm_ops.notebook.work import Latest, Show, Work
from mpm_ops.records import FleetReport, counted


class Migrating:
    """Starts migrations of all companies, one at a time; `on_end` is called behind each."""

    def __init__(self, ops: Operated, on_end: Callable[[], None]) -> None:
        self._ops, self._on_end = ops, on_end
        #: How many companies there are; None while that is not known, and nothing can be confirmed.
        self._count: int | None = None
        self._way: Way | None = None
        self.work = Work(on_tick=self._tick, on_error=self._broke, on_change=self._changed)
        self._look = Latest(self._failed)
        self.manner = Manner(workers=ops.settings.workers)
        self._make_controls()
        self._enable()

    def _make_controls(self) -> None:
        made = controls.button
        self.dry_run = made("Dry run", "dry-run", self._dry_run, tooltip="Show the SQL, change nothing", icon="search")
        self.confirm = controls.labelled(
            "Text", "To confirm", "confirm", tooltip="What to type before a migration can be started", width="270px"
        )
        self.confirm.observe(lambda _: self._enable(), "value")
        self.migrate = made(
            "Migrate", "migrate", self._migrate, tooltip="Apply what is pending to all companies", kind="danger"
        )
        self.pause = made("Pause", "pause", self._pause, tooltip="Begin no further company; go on", icon="pause")
        self.stop = made("Stop", "stop", self.end, tooltip="Begin no more; those being worked on end", icon="stop")
        self.bar = controls.progress("progress", "Companies that are done")
        self.status = controls.text("status")
        self.report = controls.text("report")
        buttons = controls.row(self.dry_run, self.confirm, self.migrate, self.pause, self.stop)
        self.view: Any = controls.column(self.manner.view, buttons, self.bar, self.status, self.report)

    @property
    def word(self) -> str:
        """What somebody has to type before a migration; empty while there is nothing to migrate."""
        if not self._count:
            return ""
        return "production" if self._ops.settings.env == "production" else str(self._count)

    def know(self, count: int) -> None:
        """Let a migration of so many companies be confirmed."""
        self._count = count
        whom = counted(count, "company")
        self.confirm.description = f"To migrate {whom}, type {self.word}" if self.word else "No company to migrate"
        self._enable()

    def _dry_run(self) -> None:
        self._begin(lambda policy, _: partial(self._planned, plans(self._ops.dry_run(policy=policy))))

    def _planned(self, html: str) -> None:
        self.status.value, self.report.value = "", html

    def _migrate(self) -> None:
        if not self.word or str(self.confirm.value).strip() != self.word:
            return
        if self._begin(self._migrated):
            self.confirm.value = ""

    def _begin(self, do: Callable[[Policy, threading.Event], Show]) -> bool:
        """Begin something unless the controls mean nothing, or something is under way."""
        try:
            policy = self.manner.policy
        except UsageError as exc:
            self._failed(exc)
            return False
        return self.work.start(partial(self._cleanly, do, policy))

    def _cleanly(self, do: Callable[[Policy, threading.Event], Show], policy: Policy, stop: threading.Event) -> Show:
        self._way, self.report.value = None, ""
        controls.show(self.bar, visible=False)
        return do(policy, stop)

    def _migrated(self, policy: Policy, stop: threading.Event) -> Show:
        """Migrate, and return what shows how it came out."""
        self._way = way = Way(stop, self._is_run)
        self.pause.description = "Pause"
        self.bar.value, self.bar.bar_style = 0, ""
        controls.show(self.bar, visible=True)
        self._enable()
        try:
            report = self._ops.migrate_tenant(policy=policy, hooks=way.hooks)
        except Stopped:
            if way.run_id is None:
                return self._nothing
            report = self._ops.run(way.run_id)
        finally:
            self._way = None
        return partial(self._ended, way, report)

    def _nothing(self) -> None:
        self.status.value = markup.said("Stopped before anything was begun.")
        controls.show(self.bar, visible=False)

    def _ended(self, way: Way, report: FleetReport) -> None:
        self._draw(way)
        self.bar.bar_style = "success" if report.ok else "danger" if report.failed else "warning"
        self.status.value = ""
        self.report.value = account(report)

    def _is_run(self, _: int) -> None:
        self._enable()

    def _pause(self) -> None:
        if (way := self._way) is not None and way.run_id is not None:
            self._look.look(partial(self._toggled, way.run_id), self._toggle)

    def _toggled(self, run_id: int) -> bool:
        """Pause the run, or let it go on; return whether it is paused now."""
        paused = self._ops.run(run_id).ended == "paused"
        self._ops.pause_run(run_id, paused=not paused)
        return not paused

    def _toggle(self, paused: bool) -> None:
        self.pause.description, self.pause.icon = ("Resume", "play") if paused else ("Pause", "pause")

    def end(self) -> None:
        """Have a run that is under way begin no further company."""
        self.work.stop()
        self._enable()
        if (way := self._way) is not None and way.run_id is not None:
            # A run looks at its hooks when a company is done, or when it is paused or goes on: that is at once.
            self._look.look(partial(self._nudge, way.run_id), lambda _: None)

    def _nudge(self, run_id: int) -> None:
        with suppress(UsageError):  # it has ended meanwhile
            self._toggled(run_id)

    def _tick(self, seconds: float) -> None:
        if (way := self._way) is None:
            self.status.value = markup.paragraph(f"Working … {seconds:.0f} s", "muted")
            return
        self._draw(way)
        self.status.value = way.told(seconds)

    def _draw(self, way: Way) -> None:
        self.bar.max = max(1, way.total or 1)
        self.bar.value = min(self.bar.max, way.done)

    def _failed(self, exc: Exception) -> None:
        self.status.value = markup.error(exc)

    def _broke(self, exc: Exception) -> None:
        controls.show(self.bar, visible=False)
        self._failed(exc)

    def _changed(self, running: bool) -> None:
        self._enable()
        if not running:
            self._on_end()

    def _enable(self) -> None:
        running, way = self.work.is_running, self._way
        stopping = way is not None and way.is_stopping
        confirmed = bool(self.word) and str(self.confirm.value).strip() == self.word
        self.dry_run.disabled = running or self._count is None
        self.migrate.disabled = running or not confirmed
        self.stop.disabled = not running or way is None or stopping
        self.pause.disabled = self.stop.disabled or way is None or way.run_id is None
