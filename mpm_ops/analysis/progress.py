"""Progress of long work in a notebook: a bar that shows once it takes more than a moment, and nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds before a bar shows.
_MOMENT = 1.0


@contextmanager
def progress(total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """Lend a function to call with how much more is done, from any thread.

    A library that writes into a script's output is a nuisance, so outside of a kernel nothing shows.
    """
    if "ipykernel" not in sys.modules:
        yield lambda _: None
        return
    from tqdm.auto import tqdm  # comes with the extra [notebook], as ipykernel does

    with tqdm(total=total, unit=f" {unit}", delay=_MOMENT, leave=False) as bar:

        def step(more: int) -> None:
            bar.update(more)

        yield step
