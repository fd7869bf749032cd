"""Simulated time: processes that take turns, and resources that they queue for, first come first served."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Generator

#: A process yields what it does next: wait so many seconds; take a resource for so many; wait for a bell.
Process = Generator["float | tuple[Resource, float] | Resource | Bell", None, None]


class Resource:
    """So many at a time may have it; the others queue."""

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        #: Seconds that it was had, of all who had it together.
        self.used = 0.0
        self._had = 0
        self._queue: deque[tuple[Process, float | None]] = deque()

    def utilisation(self, seconds: float) -> float:
        """Return the share of its capacity that was used in so many seconds; more than 1 when work is left."""
        return self.used / (self.capacity * seconds)


class Bell:
    """Processes wait for it; whoever rings wakes all of them."""

    def __init__(self) -> None:
        self._waiting: list[Process] = []


class Simulation:
    """The clock, and who is to go on when. Deterministic: who comes at the same time goes in the order of coming."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Process, Resource | None]] = []
        self._number = 0

    def start(self, process: Process, after: float = 0.0) -> None:
        """Begin a process now or later."""
        self._push(after, process)

    def run(self) -> None:
        """Let time go by until nobody has anything to do."""
        while self._events:
            self.now, _, process, held = heapq.heappop(self._events)
            if held is not None:
                self.give_back(held)
            self._go_on(process)

    def give_back(self, resource: Resource) -> None:
        """Return a resource that was taken without a time; the next in its queue has it."""
        resource._had -= 1
        if resource._queue:
            self._have(resource, *resource._queue.popleft())

    def ring(self, bell: Bell) -> None:
        """Wake all who wait for it."""
        waiting, bell._waiting = bell._waiting, []
        for process in waiting:
            self._push(0.0, process)

    def _push(self, after: float, process: Process, held: Resource | None = None) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.now + after, self._number, process, held))

    def _go_on(self, process: Process) -> None:
        step = next(process, None)
        if isinstance(step, tuple):
            self._want(*step, process)
        elif isinstance(step, Resource):
            self._want(step, None, process)
        elif isinstance(step, Bell):
            step._waiting.append(process)
        elif step is not None:
            self._push(step, process)

    def _want(self, resource: Resource, seconds: float | None, process: Process) -> None:
        if resource._had < resource.capacity:
            self._have(resource, process, seconds)
        else:
            resource._queue.append((process, seconds))

    def _have(self, resource: Resource, process: Process, seconds: float | None) -> None:
        resource._had += 1
        if seconds is None:
            self._push(0.0, process)
        else:
            resource.used += seconds
            self._push(seconds, process, resource)
