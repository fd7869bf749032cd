"""Upgrades put together from steps that were rendered before: with plugins, every company may be in a state of its own.

What Alembic renders for a revision depends on the state in one thing only: the rows of `alembic_version` that the
revision replaces, which are those of the revisions that it builds on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alembic.script import Script

from mpm_ops.schema.plan import Step
from mpm_ops.schema.revisions import Heads, downs


class Rendered:
    """The steps of upgrades that were rendered so far."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, frozenset[str]], Step] = {}

    def upgrade(self, before: Heads, scripts: Sequence[Script]) -> list[Step] | None:
        """Return the steps from `before` through these revisions; None where one was not rendered from such a state."""
        heads, found = set(before), []
        for script in scripts:
            replaced = heads.intersection(downs(script))
            step = self._steps.get((script.revision, frozenset(replaced)))
            if step is None or not heads:  # from base the table is made, too
                return None
            heads = heads - replaced | {script.revision}
            found.append(replace(step, after=tuple(sorted(heads))))
        return found

    def keep(self, before: Heads, scripts: Sequence[Script], steps: Sequence[Step]) -> None:
        """Keep the steps from `before` through these revisions, for other states."""
        heads = before
        for script, step in zip(scripts, steps, strict=True):
            if heads:
                self._steps[script.revision, frozenset(heads).intersection(downs(script))] = step
            heads = step.after
