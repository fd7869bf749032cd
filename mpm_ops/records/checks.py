"""What checks find: drift of databases, hazards in revisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One object of a database that is not what its revision makes."""

    #: 'added', 'missing' or 'changed'.
    change: str
    #: 'table', 'column', 'constraint', 'index', 'view', 'sequence', 'trigger', 'function' ...
    kind: str
    name: str
    #: Its definition by the revision, and in the database; empty where there is none.
    expected: str
    found: str


@dataclass(frozen=True, kw_only=True)
class CompanyDrift:
    """How a company's database differs from what its own revision makes."""

    company_id: int
    company: str
    #: Heads that it was compared with; empty is base, or not known.
    heads: tuple[str, ...] = ()
    differences: Sequence[Difference] = ()
    #: Why it could not be compared.
    error: str = ""

    @property
    def clean(self) -> bool:
        """Whether it was compared and nothing differs."""
        return not self.error and not self.differences


#: How much a finding of the linter matters: an error fails, stops users or breaks code that runs meanwhile.
Level = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the linter has against one statement of a revision, or against the revision."""

    revision: str
    #: The revision's file, and the line in it that makes the statement.
    path: str
    line: int
    #: squawk's name of the rule, or ours.
    rule: str
    level: Level
    message: str
    #: What to write instead.
    hint: str = ""
    #: The SQL as it is rendered; empty when it is about the whole revision.
    statement: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.level} {self.rule}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Linted:
    """What the linter looked at, and what it found."""

    #: Ids of the revisions, oldest first.
    revisions: Sequence[str]
    findings: Sequence[Finding]
    #: What it could not look at, and why.
    notes: Sequence[str] = ()

    @property
    def errors(self) -> list[Finding]:
        """The findings that matter most."""
        return [finding for finding in self.findings if finding.level == "error"]
