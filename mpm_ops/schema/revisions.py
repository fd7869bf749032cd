"""Revisions as Alembic's script directory holds them: in which order, which are applied, which way to go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from alembic.runtime.migration import RevisionStep
from alembic.script import Script, ScriptDirectory

from mpm_ops.errors import RevisionError, UnknownState
from mpm_ops.records import Revision
from mpm_ops.schema.folders import Folders
from mpm_ops.schema.plan import Direction

Heads = tuple[str, ...]


@lru_cache(maxsize=8)  # a fleet with plugins is in many states, and all of them are looked up in one tree
def by_id(scripts: ScriptDirectory) -> Mapping[str, Script]:
    """All revisions by their ids."""
    return {script.revision: script for script in scripts.walk_revisions()}


@lru_cache(maxsize=8)
def ordered(scripts: ScriptDirectory) -> Sequence[Script]:
    """All revisions, each after everything that it builds on; equal ones by file name."""
    waiting = by_id(scripts)
    found: list[Script] = []
    placed: set[str] = set()
    for script in sorted(waiting.values(), key=lambda script: (Path(script.path).name, script.revision)):
        stack = [script]
        while stack:
            missing = [waiting[down] for down in downs(stack[-1]) if down not in placed]
            if missing:
                stack.extend(missing)
                continue
            done = stack.pop()
            if done.revision not in placed:
                placed.add(done.revision)
                found.append(done)
    return tuple(found)


@lru_cache(maxsize=8)
def _closures(scripts: ScriptDirectory) -> Mapping[str, frozenset[str]]:
    """Each revision's id, with all that it builds on."""
    found: dict[str, frozenset[str]] = {}
    for script in ordered(scripts):
        found[script.revision] = frozenset({script.revision}).union(*(found[down] for down in downs(script)))
    return found


def applied_in(scripts: ScriptDirectory, state: Heads) -> set[str]:
    """Return the ids of all revisions that a database at `state` has. Raises UnknownState."""
    known = by_id(scripts)
    unknown = [head for head in state if head not in known]
    if unknown:
        raise UnknownState(
            f"the database is at revision {', '.join(unknown)}, which this code does not know",
            hint="It was migrated by newer code, or by a plugin that is not here: update mpm-ops, install the plugin's "
            "package, or set MPM_OPS_TENANT_MIGRATIONS to the folder that holds the revision.",
        )
    below = _closures(scripts)
    return set().union(*(below[head] for head in state))


def effective(scripts: ScriptDirectory, heads: Iterable[str]) -> Heads:
    """Leave out heads that another head depends on: Alembic keeps no row for them (design D2)."""
    covered: set[str] = set()
    for head in heads:
        covered |= applied_in(scripts, (head,)) - {head}
    return tuple(sorted(set(heads) - covered))


def check_branches(scripts: ScriptDirectory, folders: Folders) -> None:
    """Raise RevisionError when a branch has two heads, or a plugin's revision is on another branch than the plugin's.

    A database without the plugin would get such a revision, too.
    """
    branches: dict[tuple[str, ...], list[str]] = {}
    for head in scripts.get_heads():
        script = scripts.get_revision(head)
        labels = tuple(sorted(script.branch_labels))
        branches.setdefault(labels, []).append(head)
        plugin = folders.plugin_of(script.path)
        if plugin and labels != (plugin,):
            raise RevisionError(
                f"revision {head} is in the folder of the plugin {plugin}, and on the branch "
                f"{', '.join(labels) or 'without a label'}",
                hint=f"The first revision of a plugin has branch_labels = ({plugin!r},) and down_revision = None; it "
                "says by depends_on what it stands on.",
            )
    for labels, heads in branches.items():
        if len(heads) > 1:
            raise RevisionError(
                f"two heads on the branch {', '.join(labels) or 'without a label'}: {' and '.join(sorted(heads))}",
                hint="Set down_revision of one of them to the other.",
            )


def route(scripts: ScriptDirectory, direction: Direction, before: Heads, target: str | Heads) -> list[RevisionStep]:
    """What alembic.command.upgrade and downgrade do; there is no public name for it.

    Upgrades go in the order of `ordered`, whatever the order in which branches were read.
    """
    if direction == "downgrade":
        found = scripts._downgrade_revs(target, before)  # type: ignore[arg-type]  # the stub is narrower than the code
        return [_Settled(step) for step in found]
    places = {script.revision: place for place, script in enumerate(ordered(scripts))}
    found = scripts._upgrade_revs(target, before)  # type: ignore[arg-type]  # as above
    return sorted(map(_Settled, found), key=lambda step: places[str(step.to_revisions_no_deps[0])])


class _Settled(RevisionStep):
    """A step that changes the same rows of `alembic_version` in every process.

    Where a revision builds on several heads, Alembic takes the row that it updates from a set of strings: any of them.
    One plan would have another hash in another process.
    """

    def __init__(self, step: RevisionStep) -> None:
        super().__init__(step.revision_map, step.revision, step.is_upgrade)

    def merge_branch_idents(self, heads: set[str]) -> tuple[list[str], str, str]:
        deleted, updated, made = super().merge_branch_idents(heads)
        *others, last = sorted([*deleted, updated])
        return others, last, made

    def unmerge_branch_idents(self, heads: set[str]) -> tuple[str, str, tuple[str, ...]]:
        updated, made, inserted = super().unmerge_branch_idents(heads)
        first, *others = sorted([made, *inserted])
        return updated, first, tuple(others)


def without_body(step: RevisionStep) -> RevisionStep:
    """Render only the row of `alembic_version`: the body of a live revision cannot be."""
    step.migration_fn = lambda **_: None
    return step


def bracketed(
    step: RevisionStep, connection: sa.Connection, before: Sequence[str], after: Sequence[str]
) -> RevisionStep:
    """Let a revision on `connection` begin with the statements of `before` and end with those of `after`."""
    body: Callable[..., None] = step.migration_fn

    def run(statements: Sequence[str]) -> None:
        for statement in statements:
            # A % in it is a % in the text.
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def whole(**given: object) -> None:
        run(before)
        body(**given)
        run(after)

    step.migration_fn = whole
    return step


def record(script: Script) -> Revision:
    """Return what callers see of a revision."""
    return Revision(
        id=script.revision,
        message=script.doc or "",
        down=downs(script),
        branch=", ".join(sorted(script.branch_labels)),
        path=script.path,
    )


def downs(script: Script) -> Heads:
    """What a revision builds on: the one before it and those it depends on."""
    downs = script.down_revision or ()
    return (*((downs,) if isinstance(downs, str) else downs), *script._resolved_dependencies)


def below(script: Script) -> str:
    """The downgrade target that undoes just this revision, of all that are applied."""
    label = next(iter(sorted(script.branch_labels)), "")
    down = script.down_revision or "base"
    if not isinstance(down, str):
        raise RevisionError(f"revision {script.revision} merges branches and cannot be undone by itself")
    return f"{label}@{down}" if label else down
