"""Ctrl-C and the stop button, as a notebook shows them: in a line, without the frames that they came through."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module


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


def load(name: str) -> None:
    """Import a module whole, even when a Ctrl-C comes meanwhile, which is raised at once.

    Broken off half-way numpy cannot be imported again, and Python may leave the module's lock taken: nothing could be
    asked before the kernel is restarted. Signals are the main thread's, so another one imports.
    """
    if name not in _loaded:
        thread = threading.Thread(target=_load, args=(name,), name="mpm_ops import")
        thread.start()
        thread.join()


#: In sys.modules a module is as soon as its import begins.
_loaded = set[str]()


def _load(name: str) -> None:
    with suppress(ImportError):  # whoever needs it imports it next, and is told there
        import_module(name)
        _loaded.add(name)
