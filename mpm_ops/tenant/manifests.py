"""Plugins that other packages bring: what each says of itself, found by the entry point `mpm_ops.plugins`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from mpm_ops.errors import InvalidInput
from mpm_ops.tenant.masks import Mask
from mpm_ops.tenant.readable import HIDDEN, READABLE

GROUP = "mpm_ops.plugins"
#: A name is the label of a branch, too: Alembic writes `NAME@head`.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_TAKEN = ("core", "own")
#: A table or a column, as PostgreSQL writes it without quotes; columns of MPM have capitals, too.
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
#: The masks that need nothing but the column itself.
_MASKS = frozenset(Mask) - {Mask.PLACE}


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
    #: What analysts may read of its own tables: table -> columns. What is not named stays hidden from them.
    readable: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Of that, what is about a person: table -> column -> what is shown to those without a grant of personal data:
    #: pseudonym, year, coarse or hidden.
    masks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def manifests() -> dict[str, PluginManifest]:
    """Return what the installed packages bring, by name. Raises InvalidInput for a manifest that is none."""
    found: dict[str, PluginManifest] = {}
    for entry in entry_points(group=GROUP):
        manifest = _loaded(entry)
        if manifest.name in found:
            raise _wrong(entry, f"the plugin {manifest.name} is there twice")
        if shared := sorted({table for one in found.values() for table in one.readable} & manifest.readable.keys()):
            raise _wrong(entry, f"another plugin lists the table {shared[0]}, too")
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
    if wrong := next(_not_readable(manifest), ""):
        raise _wrong(entry, wrong)
    return manifest


def _not_readable(manifest: PluginManifest) -> Iterator[str]:
    """Tell what is wrong with what a plugin wants read. What comes with mpm-ops is not for a package to open."""
    for table, columns in manifest.readable.items():
        if table in READABLE or table in HIDDEN:
            yield f"readable names {table}, which is not a table of its own"
        if isinstance(columns, str) or not columns:
            yield f"readable[{table!r}] is not a list of columns"
        elif odd := [name for name in (table, *columns) if not _IDENTIFIER.fullmatch(str(name))]:
            yield f"readable: {str(odd[0])[:80]!r} is not the name of a table or a column"
    for table, masks in manifest.masks.items():
        if unread := sorted(masks.keys() - {*manifest.readable.get(table, ())}):
            yield f"masks names {table}.{unread[0]}, which is not readable"
        if unknown := sorted(set(masks.values()) - _MASKS):
            yield f"masks: {str(unknown[0])[:80]!r} is none of {', '.join(sorted(_MASKS))}"


def _wrong(entry: EntryPoint, what: str) -> InvalidInput:
    package = entry.dist.name if entry.dist is not None else "a package"
    return InvalidInput(f"the entry point {entry.name} of {package}: {what}", hint="Mend the package, or uninstall it.")
