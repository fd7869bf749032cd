"""SQL text read as commands: which tables one is about, seen past comments and literals. No parser; squawk has one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

#: What must not be read as SQL: comments, strings, bodies of functions. Quoted names are matched to be left alone.
_OPAQUE = re.compile(
    r"\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|(\$\w*\$).*?\1", re.DOTALL | re.IGNORECASE
)
_COMMAND = re.compile(r"(?:\"[^\"]*\"|[^;\"])+")
_NAME = r"(?:(?:\"public\"|public)\.)?(?:\"[^\"]+\"|\w+)"
_TARGETS = tuple(
    re.compile(rf"{verb} (?:ONLY )?({_NAME}(?: ?, ?{_NAME})*)", re.IGNORECASE)
    for verb in (
        r"ALTER TABLE(?: IF EXISTS)?",
        rf"CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?(?:{_NAME} )?ON",
        r"DROP TABLE(?: IF EXISTS)?",
        r"TRUNCATE(?: TABLE)?",
        r"UPDATE",
        r"DELETE FROM",
        r"MERGE INTO",
        r"LOCK(?: TABLE)?",
        r"CLUSTER",
        r"VACUUM FULL",
        r"REINDEX TABLE(?: CONCURRENTLY)?",
    )
)


@dataclass(frozen=True, kw_only=True)
class Command:
    """One SQL command of a statement: a text that was executed at once may hold several."""

    #: As written, without the space around it.
    text: str
    #: On one line, comments and literals blanked: for a look at its words.
    bare: str
    #: Where in the statement it begins and ends.
    start: int
    end: int

    def is_like(self, *patterns: str) -> bool:
        """Whether it begins like one of `patterns`: regular expressions with single spaces."""
        return any(re.match(pattern, self.bare, re.IGNORECASE) for pattern in patterns)

    def has(self, pattern: str) -> bool:
        """Whether `pattern`, a regular expression with single spaces, is anywhere in it."""
        return re.search(pattern, self.bare, re.IGNORECASE) is not None

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables in `public` that it changes or locks, in lower case; empty when that is none, or not seen."""
        for target in _TARGETS:
            if found := target.match(self.bare):
                return tuple(plain(name) for name in found[1].split(","))
        return ()


def commands(statement: str) -> list[Command]:
    """Return the commands of a statement."""
    blanked = _OPAQUE.sub(_blank, statement)
    return [
        Command(
            text=statement[match.start() : match.end()].strip(),
            bare=" ".join(match[0].split()),
            start=match.start(),
            end=match.end(),
        )
        for match in _COMMAND.finditer(blanked)
        if match[0].strip()
    ]


def plain(name: str) -> str:
    """Return a name as we compare it: without its schema `public`, quotes and capitals."""
    return re.sub(r"^\"?public\"?\.", "", name.strip(), flags=re.IGNORECASE).strip('"').lower()


def at(found: Sequence[Command], position: int) -> Command | None:
    """Return the command in which a character of the statement lies."""
    return next((command for command in found if command.start <= position < command.end), None)


def _blank(match: re.Match[str]) -> str:
    """Blank a literal or comment; lengths stay, so that a position in one text is a position in the other."""
    return match[0] if match[0].startswith('"') else " " * len(match[0])
