"""Which tables and columns fit where the cursor stands in a question. It decides about comfort, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mpm_ops.notebook.names import Name, Tables

#: The word that is being typed, and the name before its point.
_TYPED = re.compile(r"[\w$]*\Z")
_ALIAS = re.compile(r'([\w$]+|"(?:[^"]|"")+")\.\Z')
_CLAUSE = re.compile(
    r"\b(select|from|join|table|where|on|using|group|order|having|window|limit|offset|union|returning|set|and|or|by)\b",
    re.IGNORECASE,
)
_BEFORE_TABLES = ("from", "join", "table")
#: A quoted name; else a literal or a comment, as far as it matters here.
_ASIDE = re.compile(r"""(?P<name>"(?:[^"]|"")*(?:"|\Z))|'(?:[^']|'')*(?:'|\Z)|--[^\n]*|/\*.*?(?:\*/|\Z)""", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def offered(tables: Tables, before: str, after: str) -> tuple[str, Sequence[str]]:
    """Return what is being typed before the cursor of a question, and what to put there, the likeliest first.

    Behind FROM and JOIN that is tables, behind `m.` the columns of the table that `m` is, else the columns of the
    tables that the question names, then tables, then all columns. Names that need quotes have them.
    """
    bare = _bare(before)
    if bare.endswith("\0"):
        return "", ()
    ahead, typed = _cut(bare)
    whole = f"{ahead} {_bare(after)}"
    if alias := _ALIAS.search(ahead):
        columns = [name for table in _meant(tables, alias[1], whole) for name in tables[table]]
        return typed, _starting(columns, typed, after)
    every = [name for columns in tables.values() for name in columns]
    clause = next((one[1].lower() for one in reversed(list(_CLAUSE.finditer(_QUOTED.sub("", ahead))))), "")
    if clause in _BEFORE_TABLES:
        # In `extract(year FROM …)` there stands a column.
        return typed, _starting(tables, typed, after) or _starting(every, typed, after)
    named = [name for table in tables if _names(whole, table) for name in tables[table]]
    return typed, _starting([*named, *tables, *every], typed, after)


def _bare(question: str) -> str:
    """Return a question with NULs for its literals and comments."""
    return _ASIDE.sub(lambda aside: aside[0] if aside["name"] else "\0" * len(aside[0]), question)


def _cut(before: str) -> tuple[str, str]:
    """Cut off the name that is being typed: from its quote on, when one is open."""
    opened = before.count('"') % 2
    start = before.rindex('"') if opened else len(before) - len(_TYPED.findall(before)[0])
    return before[:start], before[start:]


def _starting(names: Sequence[Name] | Tables, typed: str, after: str) -> list[str]:
    """Return the names that begin as typed, in upper or lower case, each once and as it is written."""
    starts = typed.lstrip('"').lower()
    fitting = [name for name in names if name.name.lower().startswith(starts)]
    return list(dict.fromkeys(_put(name, typed, after) for name in fitting))


def _put(name: Name, typed: str, after: str) -> str:
    """Return a name as it goes in: quoted where somebody began to, and where it must; an editor's own quote stays."""
    opened = typed.startswith('"')
    text = name.written
    if opened and not text.startswith('"'):
        text = f'"{text}"'
    return text[:-1] if opened and after.startswith('"') else text


def _names(question: str, table: Name) -> bool:
    """Whether a question names a table."""
    if table.written.startswith('"'):
        return table.written in question
    return re.search(rf"(?<![\w$]){re.escape(table.name)}(?![\w$])", question, re.IGNORECASE) is not None


def _meant(tables: Tables, alias: str, question: str) -> Iterator[Name]:
    """Find the table that stands before a point: by its name, else by what the question calls it."""
    by_name = {table.written: table for table in tables}
    if direct := by_name.get(alias) or by_name.get(alias.lower()):
        yield direct
        return
    for table in tables:
        called = rf"{re.escape(table.written)}\s+(?:as\s+)?{re.escape(alias)}(?![\w$])"
        if re.search(rf'(?<![\w$"]){called}', question, re.IGNORECASE):
            yield table
