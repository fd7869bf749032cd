"""Progress of long work in a notebook: a bar that shows once it takes more than a moment, and nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

#: Seconds before a bar shows.
_MOMENT = 1.0


@contextmanager
def progress(total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """Lend a function to call with how much more is done, from any thread.

    A library that writes into a script's output is a nuisance, so outside of a kernel nothing shows; nor does it
    where tqdm is not installed.
    """
    bars = _bars() if "ipykernel" in sys.modules else None
    if bars is None:
        yield lambda _: None
        return
    with bars.tqdm(total=total, unit=f" {unit}", delay=_MOMENT, leave=False) as bar:

        def step(more: int) -> None:
            bar.update(more)

        yield step


def _bars() -> ModuleType | None:
    """Return what draws bars; it comes with the extra [notebook], and a kernel may come without."""
    try:
        return import_module("tqdm.auto")
    except ImportError:
        return None
