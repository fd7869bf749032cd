"""The line of options of a magic, cut into words; its grammar is a shell's, its `--params` are Python."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mpm_ops.errors import UsageError

_WORD = re.compile(r"""(?:[^\s"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+""")


def words(line: str) -> list[str]:
    """Cut a line at blanks that stand outside of quotes; the quotes stay. Raises UsageError for one left open."""
    if left := _WORD.sub("", line).strip():
        raise UsageError(
            f"a quote is not closed: {left[0]}", hint='Put "…" around a word with a blank or a quote in it.'
        )
    return _WORD.findall(line)


def plain(word: str) -> str:
    """Return a word without the quotes around it."""
    is_quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if is_quoted else word


def quoted(text: str) -> str:
    """Return a text as one word of such a line."""
    if text and not re.search(r"[\s\"']", text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def variable(name: str) -> str:
    """Return the name of a variable as it is. Raises UsageError for what cannot be one."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{name[:60]!r} is no name of a variable")
    return name


def evaluated(given: Sequence[str], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `NAME=EXPRESSION`, in which the variables stand for themselves; `NAME` is `NAME=NAME`.

    Raises UsageError for what is no name, and for an expression that raises.
    """
    values = {}
    for one in given:
        name, sign, expression = one.partition("=")
        source = expression if sign else name
        try:
            # The cell's author writes Python in the next cell as well.
            values[variable(name)] = eval(source, dict(variables))  # noqa: S307 the notebook's own Python
        except UsageError:
            raise
        except Exception as exc:  # noqa: BLE001 whatever their expression raises is shown in one line
            hint = "Blanks go into quotes only: make a variable of a longer expression."
            raise UsageError(f"--params {one[:60]}: {type(exc).__name__}: {exc}", hint=hint) from None
    return values
