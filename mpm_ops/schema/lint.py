"""The linter of revisions: what squawk and our own rules have against the SQL that a plan renders."""

from __future__ import annotations

import bisect
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mpm_ops.records import Finding
from mpm_ops.schema import squawk
from mpm_ops.schema.commands import at, commands
from mpm_ops.schema.downgrades import in_downgrade
from mpm_ops.schema.hazards import Subject, in_upgrade
from mpm_ops.schema.plan import Part, Step
from mpm_ops.schema.squawk import Violation

if TYPE_CHECKING:
    from mpm_ops.schema.trees import Tree

#: What is said in a revision file to silence a rule in it: # mpm-ops: ignore RULE, RULE: reason
_IGNORE = re.compile(r"#\s*mpm-ops:\s*ignore\s+([a-z-]+(?:\s*,\s*[a-z-]+)*)[ \t]*(?::[ \t]*(.*))?")
#: What the engine sets in each transaction: see schema.apply.
_BEGIN = "BEGIN;\nSET LOCAL lock_timeout = 2000;\nSET LOCAL statement_timeout = 0;\n"
#: Rules about locks that last, and about code that breaks. A table that comes into being on the way has no rows, and
#: no code that runs knows it.
_HARMLESS_ON_NEW = re.compile(
    r"adding-|ban-drop-(?:column|table|constraint|default|not-null)|changing-column-type|constraint-missing-not-valid"
    r"|disallowed-unique-constraint|renaming-(?:column|table)"
    r"|require-concurrent-(?:index-creation|reindex|partition-detach)"
)


def lint(tree: Tree, ways: Sequence[Sequence[Step]], *, listed: Collection[str]) -> list[Finding]:
    """Return what there is to say against revisions, by file and line, without what their files silence.

    Each of `ways` is the steps that lie before some database: a table that is created on the way has no rows yet.
    `listed` are the tables for which it is settled whether analysts read them. Needs no server.

    Raises LinterMissing when squawk is not installed, RevisionError when the tree is not in order.
    """
    paths = {revision.id: revision.path for revision in tree.revisions()}
    steps = {step.revision: step for way in ways for step in way}
    said = _squawk_says(steps.values())
    found: dict[Finding, None] = {}
    for way in ways:
        created: set[str] = set()
        for step in way:
            created |= {name.lower() for name in step.creates}
            path = paths[step.revision]
            # Tables of an installation's own, or of another package, cannot be in the list, which comes with the code.
            settled = listed if tree.folders.is_shipped(path) else None
            subject = Subject(step=steps[step.revision], path=path, created=frozenset(created), listed=settled)
            found |= dict.fromkeys(_of_squawk(subject, said[step.revision]))
            found |= dict.fromkeys(in_upgrade(subject))
    for revision, step in steps.items():
        found |= dict.fromkeys(in_downgrade(tree, Subject(step=step, path=paths[revision], created=())))
    heard = _heard(list(found), {revision: paths[revision] for revision in steps})
    return sorted(heard, key=lambda finding: (finding.path, finding.line))


def _squawk_says(steps: Collection[Step]) -> dict[str, list[tuple[Part, list[Violation]]]]:
    """Return by revision what squawk says about each part of it."""
    parts = [(step.revision, part) for step in steps for part in step.parts]
    found: dict[str, list[tuple[Part, list[Violation]]]] = {step.revision: [] for step in steps}
    for (revision, part), violations in zip(parts, squawk.check([_text(part) for _, part in parts]), strict=True):
        found[revision].append((part, violations))
    return found


def _text(part: Part) -> str:
    """Return what squawk reads: the revision's own statements, within what the engine puts around them."""
    said = "".join(f"{statement}\n;\n" for statement, line in zip(part.statements, part.lines, strict=True) if line)
    return f"{_BEGIN}{said}COMMIT;\n" if part.transactional else said


def _of_squawk(subject: Subject, said: Sequence[tuple[Part, Sequence[Violation]]]) -> Iterator[Finding]:
    """Yield what squawk says, at the statement and command that it says it about."""
    for part, violations in said:
        own = [pair for pair in zip(part.statements, part.lines, strict=True) if pair[1]]
        begins = [_BEGIN.count("\n") if part.transactional else 0]
        for statement, _ in own:
            begins.append(begins[-1] + statement.count("\n") + 2)
        for one in violations:
            number = min(max(bisect.bisect_right(begins, one.line) - 1, 0), len(own) - 1)
            statement, line = own[number]
            command = at(commands(statement), _position(statement, one.line - begins[number], one.column))
            if command is None or not (subject.is_new(command) and _HARMLESS_ON_NEW.match(one.rule)):
                yield subject.finding(one.rule, one.level, one.message, one.hint, line=line, command=command)


def _position(statement: str, line: int, column: int) -> int:
    """Return the character of the statement at a line and column, both from 0."""
    return sum(len(text) + 1 for text in statement.split("\n")[:line]) + column


def _heard(findings: Sequence[Finding], paths: Mapping[str, str]) -> Iterator[Finding]:
    """Leave out what a file silences; what it silences without a reason is a finding itself."""
    silenced = set()
    for revision, path in paths.items():
        for line, text in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
            if said := _IGNORE.search(text):
                rules = [rule.strip() for rule in said[1].split(",")]
                if said[2]:
                    silenced |= {(path, rule) for rule in rules}
                else:
                    yield Finding(
                        revision=revision,
                        path=path,
                        line=line,
                        rule="ignore-without-reason",
                        level="error",
                        message=f"It silences {', '.join(rules)} and does not say why, so it silences nothing",
                        hint=f"# mpm-ops: ignore {', '.join(rules)}: the reason",
                    )
    yield from (finding for finding in findings if (finding.path, finding.rule) not in silenced)
