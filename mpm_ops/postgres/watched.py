"""A connection that looks up while it waits for the server: at the clock, at a flag, at the memory it is taking.

psycopg waits in one place, `Connection.wait`, and wakes at least ten times a second. There a statement is broken off
by cancelling it on the server, so that what follows is the server's own error and a connection as good as new.

Memory is another matter. libpq takes in a row whole before anybody sees it, be it in single-row or in chunked mode,
and a server that is in the middle of a row does not heed a cancellation. It does hand back control while the row
arrives, about once a megabyte. How many bytes came it does not tell, and what the socket holds at that moment is no
measure (counted that way: 31 MB of 900). What can be measured is what is to be bounded, the growth of this process,
and the way out is to close the connection. Measured with one value of 900 MB and 100 MB allowed: the process grew by
103 MB over a Unix socket and by 107 MB over TCP, where it grew by 2600 MB before. Over TLS to the same machine libpq
found more to read whenever it looked, and took 346 MB; over a network it waits as without.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

if TYPE_CHECKING:
    import psutil
    from psycopg.abc import PQGen

T = TypeVar("T")

#: Seconds that a cancellation may take to reach the server, and the server to heed it.
_PATIENCE = 5.0
#: An answer that comes in so few pieces is small, and not worth a look at the memory.
_FEW = 3


class Why(StrEnum):
    """Why a statement was broken off."""

    DEADLINE = "deadline"
    STOPPED = "stopped"


class TooLarge(psycopg.OperationalError):
    """More came at once than there is room for; the connection is closed."""


class Watch:
    """What a few statements together may take."""

    def __init__(self, *, seconds: float, growth: int, stop: threading.Event | None = None) -> None:
        self._end = time.monotonic() + seconds
        self._stop = stop
        #: Bytes by which this process may grow while one answer of the server arrives.
        self.growth = growth
        #: Why they were broken off; None while they were not.
        self.why: Why | None = None

    def over(self) -> bool:
        """Whether it is time to break off."""
        if self.why is None and self._stop is not None and self._stop.is_set():
            self.why = Why.STOPPED
        elif self.why is None and time.monotonic() >= self._end:
            self.why = Why.DEADLINE
        return self.why is not None


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that can be given a Watch."""

    _watch: Watch | None = None

    @contextmanager
    def watched(self, watch: Watch) -> Iterator[None]:
        """Run the statements of the block under `watch`.

        Raises psycopg's QueryCanceled when they were broken off, and TooLarge.
        """
        self._watch = watch
        try:
            yield
        finally:
            self._watch = None

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """Wait for the server as psycopg does, and look up meanwhile."""
        watch = self._watch
        if watch is None:
            return super().wait(gen, *args, **kwargs)
        if watch.over():
            raise psycopg.errors.QueryCanceled("broken off between two statements")
        return super().wait(self._looking_up(gen, watch), *args, **kwargs)

    def _looking_up(self, gen: PQGen[T], watch: Watch) -> PQGen[T]:
        """Be `gen`, and look up each time that it waits."""
        try:
            state = next(gen)
            pieces, grown, cancelled = 0, 0, 0.0
            while True:
                ready = yield state
                if watch.over():
                    cancelled = cancelled or self._break_off()
                    if time.monotonic() > cancelled + _PATIENCE:
                        self.close()
                        raise psycopg.errors.QueryCanceled("the server did not heed the cancellation")
                pieces += bool(ready)
                # What other threads take while this one waits is not counted.
                looks = ready and pieces > _FEW
                before = _memory() if looks else 0
                state = gen.send(ready)
                grown += max(0, _memory() - before) if looks else 0
                if grown > watch.growth:
                    self.close()
                    raise TooLarge("the answer is too large")
        except StopIteration as done:
            result: T = done.value
            return result

    def _break_off(self) -> float:
        """Cancel on the server what it is doing for this connection; return when that was."""
        try:
            self.cancel_safe(timeout=_PATIENCE)
        except psycopg.Error:
            self.close()
            raise
        return time.monotonic()


def _memory() -> int:
    """Return the bytes of memory that this process has.

    Linux tells in a file: read as such that takes a tenth of psutil's time, and it is asked a thousand times a second.
    """
    if (statm := _statm(os.getpid())) is not None:
        return int(os.pread(statm, 64, 0).split()[1]) * mmap.PAGESIZE
    return int(_process(os.getpid()).memory_info().rss)


@cache
def _statm(pid: int) -> int | None:
    try:
        return os.open(f"/proc/{pid}/statm", os.O_RDONLY)
    except OSError:
        return None


@cache
def _process(pid: int) -> psutil.Process:
    import psutil  # most commands never look

    return psutil.Process(pid)
