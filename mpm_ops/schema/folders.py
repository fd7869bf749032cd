"""The folders of a migration tree: the shipped one, the installation's own, and one for each plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mpm_ops.errors import RevisionError


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Where the revisions of one tree are; what makes the same tree in another process."""

    #: The shipped one: env.py, `versions/` with the core, `plugins/NAME/` with the branch of each plugin that has one.
    shipped: Path
    #: The installation's own; it need not exist.
    own: Path
    #: Those of plugins that other packages bring, by the plugin's name.
    others: Mapping[str, Path] = field(default_factory=dict)

    @cached_property
    def plugins(self) -> dict[str, Path]:
        """The folders of all plugins by name, which is the label of their branch too."""
        place = self.shipped / "plugins"
        shipped = sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
        found = {path.name: path for path in shipped if path.name != "__pycache__"}
        if taken := sorted(found.keys() & self.others.keys()):
            raise RevisionError(
                f"a package brings a plugin named {taken[0]}, and one of that name is shipped",
                hint="Rename it in its manifest and on its branch.",
            )
        return found | dict(self.others)

    @property
    def for_everybody(self) -> list[Path]:
        """The folders with revisions that every database gets, the core's first."""
        return [self.shipped / "versions", *([self.own] if self.own.is_dir() else [])]

    def plugin_of(self, path: str) -> str:
        """Return the name of the plugin that a revision file is of; empty when it is of none."""
        folder = str(Path(path).parent)
        if folder not in self._resolved:
            self._resolved[folder] = self._by_folder.get(Path(folder).resolve(), "")
        return self._resolved[folder]

    def is_shipped(self, path: str) -> bool:
        """Whether a revision file came with the code, and not from the installation or from another package."""
        return Path(path).resolve().is_relative_to(self.shipped.resolve())

    @cached_property
    def _resolved(self) -> dict[str, str]:
        return {}

    @cached_property
    def _by_folder(self) -> dict[Path, str]:
        return {folder.resolve(): name for name, folder in self.plugins.items()}
