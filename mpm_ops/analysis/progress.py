"""Progress of long work in a notebook: a bar that shows once it takes more than a moment, and nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds before a bar shows.
_MOMENT = 1.0


@contextmanager
def progress(total: int | None, unit: str, *, told: Callable[[], None] | None = None) -> Iterator[Callable[[], None]]:
    """Lend a function to call at each step, from any thread: `told` where it is given, else a bar in a notebook.

    A library that writes into a script's output is a nuisance, so outside of a kernel nothing shows.
    """
    if told is not None or "ipykernel" not in sys.modules:
        yield told or (lambda: None)
        return
    from tqdm.auto import tqdm  # comes with the extra [notebook], as ipykernel does

    with tqdm(total=total, unit=f" {unit}", delay=_MOMENT, leave=False) as bar:
        yield lambda: (bar.update(), None)[1]
