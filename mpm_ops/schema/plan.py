"""Plan: the ordered steps, as SQL text, that take a database from one state to another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from mpm_ops.schema.folders import Folders

_CREATES_TABLE = re.compile(
    r"\bCREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:public\.)?\"?(\w+)", re.IGNORECASE
)


Direction = Literal["upgrade", "downgrade"]


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """An assertion that a revision brings: no company may have rows that `query` selects, or the revision fails."""

    revision: str
    name: str
    query: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """Statements that belong together: one transaction, or each on its own."""

    #: False for what PostgreSQL refuses inside a transaction, such as CREATE INDEX CONCURRENTLY.
    transactional: bool
    statements: tuple[str, ...]
    #: The line of the revision file that each statement comes from; 0 for what Alembic adds of its own.
    lines: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One revision, upgraded or downgraded."""

    revision: str
    message: str
    direction: Direction
    #: Heads of the database once the step is through, sorted.
    after: tuple[str, ...]
    parts: tuple[Part, ...]
    #: For a step that reads rows while it runs, which Alembic runs on each database: the file and a hash of its text.
    live: str = ""
    #: The whole text of that file, which alone tells what a live step may touch.
    source: str = ""

    @cached_property
    def sql(self) -> str:
        """The statements as one text, with BEGIN and COMMIT where they stand."""
        texts = [f"-- {self.direction} {self.revision}: {self.message}"]
        if self.live:
            texts.append(f"-- live: {self.live} is run on each database by itself")
        for part in self.parts:
            lines = list(part.statements)
            texts += ["BEGIN;", *lines, "COMMIT;"] if part.transactional else lines
        return "\n\n".join(texts)

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits that change when the revision does, and not with the state that it is applied from.

        What Alembic adds of its own, the row of `alembic_version`, depends on which plugins a database has.
        """
        parts = [
            (part.transactional, [text for text, line in zip(part.statements, part.lines, strict=True) if line])
            for part in self.parts
        ]
        return _hash(repr([self.direction, self.revision, self.live, [part for part in parts if part[1]]]))

    @cached_property
    def creates(self) -> frozenset[str]:
        """Names of the tables that come into being, which then need grants."""
        return frozenset(
            name for part in self.parts for text in part.statements for name in _CREATES_TABLE.findall(text)
        )

    @cached_property
    def transactional(self) -> bool:
        """Whether the step is one transaction, which another step could share."""
        return not self.live and all(part.transactional for part in self.parts)


@dataclass(frozen=True)
class Plan:
    """Ordered steps from the state `before`; made once and applied to every database in that state."""

    #: Heads that the database must have, sorted; empty is base.
    before: tuple[str, ...]
    steps: Sequence[Step]
    #: The folders of the tree that made it: what another process needs for a live step.
    folders: Folders = field(default_factory=lambda: Folders(shipped=Path(), own=Path()))

    @property
    def after(self) -> tuple[str, ...]:
        """Heads that the database has at the end, sorted."""
        return self.steps[-1].after if self.steps else self.before

    @property
    def sql(self) -> str:
        """The whole plan as text."""
        return "\n\n".join(step.sql for step in self.steps)

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits that change when any statement does, and with the state that it begins at.

        The same statements may be another plan: what undoes a revision is the same SQL beside another branch's head.
        """
        return _hash("\n\n".join([" ".join(self.before), self.sql]))

    def taken(self, state: tuple[str, ...], *, since: int = 0) -> int | None:
        """Return after how many steps a database is at `state`; None when the plan does not pass there.

        A run that broke off half-way, or another runner, may have taken the database along. A plan that goes down and
        up passes a state twice: with `since` steps taken already the second may be meant, and without the first.
        """
        states = [self.before, *(step.after for step in self.steps)]
        places = [number for number, its in enumerate(states) if its == state]
        return next((number for number in places if number >= since), places[0] if places else None)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
