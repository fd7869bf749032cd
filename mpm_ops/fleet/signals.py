"""Ctrl-C and SIGTERM during a fleet run: the first stops beginning, the second cancels, the third is passed on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """How often the run was interrupted."""

    def __init__(self) -> None:
        self.count = 0

    def __bool__(self) -> bool:
        return self.count > 0


class _Count:
    """Counts the signals of a block, and tells the block around it of them."""

    def __init__(self, seen: Interrupts) -> None:
        self._seen = seen
        self.outer: list[_Count] = []

    def __call__(self, number: int, frame: FrameType | None) -> None:
        for one in self.outer:
            one(number, frame)
        self._seen.count += 1
        if self._seen.count > 2:
            signal.default_int_handler(number, frame)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM break the block off as Ctrl-C does, so that what it has made is cleaned up."""
    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield  # somebody else listens, or nobody here can
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def counted_interrupts() -> Iterator[Interrupts]:
    """Count the signals that arrive in the block instead of breaking it off; the third Ctrl-C raises as usual."""
    seen = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield seen  # only the main thread is told of signals
        return

    count = _Count(seen)
    # As under nohup: who asked to be spared is spared.
    heard = [one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) is not signal.SIG_IGN]
    previous = {one: signal.signal(one, count) for one in heard}
    count.outer = [handler for handler in previous.values() if isinstance(handler, _Count)][:1]
    try:
        yield seen
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)
