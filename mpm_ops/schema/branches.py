"""The revisions of a migration tree: what is newest for a database, what it has, and what is pending."""

from __future__ import annotations

import argparse
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory

from mpm_ops.errors import RevisionError
from mpm_ops.records import Revision
from mpm_ops.schema.folders import Folders
from mpm_ops.schema.kept import kept
from mpm_ops.schema.placing import OWN_BRANCH, has_branch
from mpm_ops.schema.plan import Preflight
from mpm_ops.schema.rendering import LOCK, alembic_border
from mpm_ops.schema.revisions import (
    Heads,
    applied_in,
    check_branches,
    effective,
    ordered,
    record,
)

#: Dated names sort in the order in which they were made.
_FILE_NAME = "%(year)d_%(month).2d_%(day).2d_%(hour).2d%(minute).2d_%(slug)s"


class Branches:
    """The core, an installation's own revisions, and a branch for each plugin.

    Every database is to have the core and the own revisions. A plugin's branch is for those that have it already, and
    for those that are to get it: so what is newest follows from a database's own state.
    """

    def __init__(self, folder: Path, *, own: Path, plugins: Mapping[str, Path] | None = None) -> None:
        self.folders = Folders(shipped=folder, own=own, others=plugins or {})
        self._loaded: ScriptDirectory | None = None
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

    def has_own(self) -> bool:
        """Whether there is a revision of the installation's own. Read-only."""
        return has_branch(self._scripts(), OWN_BRANCH)

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

    def _read_again(self) -> None:
        """Read the files at the next use."""
        self._loaded = self._in_order = None
        self._plugin.clear()
