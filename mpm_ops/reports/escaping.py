"""Text of others within HTML and Markdown: it is shown as it is, and does nothing."""

from __future__ import annotations

import html
import re

from mpm_ops.harmless import harmless

#: Characters that turn the direction of what is written after them, unseen.
_TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C], 0xFFFD)
#: What means something to Markdown wherever it stands. A colon makes links and pictograms, an @ addresses and mentions.
_MARKS = re.compile(r"[\\`*_{}\[\]<>|~&!$@:^]")
#: What means something at the beginning of a line, a heading, a list or a rule; and what makes a link.
_LEADING = re.compile(r"^(\d{0,9})([.)]|[#+\-=]+)(?=\s|$)")
_WWW = re.compile(r"\b(www)\.", re.IGNORECASE)


def line(text: object) -> str:
    """Return a text of whatever origin as one line without what a terminal obeys or what turns its neighbours."""
    return " ".join(harmless(str(text)).translate(_TURNS).split())


def as_html(text: object) -> str:
    """Return a text as HTML that shows it, with its lines."""
    return html.escape(harmless(str(text)))


def name_as_html(text: object) -> str:
    """Return a name as HTML; one that is written from right to left leaves its neighbours in their places."""
    return f"<bdi>{as_html(text)}</bdi>"


def as_markdown(text: object) -> str:
    """Return a text as one line of Markdown that shows it, in a paragraph, a list or a cell of a table."""
    marked = _MARKS.sub(r"\\\g<0>", line(text))
    return _WWW.sub(r"\1\\.", _LEADING.sub(r"\1\\\2", marked))


def code_as_markdown(text: object) -> str:
    """Return a text as one line of code; of two backticks in it, as a cell's bar, Markdown makes what it likes."""
    words = line(text)
    # A bar ends a cell even within code, unless a backslash stands before it.
    return f"`{words}`" if words and not re.search(r"[`|\\]", words) else as_markdown(words)
