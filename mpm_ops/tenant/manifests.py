"""Plugins that other packages bring: what each says of itself, found by the entry point `mpm_ops.plugins`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from mpm_ops.errors import InvalidInput

GROUP = "mpm_ops.plugins"
#: A name is the label of a branch, too: Alembic writes `NAME@head`.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_TAKEN = ("core", "own")


@dataclass(frozen=True, kw_only=True)
class PluginManifest:
    """A plugin that is not shipped: its name, and the folder with its migration branch."""

    #: What it is called in commands, in `mpm_plugins`, and on its branch: letters, digits and _.
    name: str
    #: What it does, in one sentence.
    description: str
    #: Holds the revisions, the first of them with `branch_labels = (name,)`, and may hold `install.sql`: idempotent
    #: statements that write what a company with the plugin begins with.
    folder: Path
    #: mini-grid, shs, e-bike or general.
    usage_type: str = "general"


def manifests() -> dict[str, PluginManifest]:
    """Return what the installed packages bring, by name. Raises InvalidInput for a manifest that is none."""
    found: dict[str, PluginManifest] = {}
    for entry in entry_points(group=GROUP):
        manifest = _loaded(entry)
        if manifest.name in found:
            raise _wrong(entry, f"the plugin {manifest.name} is there twice")
        found[manifest.name] = manifest
    return found


def _loaded(entry: EntryPoint) -> PluginManifest:
    try:
        manifest = entry.load()
    # The package is somebody's program: it may raise anything while it is imported.
    except Exception as exc:
        raise _wrong(entry, f"{type(exc).__name__}: {exc}") from exc
    if not isinstance(manifest, PluginManifest):
        raise _wrong(entry, f"{entry.value} is a {type(manifest).__name__}, not a PluginManifest")
    if not _NAME.fullmatch(manifest.name) or manifest.name in _TAKEN:
        raise _wrong(entry, f"{manifest.name[:80]!r} is not a name for a plugin")
    if not manifest.folder.is_dir():
        raise _wrong(entry, "its folder does not exist")
    return manifest


def _wrong(entry: EntryPoint, what: str) -> InvalidInput:
    package = entry.dist.name if entry.dist is not None else "a package"
    return InvalidInput(f"the entry point {entry.name} of {package}: {what}", hint="Mend the package, or uninstall it.")
