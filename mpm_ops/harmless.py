"""Text of others without what a terminal would take for a command: a sign stands in its place."""

from __future__ import annotations

#: Control characters but tab and line feed: those of ASCII have pictures, the others (C1) have none.
_SIGNS = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"}
_SIGNS |= {0x7F: 0x2421, **dict.fromkeys(range(0x80, 0xA0), 0xFFFD)}
#: Those that JSON lets stand in a string as they are.
_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def harmless(text: str) -> str:
    """Return a text without a character that moves the cursor, colours, renames the window or pastes."""
    return text.translate(_SIGNS)


def harmless_json(text: str) -> str:
    """Return JSON that says the same without such a character."""
    return text.translate(_ESCAPES)
