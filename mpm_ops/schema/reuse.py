"""Plans put together from steps that were rendered before: with plugins, every company may be in a state of its own.

What Alembic renders for a revision depends on the state in one thing only: the rows of `alembic_version` that the
revision replaces, or that come back when it is undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alembic.script import Script, ScriptDirectory

from mpm_ops.schema.plan import Step
from mpm_ops.schema.revisions import Heads, applied_in, downs, effective

#: A revision, and the rows that it replaces, or gives way to.
_Key = tuple[str, frozenset[str]]


class Rendered:
    """The steps that were rendered so far."""

    def __init__(self) -> None:
        self._up: dict[_Key, Step] = {}
        self._down: dict[_Key, Step] = {}

    def upgrade(self, before: Heads, way: Sequence[Script]) -> list[Step] | None:
        """Return the steps from `before` through these revisions; None where one was not rendered from such a state."""
        heads, found = set(before), []
        for script in way:
            replaced = heads.intersection(downs(script))
            step = self._up.get((script.revision, frozenset(replaced)))
            if step is None or not heads:  # from base the table is made, too
                return None
            heads = heads - replaced | {script.revision}
            found.append(_ending(step, heads))
        return found

    def keep_upgrade(self, before: Heads, way: Sequence[Script], steps: Sequence[Step]) -> None:
        """Keep the steps from `before` through these revisions, for other states."""
        heads = before
        for script, step in zip(way, steps, strict=True):
            if heads:
                self._up[script.revision, frozenset(heads).intersection(downs(script))] = step
            heads = step.after

    def downgrade(self, scripts: ScriptDirectory, before: Heads, script: Script) -> list[Step] | None:
        """Return the step that undoes a revision; None where it was not rendered, or others stand on the revision."""
        if script.revision not in before:
            return None
        back = _coming_back(scripts, before, script)
        step = self._down.get((script.revision, back))
        return None if step is None else [_ending(step, {*before, *back} - {script.revision})]

    def keep_downgrade(self, scripts: ScriptDirectory, before: Heads, script: Script, steps: Sequence[Step]) -> None:
        """Keep what undoes a revision from `before`, where it is that one step."""
        if len(steps) == 1:
            self._down[script.revision, _coming_back(scripts, before, script)] = steps[0]


def _coming_back(scripts: ScriptDirectory, before: Heads, script: Script) -> frozenset[str]:
    """Return the revisions that become heads again when this one is undone."""
    others = tuple(head for head in before if head != script.revision)
    return frozenset(effective(scripts, downs(script))) - applied_in(scripts, others)


def _ending(step: Step, heads: set[str]) -> Step:
    return replace(step, after=tuple(sorted(heads)))
