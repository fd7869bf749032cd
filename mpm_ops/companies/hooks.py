"""What a caller is told while a run is under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from mpm_ops.records import Outcome

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What a caller may want to be told while a run is under way; called in the caller's thread.

    What a hook raises stops the run, and goes on to the caller once the running ones are done and the account is
    written.
    """

    #: The run's number in the ledger; not called when no company has anything to do.
    on_run: Callable[[int], None] = field(default=lambda _: None)
    #: How many seconds each company, by id, is going to take: as many as the last time, 0 where there is nothing to do.
    on_start: Callable[[Mapping[int, float]], None] = field(default=lambda _: None)
    on_outcome: Callable[[Outcome], None] = field(default=lambda _: None)
    #: What happens to the run itself: paused, soaking.
    on_note: Callable[[str], None] = field(default=lambda _: None)
    #: Asked all the time: why no further company is to be begun; empty while all is well.
    stop: Callable[[], str] = field(default=lambda: "")


class Told:
    """Calls the hooks of a run. The error of one is kept until the account is written, and then goes on."""

    def __init__(self) -> None:
        self._raised: Exception | None = None

    def __call__(self, hook: Callable[[T], None], what: T) -> None:
        """Call a hook, unless one has raised."""
        if self._raised is None:
            try:
                hook(what)
            # A caller's code may raise anything, and the run goes by the account.
            except Exception as exc:  # noqa: BLE001 kept, and raised later
                self._raised = exc

    def why(self) -> str:
        """Return why the run is to stop; empty while all is well."""
        exc = self._raised
        return f"a hook raised {type(exc).__name__}: {exc}" if exc else ""

    def go_on(self) -> None:
        """Raise what a hook has raised."""
        if self._raised is not None:
            raise self._raised
