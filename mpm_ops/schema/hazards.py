"""The linter's own rules about upgrades: what squawk cannot know, because it is about how our engine applies them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from mpm_ops.records import Finding, Level
from mpm_ops.schema.commands import Command, commands
from mpm_ops.schema.plan import Part, Step

#: A name, quoted or not, in a pattern.
NAME = r"(?:\"[^\"]+\"|\w+)"
_FULL_VACUUM = r"VACUUM (?:FULL\b|\([^)]*\bFULL\b)"

_CONTROL_MESSAGE = "The revision says where its transaction ends, and that is the engine's: it ends with the stamp"
_CONTROL_HINT = "Take it out; what must run outside a transaction goes into op.get_context().autocommit_block()"

#: Commands that others wait behind: they take a lock that conflicts with reading or writing.
_STRONG_LOCKS = (
    r"ALTER TABLE\b(?!.*\bVALIDATE CONSTRAINT\b)",
    r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)",
    r"DROP (?:TABLE|VIEW|INDEX (?!CONCURRENTLY))",
    r"REINDEX (?!.*\bCONCURRENTLY\b)",
    r"REFRESH MATERIALIZED VIEW (?!CONCURRENTLY)",
    r"(?:CREATE|DROP) TRIGGER\b",
    r"(?:TRUNCATE|LOCK|CLUSTER)\b",
    _FULL_VACUUM,
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One revision as the rules look at it."""

    step: Step
    path: str
    #: Tables, in lower case, that come into being on the way: without rows, and unknown to the code that runs.
    created: Collection[str]
    #: Tables for which it is settled whether analysts read them; None where nobody settles it.
    listed: Collection[str] | None = None

    def said(self, *, transactional: bool) -> Iterator[tuple[int, Command]]:
        """Yield line and command of what the revision runs inside of a transaction, or outside."""
        for part in self.step.parts:
            if part.transactional == transactional:
                yield from own(part)

    def is_new(self, command: Command) -> bool:
        """Whether a command is about nothing but tables that come into being on the way."""
        return bool(command.tables) and set(command.tables) <= set(self.created)

    def finding(
        self, rule: str, level: Level, message: str, hint: str, *, line: int = 1, command: Command | None = None
    ) -> Finding:
        """Return a finding about this revision, or about a command of it."""
        return Finding(
            revision=self.step.revision,
            path=self.path,
            line=line,
            rule=rule,
            level=level,
            message=message,
            hint=hint,
            statement=command.text if command else "",
        )


@dataclass(frozen=True, kw_only=True)
class Banned:
    """A rule against commands of some form, whatever stands around them."""

    rule: str
    level: Level
    #: How they begin.
    patterns: tuple[str, ...]
    #: Where they are no good: inside of a transaction, outside, or both.
    transactional: tuple[bool, ...]
    #: Whether a table without rows may have it.
    harmless_on_new: bool = False
    message: str
    hint: str


_BANNED = (
    Banned(
        rule="transaction-control",
        level="error",
        patterns=(r"(?:BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|PREPARE TRANSACTION)\b(?! TO\b)",),
        transactional=(True, False),
        message=_CONTROL_MESSAGE,
        hint=_CONTROL_HINT,
    ),
    Banned(
        rule="not-in-transaction",
        level="error",
        patterns=(
            r"VACUUM\b",
            r"DROP INDEX CONCURRENTLY\b",
            r"REINDEX .*\bCONCURRENTLY\b",
            r"ALTER TABLE .*\bDETACH PARTITION .*\bCONCURRENTLY\b",
            r"(?:CREATE|DROP) (?:DATABASE|TABLESPACE)\b",
            r"ALTER SYSTEM\b",
        ),
        transactional=(True,),
        message="PostgreSQL refuses this inside a transaction",
        hint="In a revision of its own: with op.get_context().autocommit_block(): ...",
    ),
    Banned(
        rule="table-rewrite",
        level="error",
        patterns=(
            r"ALTER TABLE .*\bSET (?:(?:UN)?LOGGED|TABLESPACE|ACCESS METHOD)\b",
            rf"ALTER TABLE .*\bADD (?:COLUMN )?(?:IF NOT EXISTS )?{NAME} (?:small|big)?serial\b",
            r"CLUSTER\b",
            _FULL_VACUUM,
        ),
        transactional=(True, False),
        harmless_on_new=True,
        message="This writes the whole table anew, and nobody can read or write it meanwhile",
        hint="Do without; or do it when nobody works, and say so with # mpm-ops: ignore",
    ),
    Banned(
        rule="lock-timeout-changed",
        level="warning",
        patterns=(r"(?:SET (?:SESSION |LOCAL )?|RESET )lock_timeout\b",),
        transactional=(True,),
        message="From here on the lock_timeout of the run does not hold",
        hint="Take it out: whoever runs the migration sets it with --lock-timeout, 2 seconds by default",
    ),
)


def own(part: Part) -> Iterator[tuple[int, Command]]:
    """Yield line and command of what the revision's own code says: what Alembic adds does not concern the linter."""
    for statement, line in zip(part.statements, part.lines, strict=True):
        if line:
            for command in commands(statement):
                yield line, command


def in_upgrade(subject: Subject) -> Iterator[Finding]:
    """Yield what our rules have against the upgrade of a revision."""
    for rule in _UPGRADE_RULES:
        yield from rule(subject)


def _banned(subject: Subject) -> Iterator[Finding]:
    for ban in _BANNED:
        for transactional in ban.transactional:
            for line, command in subject.said(transactional=transactional):
                if command.is_like(*ban.patterns) and not (ban.harmless_on_new and subject.is_new(command)):
                    yield subject.finding(ban.rule, ban.level, ban.message, ban.hint, line=line, command=command)


def _live(subject: Subject) -> Iterator[Finding]:
    if subject.step.live:
        yield subject.finding(
            "live-unchecked",
            "warning",
            "A live revision is a program: what it will run on each company is not known, and not linted",
            "Read it by these rules, try it with mpm-ops migrate-tenant --rehearse, say so with # mpm-ops: ignore",
        )


def _ended(subject: Subject) -> Iterator[Finding]:
    """Tell of a revision that says COMMIT by itself: Alembic's BEGIN is gone, and all that follows stands outside."""
    last = subject.step.parts[-1:]
    if last and not last[0].transactional:
        line, command = next(own(last[0]), (1, None))
        yield subject.finding(
            "transaction-control", "error", _CONTROL_MESSAGE, _CONTROL_HINT, line=line, command=command
        )


def _half_way(subject: Subject) -> Iterator[Finding]:
    for part in subject.step.parts[:-1]:
        if part.transactional and (first := next(own(part), None)):
            yield subject.finding(
                "half-way",
                "error",
                "What stands before autocommit_block() is committed by itself: when the rest fails, the company has "
                "it without the stamp, and only the next mpm-ops migrate-tenant knows",
                "Make two revisions of it",
                line=first[0],
                command=first[1],
            )


def _rows_with_ddl(subject: Subject) -> Iterator[Finding]:
    for part in subject.step.parts:
        locked = False
        for line, command in own(part) if part.transactional else ():
            if command.is_like(r"(?:UPDATE|DELETE|MERGE|WITH .*\b(?:UPDATE|DELETE|MERGE))\b"):
                if locked and not subject.is_new(command):
                    yield subject.finding(
                        "rows-with-ddl",
                        "warning" if command.has(r"\bWHERE\b") else "error",
                        "The lock that a change of schema took above is held until all these rows are written",
                        "Make two revisions of it, the rows in the second",
                        line=line,
                        command=command,
                    )
            elif command.is_like(*_STRONG_LOCKS) and not subject.is_new(command):
                locked = True


def _no_lock_timeout(subject: Subject) -> Iterator[Finding]:
    bounded = False
    for line, command in subject.said(transactional=False):
        if command.is_like(r"SET (?:SESSION )?lock_timeout\b"):
            bounded = not command.has(r"(?:=|TO) ?(?:0|DEFAULT)\b")
        elif not bounded and command.is_like(*_STRONG_LOCKS) and not subject.is_new(command):
            yield subject.finding(
                "no-lock-timeout",
                "error",
                "Outside a transaction the engine sets no lock_timeout: this waits for ever, and everybody behind it",
                "Take it out of autocommit_block(), or execute SET lock_timeout = '2s' in there before it",
                line=line,
                command=command,
            )


def _unlisted_table(subject: Subject) -> Iterator[Finding]:
    if subject.listed is not None:
        for table in sorted(subject.step.creates - {*subject.listed, "alembic_version"}):
            yield subject.finding(
                "unlisted-table",
                "warning",
                f"Analysts do not see {table}: it is not settled whether they may",
                "Name it in READABLE or in HIDDEN, in mpm_ops/tenant/readable.py",
            )


_UPGRADE_RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    _live,
    _half_way,
    _banned,
    _ended,
    _rows_with_ddl,
    _no_lock_timeout,
    _unlisted_table,
)
