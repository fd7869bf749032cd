"""Ctrl-C and the stop button, as a notebook shows them: in a line, without the frames that they came through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Interrupted(KeyboardInterrupt):
    """A question was broken off by whoever asked it. By the time that this is raised the server has been told."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt: the question was broken off, and cancelled on the server"]


@contextmanager
def briefly() -> Iterator[None]:
    """Raise Interrupted for a KeyboardInterrupt in the block, in which questions are asked."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted from None
