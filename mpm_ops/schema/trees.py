"""Migration trees: plans rendered once per state (D2), new files, and live revisions."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import alembic.command
import sqlalchemy as sa
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script

from mpm_ops.errors import AlreadyExists, InvalidInput, MigrationError, RevisionError
from mpm_ops.records import Revision
from mpm_ops.schema.autogenerate import IncludeObject
from mpm_ops.schema.branches import Branches
from mpm_ops.schema.placing import place_of_new
from mpm_ops.schema.plan import Direction, Plan, Step
from mpm_ops.schema.rendering import Collector, alembic_border, is_live
from mpm_ops.schema.reuse import Rendered
from mpm_ops.schema.revisions import (
    Heads,
    applied_in,
    below,
    bracketed,
    effective,
    ordered,
    record,
    route,
    without_body,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_ -]{0,79}")


class Tree(Branches):
    """One migration tree, and the ways through it."""

    def __init__(self, folder: Path, *, own: Path, plugins: Mapping[str, Path] | None = None) -> None:
        super().__init__(folder, own=own, plugins=plugins)
        self._plans: dict[tuple[str, Heads, object], Plan] = {}
        self._rendered = Rendered()

    def upgrade_plan(self, before: Heads, *, plugins: Collection[str] = ()) -> Plan:
        """Return the plan from `before` to the newest revisions for it, and to those of `plugins`."""
        key = ("upgrade", before, tuple(sorted(plugins)))
        if key not in self._plans:
            steps = self._upgrade(before, self.heads(before, plugins=plugins))
            self._plans[key] = Plan(before, tuple(steps), self.folders)
        return self._plans[key]

    def plugin_plan(self, before: Heads, name: str) -> Plan:
        """Return the plan that brings the branch of one plugin, and of the rest only what it stands on."""
        key = ("plugin", before, name)
        if key not in self._plans:
            scripts = self._checked()
            heads = [head for head in scripts.get_heads() if self._plugin_of(scripts, head) == name]
            self._plans[key] = Plan(before, tuple(self._upgrade(before, tuple(heads))), self.folders)
        return self._plans[key]

    def without_plugin_plan(self, before: Heads, name: str) -> Plan:
        """Return the plan that takes the branch of one plugin away. Raises MigrationError when others stand on it."""
        its = [one.id for one in self.applied(before) if self.folders.plugin_of(one.path) == name]
        return self.downgrade_plan(before, its[::-1])

    def plan_to(self, heads: Heads) -> Plan:
        """Return the plan from base to exactly `heads`, which need not be the newest. Raises UnknownState."""
        key = ("to", heads, None)
        if key not in self._plans:
            newest = effective(self._scripts(), heads)
            self._plans[key] = Plan((), tuple(self._upgrade((), newest)), self.folders)
        return self._plans[key]

    def downgrade_plan(self, before: Heads, undo: Sequence[str]) -> Plan:
        """Return the plan that undoes the revisions `undo`, which must be the last ones applied; newest first.

        Raises MigrationError when a revision that is to stay stands on one of them.
        """
        key = ("downgrade", before, tuple(undo))
        if key not in self._plans:
            scripts = self._scripts()
            steps: list[Step] = []
            for revision in undo:
                steps += self._downgrade(steps[-1].after if steps else before, scripts.get_revision(revision))
            _refuse_more(steps, undo)
            self._plans[key] = Plan(before, tuple(steps), self.folders)
        return self._plans[key]

    def rebuild_plan(self, before: Heads, *, plugins: Collection[str] = ()) -> Plan:
        """Return the plan that rolls everything back and migrates again, as a new database with `plugins` is."""
        down = self.downgrade_plan(before, [revision.id for revision in reversed(self.applied(before))])
        return Plan(before, (*down.steps, *self.upgrade_plan(down.after, plugins=plugins).steps), self.folders)

    def shipped_only(self) -> Tree:
        """Return the tree without the installation's own revisions, and without plugins of other packages."""
        return Tree(self.folders.shipped, own=Path(os.devnull))

    def check_name(self, name: str) -> None:
        """Raise InvalidInput or AlreadyExists for a name that a new revision cannot have. Read-only."""
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name[:80]!r} is not a name for a migration",
                hint="Use up to 80 letters, digits, spaces, - and _: add_meter_phase",
            )
        slug = re.sub(r"\W+", "_", name).lower()
        if any(Path(revision.path).stem.endswith(f"_{slug}") for revision in self.revisions()):
            raise AlreadyExists(f"there is a migration named {slug} already", hint="Choose another name.")

    def new_revision(
        self,
        name: str,
        *,
        own: bool,
        plugin: str = "",
        connection: sa.Connection | None = None,
        include_object: IncludeObject | None = None,
    ) -> Revision:
        """Write a new revision file into the tree, into the installation's `own` folder, or into that of a `plugin`.

        With a `connection` it is filled from the difference between that database and the models, as far as
        `include_object` lets it.
        """
        self.check_name(name)
        self.heads()
        place = place_of_new(self._scripts(), self.folders, own=own, plugin=plugin)
        Path(place["version_path"]).mkdir(parents=True, exist_ok=True)
        self.folders = dataclasses.replace(self.folders)  # which looks anew for folders
        with alembic_border("the new revision"):
            made = alembic.command.revision(
                # A database that is compared with the models has to be at all heads, and has no plugin.
                self._config(with_plugins=connection is None, connection=connection, include_object=include_object),
                message=name,
                autogenerate=connection is not None,
                **place,
            )
        self._read_again()
        if not isinstance(made, Script):
            raise RevisionError("alembic made no revision file")
        return record(made)

    def _read_again(self) -> None:
        super()._read_again()
        self._plans.clear()
        self._rendered = Rendered()

    def run_live(
        self,
        connection: sa.Connection,
        direction: Direction,
        revision: str,
        *,
        before: Sequence[str] = (),
        after: Sequence[str] = (),
    ) -> None:
        """Run one revision through Alembic on `connection`. Only in a process of its own: see `schema.live` (D2).

        Its transaction begins with the statements of `before` and ends with those of `after`.
        """
        scripts = self._scripts()
        target = revision if direction == "upgrade" else below(scripts.get_revision(revision))

        def steps(heads: Heads, _context: object) -> Any:
            return [
                bracketed(step, connection, before, after) for step in route(scripts, direction, tuple(heads), target)
            ]

        config = self._config(connection=connection)
        environment = EnvironmentContext(config, scripts, fn=steps, destination_rev=target)
        with alembic_border(f"the {direction} of {revision}", live=True), environment:
            scripts.run_env()

    def _upgrade(self, before: Heads, target: Heads) -> list[Step]:
        """Return the steps from `before` to what `target` has besides, rendered where they have not been before."""
        scripts = self._scripts()
        missing = applied_in(scripts, target) - applied_in(scripts, before)
        way = [script for script in ordered(scripts) if script.revision in missing]
        steps = self._rendered.upgrade(before, way)
        if steps is None:
            steps = self._render("upgrade", before, target)
            self._rendered.keep_upgrade(before, way, steps)
        return steps

    def _downgrade(self, before: Heads, script: Script) -> list[Step]:
        """Return the step that undoes a revision, and those that undo what stands on it."""
        scripts = self._scripts()
        steps = self._rendered.downgrade(scripts, before, script)
        if steps is None:
            steps = self._render("downgrade", before, below(script))
            self._rendered.keep_downgrade(scripts, before, script, steps)
        return steps

    def _render(self, direction: Direction, before: Heads, target: str | Heads) -> list[Step]:
        scripts = self._scripts()
        collector = Collector(scripts, direction)

        def steps(_rev: object, _context: object) -> Any:
            return [
                without_body(step) if is_live(step.revision) else step
                for step in route(scripts, direction, before, target)
            ]

        config = self._config(output_buffer=collector, on_step=collector.cut)
        environment = EnvironmentContext(config, scripts, fn=steps, as_sql=True, starting_rev=list(before) or None)
        with alembic_border(f"the {direction} from {', '.join(before) or 'base'}"), environment:
            scripts.run_env()
        return collector.finished()


def _refuse_more(steps: Sequence[Step], undo: Sequence[str]) -> None:
    """Raise MigrationError when undoing has to undo revisions that nobody asked to undo."""
    if others := {step.revision: step.message for step in steps if step.revision not in undo}:
        raise MigrationError(
            f"other revisions stand on what is to be undone: {', '.join(f'{one} {of}' for one, of in others.items())}",
            hint="Undo those first; the ones of a plugin by `mpm-ops plugin uninstall`.",
        )
