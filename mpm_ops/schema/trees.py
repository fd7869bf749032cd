"""The migration trees: revisions, heads, what is pending, new files, and plans rendered once per state (D2)."""

from __future__ import annotations

import argparse
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory

from mpm_ops.errors import AlreadyExists, InvalidInput, RevisionError
from mpm_ops.records import Revision
from mpm_ops.schema.autogenerate import IncludeObject
from mpm_ops.schema.plan import Direction, Plan, Preflight, Step
from mpm_ops.schema.rendering import LOCK, Collector, alembic_border, is_live
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

#: Dated names sort in the order in which they were made.
_FILE_NAME = "%(year)d_%(month).2d_%(day).2d_%(hour).2d%(minute).2d_%(slug)s"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_ -]{0,79}")
#: Branch label of an installation's own revisions, which lie outside the shipped tree.
OWN_BRANCH = "own"


class Tree:
    """One migration tree: the shipped folder, and an installation's own revisions beside it."""

    def __init__(self, folder: Path, *, own: Path) -> None:
        self._folder = folder
        self._own = own
        self._loaded: ScriptDirectory | None = None
        self._plans: dict[tuple[str, Heads, object], Plan] = {}

    def heads(self) -> Heads:
        """Return the newest revisions as `alembic_version` would hold them, sorted. Read-only."""
        scripts = self._scripts()
        branches: dict[tuple[str, ...], list[str]] = {}
        for head in scripts.get_heads():
            script = scripts.get_revision(head)
            branches.setdefault(tuple(sorted(script.branch_labels)), []).append(head)
        for labels, heads in branches.items():
            if len(heads) > 1:
                raise RevisionError(
                    f"two heads on the branch {', '.join(labels) or 'without a label'}: {' and '.join(sorted(heads))}",
                    hint="Set down_revision of one of them to the other.",
                )
        return effective(scripts, scripts.get_heads())

    def revisions(self) -> list[Revision]:
        """List every revision, oldest first. Read-only."""
        return [record(script) for script in ordered(self._scripts())]

    def pending(self, state: Heads) -> list[Revision]:
        """List what an upgrade from `state` would apply, oldest first. Read-only."""
        scripts = self._scripts()
        applied = applied_in(scripts, state)
        return [record(script) for script in ordered(scripts) if script.revision not in applied]

    def applied(self, state: Heads) -> list[Revision]:
        """List what has been applied in `state`, oldest first. Read-only."""
        scripts = self._scripts()
        applied = applied_in(scripts, state)
        return [record(script) for script in ordered(scripts) if script.revision in applied]

    def upgrade_plan(self, before: Heads) -> Plan:
        """Return the plan from `before` to the heads."""
        key = ("upgrade", before, None)
        if key not in self._plans:
            self.heads()
            applied_in(self._scripts(), before)
            steps = self._render("upgrade", before, "heads") if self.pending(before) else []
            self._plans[key] = Plan(before, tuple(steps), self.places)
        return self._plans[key]

    def plan_to(self, heads: Heads) -> Plan:
        """Return the plan from base to exactly `heads`, which need not be the newest. Raises UnknownState."""
        key = ("to", heads, None)
        if key not in self._plans:
            applied_in(self._scripts(), heads)
            steps: list[Step] = []
            for head in heads:
                steps += self._render("upgrade", steps[-1].after if steps else (), head)
            self._plans[key] = Plan((), tuple(steps), self.places)
        return self._plans[key]

    def downgrade_plan(self, before: Heads, undo: Sequence[str]) -> Plan:
        """Return the plan that undoes the revisions `undo`, which must be the last ones applied; newest first."""
        key = ("downgrade", before, tuple(undo))
        if key not in self._plans:
            scripts = self._scripts()
            steps: list[Step] = []
            for revision in undo:
                state = steps[-1].after if steps else before
                steps += self._render("downgrade", state, below(scripts.get_revision(revision)))
            self._plans[key] = Plan(before, tuple(steps), self.places)
        return self._plans[key]

    def rebuild_plan(self, before: Heads) -> Plan:
        """Return the plan that rolls everything back and migrates again."""
        down = self.downgrade_plan(before, [revision.id for revision in reversed(self.applied(before))])
        return Plan(before, (*down.steps, *self.upgrade_plan(down.after).steps), self.places)

    def shipped_only(self) -> Tree:
        """Return the tree without the installation's own revisions."""
        return Tree(self._folder, own=Path(os.devnull))

    def has_own(self) -> bool:
        """Whether there is a revision of the installation's own. Read-only."""
        return any(OWN_BRANCH in script.branch_labels for script in ordered(self._scripts()))

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
        connection: sa.Connection | None = None,
        include_object: IncludeObject | None = None,
    ) -> Revision:
        """Write a new revision file into the tree, or into the installation's `own` folder.

        With a `connection` it is filled from the difference between that database and the models, as far as
        `include_object` lets it.
        """
        self.check_name(name)
        self.heads()
        if own:
            self._own.mkdir(parents=True, exist_ok=True)
        with alembic_border("the new revision"):
            made = alembic.command.revision(
                self._config(connection=connection, include_object=include_object),
                message=name,
                autogenerate=connection is not None,
                **self._place(self._scripts(), own=own),
            )
        self._loaded = None
        self._plans.clear()
        if not isinstance(made, Script):
            raise RevisionError("alembic made no revision file")
        return record(made)

    def _place(self, scripts: ScriptDirectory, *, own: bool) -> dict[str, Any]:
        if not own:
            shipped = [h for h in scripts.get_heads() if OWN_BRANCH not in scripts.get_revision(h).branch_labels]
            return {"head": shipped[0] if shipped else "base", "version_path": str(self._folder / "versions")}
        if self.has_own():
            return {"head": f"{OWN_BRANCH}@head", "version_path": str(self._own)}
        # The first of a branch stands on what is shipped today, so that it never runs before it.
        return {
            "head": "base",
            "branch_label": OWN_BRANCH,
            "depends_on": list(scripts.get_heads()),
            "version_path": str(self._own),
        }

    def _config(self, **attributes: Any) -> Config:
        # Quiet: Alembic would tell on stdout what it writes, and stdout is for data.
        config = Config(stdout=io.StringIO(), cmd_opts=argparse.Namespace(quiet=True))
        # ConfigParser reads % as the start of an interpolation, in paths too.
        config.set_main_option("script_location", str(self._folder).replace("%", "%%"))
        config.set_main_option("file_template", _FILE_NAME.replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        places = [self._folder / "versions"]
        if self._own.is_dir():
            places.append(self._own)
        config.set_main_option("version_locations", "\n".join(str(place).replace("%", "%%") for place in places))
        config.attributes.update(attributes)
        return config

    def _scripts(self) -> ScriptDirectory:
        with LOCK:
            if self._loaded is None:
                with alembic_border("the migration tree"):
                    loaded = ScriptDirectory.from_config(self._config())
                    loaded.get_heads()  # reads the files, which is where a broken one shows
                self._loaded = loaded
            return self._loaded

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

    @property
    def places(self) -> tuple[Path, Path]:
        """The shipped folder and the installation's own: what makes the same tree in another process."""
        return self._folder, self._own

    def _render(self, direction: Direction, before: Heads, target: str) -> list[Step]:
        scripts = self._scripts()
        collector = Collector(scripts, direction)

        def steps(_rev: object, _context: object) -> Any:
            return [
                without_body(step) if is_live(step.revision) else step
                for step in route(scripts, direction, before, target)
            ]

        config = self._config(output_buffer=collector, on_step=collector.cut)
        environment = EnvironmentContext(
            config, scripts, fn=steps, as_sql=True, starting_rev=list(before) or None, destination_rev=target
        )
        with alembic_border(f"the {direction} from {', '.join(before) or 'base'}"), environment:
            scripts.run_env()
        return collector.finished()
