"""The companies of a batch in simulated time: as many at once as there are threads, and connections, as in the runner.

What is followed: `fleet.runner` (the longest first, of each server no more than its limit) and `Watch.limits`.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Mapping, Sequence

from tests.benchmarks.machines import RESERVED, Due, Machines, Worker
from tests.benchmarks.recorded import Cost
from tests.benchmarks.simulation import Process

#: Seconds between two looks at how many connections are free.
EVERY = 0.5
#: Connections that a run leaves to others.
SPARE = 3
#: Seconds until a connection that was refused is asked for again, for the first time and at most.
PAUSE, LONGEST = 0.5, 4.0
#: Round trips for a company: five to connect, with TLS; lock, look, settings, heads, the steps, the last step, unlock.
ROUND_TRIPS = 12


class BatchReplay:
    """Takes companies along."""

    def __init__(self, machines: Machines, chance: random.Random) -> None:
        self._machines, self._random = machines, chance
        self._site, recording = machines.site, machines.recording
        at_once = recording.company[max(one for one in recording.company if one <= self._site.threads)]
        self._outcome = recording.outcome.server
        # What the companies of a batch wait for one another is replayed; the rest of the waiting is that of one alone.
        self._cost = Cost(worker=at_once.worker, server=at_once.server - self._outcome, wait=recording.company[1].wait)
        #: How often each company was taken along.
        self.taken: Counter[int] = Counter()

    def companies(self, worker: Worker, batch: Sequence[Due]) -> Process:
        """Work on as many as there are threads and connections for, until all are done."""
        waiting: dict[int, deque[Due]] = {}
        for one in batch:
            waiting.setdefault(one.server, deque()).append(one)
        worker.in_batch = True
        self._machines.clock.start(self._watch(worker))
        while any(waiting.values()) or any(worker.busy):
            while (server := self._room(worker, waiting)) is not None:
                worker.busy[server] += 1
                self._machines.clock.start(self._one(worker, waiting[server].popleft()))
            yield worker.wake
        worker.in_batch = False

    def _room(self, worker: Worker, waiting: Mapping[int, deque[Due]]) -> int | None:
        """Return whose turn it is: the server with room whose first company takes longest."""
        if sum(worker.busy) >= self._site.threads:
            return None
        open_ = [one for one, line in waiting.items() if line and worker.busy[one] < max(1, worker.limits[one])]
        return max(open_, key=lambda one: waiting[one][0].times, default=None)

    def _watch(self, worker: Worker) -> Process:
        """Look twice a second at how many connections each server has free."""
        machines = self._machines
        while worker.in_batch:
            yield from machines.ask_all(worker, "limits")
            for server, used in enumerate(machines.connections):
                free = max(0, self._site.max_connections - RESERVED - used)
                worker.limits[server] = worker.busy[server] + free - SPARE
            machines.clock.ring(worker.wake)
            yield EVERY

    def _one(self, worker: Worker, company: Due) -> Process:
        """Take one company along its revisions."""
        machines, server, cost = self._machines, company.server, self._cost
        yield from self._connected(worker, server)
        began = machines.clock.now
        yield from machines.python(worker, cost.worker * company.times / 2)
        yield machines.servers[server], cost.server * company.times
        yield cost.wait * company.times + ROUND_TRIPS * self._site.latency
        yield from machines.python(worker, cost.worker * company.times / 2)
        machines.connected[server] += machines.clock.now - began
        machines.connections[server] -= 1
        worker.busy[server] -= 1
        self.taken[company.number] += 1
        machines.clock.ring(worker.wake)
        yield from machines.central(self._outcome, statements=0)

    def _connected(self, worker: Worker, server: int) -> Process:
        """Connect, again after a while when the server has no connection left."""
        machines, pause = self._machines, PAUSE
        while machines.connections[server] >= self._site.max_connections - RESERVED:
            worker.limits[server] = max(1, worker.busy[server] - 1)
            yield pause * self._random.uniform(0.5, 1.5)
            pause = min(2 * pause, LONGEST)
        machines.connections[server] += 1
        machines.most[server] = max(machines.most[server], machines.connections[server])
