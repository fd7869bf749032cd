"""Plan: the ordered steps, as SQL text, that take a database from one state to another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

_CREATES_TABLE = re.compile(r"\bCREATE\s+(UNLOGGED\s+)?TABLE\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Statements that belong together: one transaction, or each on its own."""

    #: False for what PostgreSQL refuses inside a transaction, such as CREATE INDEX CONCURRENTLY.
    transactional: bool
    statements: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One revision, upgraded or downgraded."""

    revision: str
    message: str
    direction: Literal["upgrade", "downgrade"]
    #: Heads of the database once the step is through, sorted.
    after: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def sql(self) -> str:
        """The statements as one text, with BEGIN and COMMIT where they stand."""
        texts = [f"-- {self.direction} {self.revision}: {self.message}"]
        for part in self.parts:
            lines = list(part.statements)
            texts += ["BEGIN;", *lines, "COMMIT;"] if part.transactional else lines
        return "\n\n".join(texts)


@dataclass(frozen=True)
class Plan:
    """Ordered steps from the state `before`; made once and applied to every database in that state."""

    #: Heads that the database must have, sorted; empty is base.
    before: tuple[str, ...]
    steps: Sequence[Step]

    @property
    def after(self) -> tuple[str, ...]:
        """Heads that the database has at the end, sorted."""
        return self.steps[-1].after if self.steps else self.before

    @property
    def sql(self) -> str:
        """The whole plan as text."""
        return "\n\n".join(step.sql for step in self.steps)

    @cached_property
    def creates_tables(self) -> bool:
        """Whether tables come into being, which then need grants."""
        return any(
            _CREATES_TABLE.search(text) for step in self.steps for part in step.parts for text in part.statements
        )

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits that change when any statement does."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:12]
