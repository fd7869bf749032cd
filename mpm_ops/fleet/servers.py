"""The servers of a run: how many companies each takes at a time, and which of them is away for now or for good."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

#: How often a server that is away is tried, in seconds.
_EVERY = 0.5


class Servers:
    """What a run knows of the servers that its companies are on."""

    def __init__(self, *, outage: float, on_note: Callable[[str], None]) -> None:
        self._outage = outage
        self._on_note = on_note
        self._limits: Mapping[str, int] = {}
        #: Those that said that they are full: so many at a time until they have room again.
        self._ceilings: dict[str, int] = {}
        #: Those that are away: since when, and when each is to be tried again.
        self._since: dict[str, float] = {}
        self._next: dict[str, float] = {}
        #: Those that were away for too long, and what is to be said of their companies.
        self.gone: dict[str, str] = {}

    def allow(self, limits: Mapping[str, int]) -> None:
        """Take in how many companies may be worked on; one that was full gets one more each time."""
        self._limits = limits
        self._ceilings = {server: ceiling + 1 for server, ceiling in self._ceilings.items()}

    def has_room(self, server: str, busy: int) -> bool:
        """Whether another company of this server may be begun, with `busy` of them under way."""
        if server in self.gone:
            return False
        if server in self._since:
            return not busy and self._next[server] <= time.monotonic()
        limit = min(self._limits.get(server, busy + 1), self._ceilings.get(server, busy + 1))
        # One at least: a run that waits for a server with no room at all would wait for itself.
        return busy < max(1, limit)

    def is_full(self, server: str, busy: int) -> None:
        """A server has refused one more than it has now."""
        self._ceilings[server] = max(1, busy)

    def is_away(self, server: str, why: str) -> float | None:
        """A server does not answer; return when to try again, None when that has gone on for too long."""
        now = time.monotonic()
        if server not in self._since:
            self._since[server] = now
            self._on_note(f"server {server} does not answer: {why}; it is tried for up to {self._outage:g} s")
        if now - self._since[server] >= self._outage:
            self.gone.setdefault(server, f"server {server} has not answered for {self._outage:g} s")
            return None
        self._next[server] = now + _EVERY
        return self._next[server]

    def answers(self, server: str) -> None:
        """A server is there."""
        if self._since.pop(server, None) is not None:
            self._on_note(f"server {server} answers again")
