"""Where a new revision goes: which folder it is written to, and what it stands on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory

from mpm_ops.schema.folders import Folders
from mpm_ops.schema.revisions import ordered

#: Branch label of an installation's own revisions, which lie outside the shipped tree.
OWN_BRANCH = "own"


def place_of_new(scripts: ScriptDirectory, folders: Folders, *, own: bool, plugin: str = "") -> dict[str, Any]:
    """Return what `alembic revision` has to know of a new revision of the core, of one's `own`, or of a `plugin`."""
    if plugin:
        return _on_branch(scripts, folders, plugin, folders.plugins.get(plugin, folders.shipped / "plugins" / plugin))
    if own:
        return _on_branch(scripts, folders, OWN_BRANCH, folders.own)
    core = _core_heads(scripts, folders)
    return {"head": core[0] if core else "base", "version_path": str(folders.shipped / "versions")}


def has_branch(scripts: ScriptDirectory, label: str) -> bool:
    """Whether there is a revision on the branch of that label."""
    return any(label in script.branch_labels for script in ordered(scripts))


def _on_branch(scripts: ScriptDirectory, folders: Folders, label: str, place: Path) -> dict[str, Any]:
    if has_branch(scripts, label):
        return {"head": f"{label}@head", "version_path": str(place)}
    # The first of a branch stands on what is shipped today, so that it never runs before it.
    return {
        "head": "base",
        "branch_label": label,
        "depends_on": _core_heads(scripts, folders),
        "version_path": str(place),
    }


def _core_heads(scripts: ScriptDirectory, folders: Folders) -> list[str]:
    """Return the heads that are neither the installation's own nor a plugin's."""
    heads = [scripts.get_revision(head) for head in scripts.get_heads()]
    return [
        head.revision for head in heads if OWN_BRANCH not in head.branch_labels and not folders.plugin_of(head.path)
    ]
