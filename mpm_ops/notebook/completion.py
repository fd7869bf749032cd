"""Completion while somebody types: companies, tables, columns and variables, in the terminal and in JupyterLab."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, completion_matcher

from mpm_ops.errors import UsageError
from mpm_ops.notebook import offers
from mpm_ops.notebook.choice import Choice
from mpm_ops.notebook.names import Names, Tables
from mpm_ops.notebook.options import plain, quoted, words
from mpm_ops.notebook.values import known

#: What `%%mpm` takes.
OPTIONS = ("--all", "--company", "--limit", "--output", "--params", "--personal-data", "-o")
_WORDS = ("columns", "companies", "tables")

_CELL = re.compile(r"%%mpm(?=\s|$)")
_COMPANY_LINE = re.compile(r"(?:^|=)\s*%company\s+(?P<typed>.*)$")
_MPM_LINE = re.compile(r"(?:^|=)\s*%mpm\s+(?P<rest>.*)$")
#: A word of a line of options, or the value behind its `=`; a quote that is open keeps its blanks.
_WORD = re.compile(r"""(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z)|[^\s"'=])+""")


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What stands before the cursor of what may be ours, and what to put there."""

    typed: str
    texts: Sequence[str]


class Completion:
    """What is offered where a company, a table, a column or a variable is about to be typed."""

    def __init__(self, choice: Choice, variables: Callable[[], Mapping[str, Any]]) -> None:
        self._choice = choice
        self._variables = variables
        self._names = Names()

    # Before the others, which take SQL for Python and would be asked for nothing.
    @completion_matcher(priority=1000, identifier="mpm_ops", api_version=2)
    def matcher(self, context: CompletionContext) -> SimpleMatcherResult:
        """Return what may be typed here, to IPython's completer; nothing where it is none of ours."""
        try:
            found = self._found(context)
        except Exception:  # noqa: BLE001 an installation without settings, say: the next cell tells, not the Tab key
            found = None
        if found is None:
            return {"completions": []}
        completions = [SimpleCompletion(text, type="mpm_ops") for text in found.texts]
        return {"completions": completions, "matched_fragment": found.typed, "suppress": True, "ordered": True}

    def forget(self) -> None:
        """Ask for all names anew."""
        self._names.forget()

    def _found(self, context: CompletionContext) -> Typed | None:
        lines = context.full_text.split("\n")
        first = next((number for number, line in enumerate(lines) if line.strip()), 0)
        before = context.text_until_cursor
        if _CELL.match(lines[first]):
            if context.cursor_line == first:
                return self._option(before)
            above, below = lines[first + 1 : context.cursor_line], lines[context.cursor_line + 1 :]
            rest = context.line_with_cursor[context.cursor_position :]
            return self._sql(lines[first], "\n".join([*above, before]), "\n".join([rest, *below]))
        if line := _COMPANY_LINE.search(before):
            return self._companies(line["typed"], as_word=False)
        if line := _MPM_LINE.search(before):
            return self._words(line["rest"])
        return None

    def _companies(self, typed: str, *, as_word: bool) -> Typed:
        names = self._names.companies(self._choice.ops)
        starts = typed.lstrip("\"'").casefold()
        texts = [quoted(name) if as_word else name for name in names if name.casefold().startswith(starts)]
        return Typed(typed=typed, texts=texts)

    def _option(self, before: str) -> Typed | None:
        typed = _last(before)
        if re.search(r"--company[\s=]+$", before[: len(before) - len(typed)]):
            return self._companies(typed, as_word=True)
        if before == "%%mpm" or not typed.startswith("-"):
            return None
        return Typed(typed=typed, texts=[option for option in OPTIONS if option.startswith(typed)])

    def _words(self, rest: str) -> Typed | None:
        """Offer what `%mpm` on a line takes: its words, and what stands behind them."""
        typed = _last(rest)
        ahead = rest[: len(rest) - len(typed)].split()
        if ahead and ahead[-1] == "--company":
            return self._companies(typed, as_word=True)
        if typed.startswith("-"):
            return Typed(typed=typed, texts=[one for one in ("--company",) if one.startswith(typed)])
        if not ahead:
            return Typed(typed=typed, texts=[word for word in _WORDS if word.startswith(typed)])
        if ahead[0] != "columns":
            return None
        starts = typed.lstrip("\"'").lower()
        tables = [table.name for table in self._tables(rest)]
        return Typed(typed=typed, texts=[quoted(name) for name in tables if name.lower().startswith(starts)])

    def _sql(self, options: str, before: str, after: str) -> Typed | None:
        if value := re.search(r"(?<!:):(?P<typed>\w*)\Z", before):
            starting = [name for name in known(self._variables()) if name.startswith(value["typed"])]
            return Typed(typed=value["typed"], texts=sorted(starting))
        typed, texts = offers.offered(self._tables(options), before, after)
        return Typed(typed=typed, texts=texts)

    def _tables(self, options: str) -> Tables:
        """Return the names of the company that a line of options names, else of the chosen one, else of the first."""
        ops = self._choice.ops
        given = _company(options.split("mpm", 1)[-1])
        chosen = self._choice.company
        # All companies have about the same tables.
        companies: Iterable[int | str] = [given] if given else [chosen.id] if chosen else self._names.companies(ops)[:1]
        return next((self._names.tables(ops, company) for company in companies), {})


def _last(line: str) -> str:
    """Return the word that a line of options ends with, or what of it is there."""
    return next((word[0] for word in _WORD.finditer(line) if word.end() == len(line)), "")


def _company(line: str) -> str | None:
    """Return the company that a line of options names."""
    try:
        found = [word for one in words(line) for word in (one.split("=", 1) if one.startswith("--company=") else [one])]
    except UsageError:
        return None  # a quote is not closed yet
    place = found.index("--company") + 1 if "--company" in found else len(found)
    return plain(found[place]) if place < len(found) else None
