"""A shared run in simulated time: workers claim batches and take their companies along, as the code does.

What is followed: `flows.migrate_companies` (size of the batches, how workers are called), `flows.sharing.carry_out`
(one task after the other, as long as a batch is free), `RunMember.take` (the first free batch).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence

from tests.benchmarks.machines import Due, Machines, Worker
from tests.benchmarks.recorded import Recording
from tests.benchmarks.replayed import Replayed, Site
from tests.benchmarks.replayed_batch import BatchReplay
from tests.benchmarks.simulation import Process

#: As the flows have it, which would load Prefect; a test compares. Companies in a batch, and tasks of a run, at most.
BATCH, MOST_TASKS = 50, 100
#: Seconds between two looks at a run that others are at.
LOOK = 0.5
#: Seconds until a further worker has picked its run up and imported what it needs (measured with Prefect 3.8).
CALL = 9.0
#: Of a batch's statements, those that come after its companies.
OF_END = 10


class Replay:
    """One run."""

    def __init__(self, recording: Recording, site: Site) -> None:
        self._recording, self._site = recording, site
        self._machines = Machines(recording, site)
        self._random = random.Random(site.seed)
        self._batch = BatchReplay(self._machines, self._random)
        self._free = self._divided()
        #: Batches that are not done, whether or not somebody is at them.
        self._left = len(self._free)
        self._tasks = self._empty = 0
        #: When the account was given.
        self._ended = 0.0

    def run(self) -> Replayed:
        """Let it happen."""
        machines, site = self._machines, self._site
        machines.clock.start(self._lead())
        if site.others:
            machines.clock.start(machines.others())
        machines.clock.run()
        seconds = self._ended
        return Replayed(
            site=site,
            seconds=seconds,
            taken=self._batch.taken,
            connections=machines.most,
            tasks=self._tasks,
            empty=self._empty,
            utilisation=machines.utilisation(seconds),
            threads=sum(machines.connected) / (site.threads * site.workers * seconds),
            between=sum(worker.between for worker in machines.workers) / (site.workers * seconds),
            behind=max(0.0, machines.taken_in - seconds),
        )

    def _divided(self) -> deque[Sequence[Due]]:
        """Return the batches, those with the companies that take longest first."""
        site = self._site
        companies = [
            Due(
                number=number,
                server=self._random.randrange(site.servers),
                times=self._random.choice(self._recording.spread),
            )
            for number in range(site.companies)
        ]
        companies.sort(key=lambda one: -one.times)
        size = site.batch or max(BATCH, -(-len(companies) // MOST_TASKS))
        return deque(companies[at : at + size] for at in range(0, len(companies), size))

    def _lead(self) -> Process:
        """Write the run, call the others, take batches, end the run, and give its account."""
        machines = self._machines
        leader, *others = machines.workers
        yield from machines.read(leader, "fleet", "open", "progress")
        yield from machines.ask_all(leader, "stamps")
        for worker in others:
            machines.clock.start(self._carry_out(worker), 0.0 if self._site.together else CALL)
        yield from self._carry_out(leader)
        yield from machines.read(leader, "state", "end")
        machines.over = True
        yield from machines.read(leader, "progress", "end", "fleet")
        yield from machines.ask_all(leader, "stamps")
        self._ended = machines.clock.now

    def _carry_out(self, worker: Worker) -> Process:
        """Take a batch as long as one is free, and wait for what others are at."""
        machines = self._machines
        while not machines.over and (self._left or not worker.leads):
            yield from machines.between(worker, machines.read(worker, "state"))
            if self._free:
                yield from self._task(worker)
            elif self._left or not worker.leads:
                yield LOOK

    def _task(self, worker: Worker) -> Process:
        """Join the run, claim the first batch that is free, and take it along."""
        machines, batch = self._machines, self._recording.batch
        if not self._site.together:
            self._tasks += 1
            machines.clock.start(machines.tell_prefect())
            yield from machines.between(worker, self._joined(worker))
        if not self._free:
            self._empty += 1
            yield from machines.between(worker, machines.read(worker, "state"))
            return
        companies = self._free.popleft()
        yield from machines.between(worker, self._planned(worker))
        yield from self._batch.companies(worker, companies)
        yield from machines.between(worker, machines.central(batch.server / 2, statements=OF_END))
        self._left -= 1

    def _joined(self, worker: Worker) -> Process:
        """What a task costs before it looks for a batch."""
        cost = self._recording.task
        yield from self._machines.python(worker, cost.worker)
        yield cost.wait
        yield from self._machines.read(worker, "join")

    def _planned(self, worker: Worker) -> Process:
        """What a batch costs before its first company; on top, what that grows by in a larger fleet."""
        machines, batch = self._machines, self._recording.batch
        yield from machines.python(worker, batch.worker)
        yield from machines.central(batch.server / 2, statements=batch.statements - OF_END)
        yield batch.wait
        yield from machines.read(worker, "state", "state", "plan", beyond=True)
        yield from machines.ask_all(worker, "stamps")
