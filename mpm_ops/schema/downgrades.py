"""The linter's rules about downgrades: one that does nothing, cannot be rendered, or takes more than was brought."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mpm_ops.errors import RevisionError
from mpm_ops.records import Finding
from mpm_ops.schema.commands import Command, plain
from mpm_ops.schema.hazards import NAME, Subject, own
from mpm_ops.schema.plan import Step

if TYPE_CHECKING:
    from mpm_ops.schema.trees import Tree


def in_downgrade(tree: Tree, subject: Subject) -> Iterator[Finding]:
    """Yield what there is to say against the downgrade of a revision, beside what its upgrade makes."""
    if subject.step.live:
        return
    try:
        (down,) = tree.downgrade_plan(subject.step.after, [subject.step.revision]).steps
    except RevisionError as exc:
        # NotImplementedError says that there is no way back, and a rollback then says so before it touches anything.
        # Without a cause it is the tree that refuses, as it does for a revision that merges branches.
        if exc.__cause__ is not None and not isinstance(exc.__cause__, NotImplementedError):
            yield subject.finding(
                "downgrade-broken",
                "error",
                str(exc),
                'Mend it; where nothing undoes the revision: raise NotImplementedError("why") in downgrade()',
            )
        return
    yield from _missing(subject, down)
    yield from _drops_data(subject, down)


def _missing(subject: Subject, down: Step) -> Iterator[Finding]:
    if not _said(down) and _said(subject.step):
        yield subject.finding(
            "downgrade-missing",
            "warning",
            "The downgrade does nothing, and a rollback says that it undid the revision",
            'Write what undoes it; where nothing can: raise NotImplementedError("why") in downgrade()',
        )


def _drops_data(subject: Subject, down: Step) -> Iterator[Finding]:
    made = _made(subject.step)
    for line, command in _said(down):
        if lost := [name for name in _lost(command) if not made & {name, name.partition(".")[0]}]:
            yield subject.finding(
                "downgrade-drops-data",
                "error",
                f"The downgrade takes what the upgrade did not bring: {', '.join(lost)}",
                "Undo only what the upgrade makes: a rollback promises no more",
                line=line,
                command=command,
            )


def _said(step: Step) -> list[tuple[int, Command]]:
    return [pair for part in step.parts for pair in own(part)]


def _made(step: Step) -> set[str]:
    """Return the tables, and columns as `table.column`, that a revision brings, in lower case."""
    found = {name.lower() for name in step.creates}
    for _, command in _said(step):
        for table in command.tables if command.is_like("ALTER TABLE") else ():
            columns = re.findall(rf"\bADD COLUMN (?:IF NOT EXISTS )?({NAME})", command.bare, re.IGNORECASE)
            found |= {f"{table}.{plain(name)}" for name in columns}
            found |= {plain(name) for name in re.findall(rf"\bRENAME TO ({NAME})", command.bare, re.IGNORECASE)}
    return found


def _lost(command: Command) -> list[str]:
    """Return the tables and columns, as `table.column`, whose rows or values a command takes away."""
    if command.is_like(r"(?:DROP TABLE|TRUNCATE)\b"):
        return list(command.tables)
    if command.is_like(r"DELETE\b") and not command.has(r"\bWHERE\b"):
        return list(command.tables)
    if command.is_like(r"ALTER TABLE\b"):
        dropped = re.findall(rf"\bDROP COLUMN (?:IF EXISTS )?({NAME})", command.bare, re.IGNORECASE)
        return [f"{table}.{plain(name)}" for table in command.tables for name in dropped]
    return []
