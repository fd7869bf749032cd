"""What PostgreSQL holds as text: every character but NUL and the halves of surrogate pairs, which are none."""

from __future__ import annotations


def is_text(value: str) -> bool:
    """Whether PostgreSQL can hold it; what it cannot hold is equal to nothing that is there."""
    if "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(value: str) -> str:
    """Return a text with a question mark for each character that PostgreSQL cannot hold."""
    return value.replace("\0", "?").encode(errors="replace").decode()
