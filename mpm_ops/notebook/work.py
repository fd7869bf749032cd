"""Threads of the apps: the kernel is never kept waiting. What is seen afterwards is pushed from the thread."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")
#: What shows how something came out.
Show = Callable[[], None]

#: Seconds between two looks at the clock, and those that an ending process gives to what it broke off.
_TICK, _PATIENCE = 0.25, 3.0


class Work:
    """One piece of work at a time, which can be stopped, with a clock beside it."""

    def __init__(
        self,
        *,
        on_tick: Callable[[float], None],
        on_error: Callable[[Exception], None],
        on_change: Callable[[bool], None],
    ) -> None:
        self._on_tick, self._on_error, self._on_change = on_tick, on_error, on_change
        self._lock = threading.Lock()
        self._running: _Running | None = None

    @property
    def is_running(self) -> bool:
        """Whether something is under way."""
        return self._running is not None

    def start(self, do: Callable[[threading.Event], Show]) -> bool:
        """Do it in a thread, unless something is under way; return whether it was begun.

        `do` is given the flag that `stop` sets, and returns what shows how it came out. `on_change` is told True
        before and False after it, `on_tick` the seconds since the beginning meanwhile, `on_error` what it raised.
        """
        with self._lock:
            if self._running is not None:
                return False
            self._running = running = _Running()
        self._on_change(True)
        threading.Thread(target=self._do, args=(do, running), name="mpm_ops work", daemon=True).start()
        return True

    def stop(self) -> None:
        """Set the flag; what is under way ends by itself."""
        if running := self._running:
            running.stop.set()

    def _do(self, do: Callable[[threading.Event], Show], running: _Running) -> None:
        clock = threading.Thread(target=self._tell_time, args=(running,), name="mpm_ops clock", daemon=True)
        clock.start()
        try:
            shown: Show = do(running.stop)
        except Exception as exc:  # noqa: BLE001 a notebook's edge: told there, where a thread would lose it
            shown = partial(self._on_error, exc)
        running.done.set()
        clock.join()
        try:
            shown()
        except Exception as exc:  # noqa: BLE001 the same; and whatever it is, the next one can be begun
            self._on_error(exc)
        finally:
            running.finalizer.detach()
            self._running = None
            self._on_change(False)

    def _tell_time(self, running: _Running) -> None:
        began = time.monotonic()
        while not running.done.wait(_TICK):
            if not threading.main_thread().is_alive():
                # The process ends, and waits for the threads of pools before it comes to the finalizers.
                running.stop.set()
            self._on_tick(time.monotonic() - began)


class _Running:
    """Something under way; when the process ends, it is stopped, and what it does on a server with it."""

    def __init__(self) -> None:
        self.stop, self.done = threading.Event(), threading.Event()
        self.finalizer = weakref.finalize(self, _break_off, self.stop, self.done)


def _break_off(stop: threading.Event, done: threading.Event) -> None:
    stop.set()
    done.wait(_PATIENCE)


class Latest:
    """Look-ups, each in a thread, of which only the one asked for last is shown."""

    def __init__(self, on_error: Callable[[Exception], None], *, after: float = 0.0) -> None:
        """Look after so many seconds, unless something else is asked for until then: somebody may be typing."""
        self._on_error, self._after = on_error, after
        # What is shown may ask for the next one.
        self._lock = threading.RLock()
        #: Set once the look-up that was asked for last does not matter any more.
        self._outdated = threading.Event()

    def look(self, find: Callable[[], T], show: Callable[[T], None]) -> None:
        """Find something in a thread and show it there, unless something else was asked for meanwhile."""
        outdated = self.forget()
        threading.Thread(target=self._look, args=(outdated, find, show), name="mpm_ops look", daemon=True).start()

    def forget(self) -> threading.Event:
        """Show nothing of what is being looked for; return what says that of the next one."""
        with self._lock:
            self._outdated.set()
            self._outdated = threading.Event()
            return self._outdated

    def _look(self, outdated: threading.Event, find: Callable[[], T], show: Callable[[T], None]) -> None:
        if outdated.wait(self._after):
            return
        try:
            found = partial(show, find())
        except Exception as exc:  # noqa: BLE001 a notebook's edge: told there, where a thread would lose it
            found = partial(self._on_error, exc)
        with self._lock:
            if not outdated.is_set():
                found()
