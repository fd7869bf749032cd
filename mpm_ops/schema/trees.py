"""The migration trees: revisions, heads, what is pending, new files, and plans rendered once per state (D2)."""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory

from mpm_ops.errors import AlreadyExists, InvalidInput, MigrationError, RevisionError
from mpm_ops.records import Revision
from mpm_ops.schema.autogenerate import IncludeObject
from mpm_ops.schema.folders import Folders
from mpm_ops.schema.kept import kept
from mpm_ops.schema.placing import OWN_BRANCH, has_branch, place_of_new
from mpm_ops.schema.plan import Direction, Plan, Preflight, Step
from mpm_ops.schema.rendering import LOCK, Collector, alembic_border, is_live
from mpm_ops.schema.reuse import Rendered
from mpm_ops.schema.revisions import (
    Heads,
    applied_in,
    below,
    bracketed,
    check_branches,
    effective,
    ordered,
    record,
    route,
    without_body,
)

#: Dated names sort in the order in which they were made.
_FILE_NAME = "%(year)d_%(month).2d_%(day).2d_%(hour).2d%(minute).2d_%(slug)s"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_ -]{0,79}")


class Tree:
    """One migration tree: the core, an installation's own revisions, and a branch for each plugin.

    Every database is to have the core and the own revisions. A plugin's branch is for those that have it already, and
    for those that are to get it: so what is newest follows from a database's own state.
    """

    def __init__(self, folder: Path, *, own: Path, plugins: Mapping[str, Path] | None = None) -> None:
        self.folders = Folders(shipped=folder, own=own, others=plugins or {})
        self._loaded: ScriptDirectory | None = None
        self._plans: dict[tuple[str, Heads, object], Plan] = {}
        self._rendered = Rendered()
        #: Of which plugin each revision is, as far as somebody has asked; a fleet is in many states, of one tree.
        self._plugin: dict[str, str] = {}
        self._in_order: ScriptDirectory | None = None

    def heads(self, state: Heads = (), *, plugins: Collection[str] = ()) -> Heads:
        """Return the newest revisions for a database at `state`, as `alembic_version` would hold them, sorted.

        Those of the core, the installation's own, the plugins that it has, and `plugins`. Read-only.
        """
        scripts = self._checked()
        wanted = {"", *plugins, *self.plugins(state)}
        found = [head for head in scripts.get_heads() if self._plugin_of(scripts, head) in wanted]
        return effective(scripts, found)

    def plugins(self, state: Heads) -> list[str]:
        """Name the plugins whose branches a database at `state` has, sorted. Raises UnknownState. Read-only."""
        scripts = self._scripts()
        return sorted({self._plugin_of(scripts, one) for one in applied_in(scripts, state)} - {""})

    def without_plugins(self, state: Heads) -> Heads:
        """Return where a database at `state` is with what all share: its heads but for plugins. Raises UnknownState."""
        scripts = self._scripts()
        return effective(scripts, [one for one in applied_in(scripts, state) if not self._plugin_of(scripts, one)])

    def revisions(self) -> list[Revision]:
        """List every revision, those of all plugins among them, oldest first. Read-only."""
        return [record(script) for script in ordered(self._scripts())]

    def revisions_for(self, state: Heads, *, plugins: Collection[str] = ()) -> list[Revision]:
        """List the revisions that a database at `state` has or is to get, oldest first. Read-only."""
        scripts = self._scripts()
        its = applied_in(scripts, self.heads(state, plugins=plugins))
        return [record(script) for script in ordered(scripts) if script.revision in its]

    def pending(self, state: Heads, *, plugins: Collection[str] = ()) -> list[Revision]:
        """List what an upgrade from `state` would apply, oldest first. Read-only."""
        applied = applied_in(self._scripts(), state)
        return [one for one in self.revisions_for(state, plugins=plugins) if one.id not in applied]

    def applied(self, state: Heads) -> list[Revision]:
        """List what has been applied in `state`, oldest first. Read-only."""
        scripts = self._scripts()
        applied = applied_in(scripts, state)
        return [record(script) for script in ordered(scripts) if script.revision in applied]

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

    def has_own(self) -> bool:
        """Whether there is a revision of the installation's own. Read-only."""
        return has_branch(self._scripts(), OWN_BRANCH)

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
        self._loaded = self._in_order = None
        self._plans.clear()
        self._plugin.clear()
        self._rendered = Rendered()
        if not isinstance(made, Script):
            raise RevisionError("alembic made no revision file")
        return record(made)

    def _plugin_of(self, scripts: ScriptDirectory, revision: str) -> str:
        if revision not in self._plugin:
            self._plugin[revision] = self.folders.plugin_of(scripts.get_revision(revision).path)
        return self._plugin[revision]

    def _checked(self) -> ScriptDirectory:
        """Return the revisions, whose branches are in order. Raises RevisionError."""
        scripts = self._scripts()
        if self._in_order is not scripts:
            check_branches(scripts, self.folders)
            self._in_order = scripts
        return scripts

    def _config(self, *, with_plugins: bool = True, **attributes: Any) -> Config:
        # Quiet: Alembic would tell on stdout what it writes, and stdout is for data.
        config = Config(stdout=io.StringIO(), cmd_opts=argparse.Namespace(quiet=True))
        # ConfigParser reads % as the start of an interpolation, in paths too.
        config.set_main_option("script_location", str(self.folders.shipped).replace("%", "%%"))
        config.set_main_option("file_template", _FILE_NAME.replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        places = self._places(with_plugins=with_plugins)
        config.set_main_option("version_locations", "\n".join(str(place).replace("%", "%%") for place in places))
        config.attributes.update(attributes)
        return config

    def _places(self, *, with_plugins: bool = True) -> list[Path]:
        return [*self.folders.for_everybody, *(self.folders.plugins.values() if with_plugins else ())]

    def _scripts(self) -> ScriptDirectory:
        with LOCK:
            if self._loaded is None:
                with alembic_border("the migration tree"):
                    self._loaded = kept(self._places(), self._read)
            return self._loaded

    def _read(self) -> ScriptDirectory:
        read = ScriptDirectory.from_config(self._config())
        read.get_heads()  # reads the files, which is where a broken one shows
        return read

    def is_of_plugin(self, revision: str) -> bool:
        """Whether a revision is on the branch of a plugin. Read-only."""
        return bool(self._plugin_of(self._scripts(), revision))

    def begins_plugin(self, revision: str) -> bool:
        """Whether a revision is the first of a plugin's branch: undoing it takes the plugin away. Read-only."""
        return self.is_of_plugin(revision) and self._scripts().get_revision(revision).down_revision is None

    def preflights(self, revisions: Sequence[str]) -> list[Preflight]:
        """Return the assertions that these revisions bring (`preflight = {name: SELECT of what would fail}`)."""
        scripts = self._scripts()
        found = []
        for revision in revisions:
            asserted = getattr(scripts.get_revision(revision).module, "preflight", {})
            if not isinstance(asserted, dict) or not all(isinstance(query, str) for query in asserted.values()):
                raise RevisionError(
                    f"preflight of revision {revision} is not a dict of names and SELECTs",
                    hint='Write preflight = {"meters without a serial": "SELECT ..."} in the revision file.',
                )
            found += [Preflight(revision=revision, name=str(name), query=query) for name, query in asserted.items()]
        return found

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
