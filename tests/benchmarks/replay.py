"""A shared run in simulated time: workers claim batches and take their companies along, as the code does.

What is followed: `flows.migrate_companies` (size of the batches, how workers are called), `flows.sharing.carry_out` (a
task for each batch that is free), `RunMember.take` (the first free batch), `fleet.runner` (threads, limits of servers).
"""

from __future__ import annotations

import random
from collections import Counter, deque

from tests.benchmarks.recorded import Cost, Recording
from tests.benchmarks.replayed import Replayed, Site
from tests.benchmarks.simulation import Bell, Process, Resource, Simulation

#: As the flows have it, which would load Prefect; a test compares. Companies in a batch, and tasks of a run, at most.
BATCH, MOST_TASKS = 50, 100
#: Seconds between two looks at a run that others are at, and between two updates of its progress.
LOOK, SHOW = 0.5, 2.0
#: Seconds until a further worker has picked its run up and imported what it needs (measured with Prefect 3.8).
CALL = 9.0
#: Seconds between two looks at how many connections are free.
EVERY = 0.5
#: Connections that the server keeps for superusers, and that a run leaves to others.
RESERVED, SPARE = 3, 3
#: Round trips for a company: five to connect, with TLS; lock, look, settings, heads, the steps, the last step, unlock.
ROUND_TRIPS = 12
#: Of the main server's connections, a worker has so many beside its companies', and one of each server's.
TO_CENTRAL = 3


def _use(resource: Resource, seconds: float) -> Process:
    yield resource, seconds


class _Worker:
    """A process with its threads; Python runs in one of them at a time."""

    def __init__(self, number: int, cores: Resource, site: Site) -> None:
        self.number, self.cores = number, cores
        self.python = Resource("Python", 1)
        self.leads = number == 0
        self.limits = [site.max_connections] * site.servers
        self.busy = [0] * site.servers
        self.wake = Bell()
        self.at_tasks = self.in_batch = self.over = False
        #: Seconds with something other than companies.
        self.between = 0.0


class Replay:
    """One run."""

    def __init__(self, recording: Recording, site: Site) -> None:
        self.recording, self.site = recording, site
        self.clock = Simulation()
        self.random = random.Random(site.seed)
        one = Resource("machine", int(recording.circumstances["cores"]))
        self.servers = [one if site.together else Resource("database", site.server_cores) for _ in range(site.servers)]
        self.prefect = Resource("Prefect", 1)
        self.workers = [
            _Worker(number, one if site.together else Resource("worker", site.worker_cores), site)
            for number in range(site.workers)
        ]
        self.connections = [site.workers * (1 + (TO_CENTRAL if not server else 0)) for server in range(site.servers)]
        self.most = list(self.connections)
        #: By server, seconds that companies had a connection.
        self.connected = [0.0] * site.servers
        self.taken: Counter[int] = Counter()
        #: Seconds of the main server's CPU that were the ledger's.
        self.ledger = self.ended = self.taken_in = 0.0
        self.tasks = self.empty = 0
        at_once = recording.company[max(one for one in recording.company if one <= site.threads)]
        self.company = Cost(
            worker=at_once.worker,
            server=at_once.server - recording.outcome.server,
            wait=recording.company[1].wait,
        )
        self.batches = self._divided()
        self.left = len(self.batches)

    def run(self) -> Replayed:
        """Let it happen."""
        self.clock.start(self._lead())
        if self.site.others:
            self.clock.start(self._others())
        self.clock.run()
        slots = self.site.threads * self.site.workers * self.ended
        return Replayed(
            site=self.site,
            seconds=self.ended,
            taken=self.taken,
            connections=self.most,
            tasks=self.tasks,
            empty=self.empty,
            utilisation=self._utilisation(self.ended),
            threads=sum(self.connected) / slots,
            between=sum(worker.between for worker in self.workers) / (self.site.workers * self.ended),
            behind=max(0.0, self.taken_in - self.ended),
        )

    def _divided(self) -> deque[list[tuple[int, int, float]]]:
        """Return the batches: companies with their server and how long each takes, the longest first."""
        companies = [
            (number, self.random.randrange(self.site.servers), self.random.choice(self.recording.spread))
            for number in range(self.site.companies)
        ]
        companies.sort(key=lambda one: -one[2])
        size = self.site.batch or max(BATCH, -(-len(companies) // MOST_TASKS))
        return deque(companies[at : at + size] for at in range(0, len(companies), size))

    # What the parts of a worker do

    def _lead(self) -> Process:
        """Write the run, call the others, take batches, and end it."""
        leader, *others = self.workers
        for statement in ("plan", "open"):
            yield from self._read(leader, statement)
        yield from self._asked_of_all(leader, "stamps")
        for worker in others:
            self.clock.start(self._carry_out(worker), 0.0 if self.site.together else CALL)
        yield from self._carry_out(leader)
        for statement in ("end", "end", "state", "plan"):
            yield from self._read(leader, statement)
        yield from self._asked_of_all(leader, "stamps")
        self.ended = self.clock.now
        for worker in self.workers:
            worker.over = True

    def _others(self) -> Process:
        """Let others have their share of the machine, in slices as the system gives them."""
        machine, slice_ = self.servers[0], 0.01
        while not self.ended:
            self.clock.start(_use(machine, self.site.others * machine.capacity * slice_))
            yield slice_

    def _carry_out(self, worker: _Worker) -> Process:
        """Submit a task for each batch that is free, and work them off; wait for what others are at."""
        self.clock.start(self._bar(worker))
        while not worker.over and (self.left or not worker.leads):
            yield from self._between(worker, self._read(worker, "state"))
            if free := len(self.batches):
                worker.at_tasks = True
                for _ in range(min(free, self.site.submits or free)):
                    yield from self._task(worker)
                worker.at_tasks = False
            elif self.left or not worker.leads:
                yield LOOK

    def _bar(self, worker: _Worker) -> Process:
        """Show the progress now and then."""
        while not (worker.over or self.site.together):
            yield SHOW
            if worker.at_tasks:
                yield from self._read(worker, "state")

    def _task(self, worker: _Worker) -> Process:
        """Join the run, claim the first batch that is free, and take it along."""
        if not self.site.together:
            self.tasks += 1
            self.clock.start(self._taken_in())
            cost = self.recording.task
            yield from self._between(worker, self._python(worker, cost.worker))
            yield cost.wait
            yield from self._between(worker, self._read(worker, "join"))
        if not self.batches:
            self.empty += 1
            yield from self._between(worker, self._read(worker, "state"))
            return
        yield from self._between(worker, self._fixed(worker))
        if not self.batches:  # somebody was faster
            self.empty += 1
            return
        batch = self.batches.popleft()
        yield from self._companies(worker, batch)
        yield from self._between(worker, self._central(worker, self.recording.batch.server / 2, statements=10))
        self.left -= 1

    def _taken_in(self) -> Process:
        yield self.prefect, self.recording.task.server
        self.taken_in = self.clock.now

    def _fixed(self, worker: _Worker) -> Process:
        """What a batch costs before its first company; on top, what that grows by in a larger fleet."""
        batch = self.recording.batch
        yield from self._python(worker, batch.worker)
        yield from self._central(worker, batch.server / 2, statements=batch.statements)
        yield batch.wait
        for statement in ("state", "plan"):
            yield from self._read(worker, statement, beyond=True)
        yield from self._asked_of_all(worker, "stamps")

    def _companies(self, worker: _Worker, batch: list[tuple[int, int, float]]) -> Process:
        """Work on as many as there are threads and connections for, until all are done."""
        waiting: dict[int, deque[tuple[int, int, float]]] = {}
        for one in batch:
            waiting.setdefault(one[1], deque()).append(one)
        worker.in_batch = True
        self.clock.start(self._watch(worker))
        while any(waiting.values()) or any(worker.busy):
            while (server := self._room(worker, waiting)) is not None:
                one = waiting[server].popleft()
                worker.busy[server] += 1
                self.clock.start(self._one(worker, *one))
            yield worker.wake
        worker.in_batch = False

    def _room(self, worker: _Worker, waiting: dict[int, deque[tuple[int, int, float]]]) -> int | None:
        """Return whose turn it is: the server with room whose first company takes longest."""
        if sum(worker.busy) >= self.site.threads:
            return None
        open_ = [one for one, line in waiting.items() if line and worker.busy[one] < max(1, worker.limits[one])]
        return max(open_, key=lambda one: waiting[one][0][2], default=None)

    def _watch(self, worker: _Worker) -> Process:
        """Look twice a second at how many connections each server has free."""
        while worker.in_batch:
            yield from self._asked_of_all(worker, "limits")
            for server, used in enumerate(self.connections):
                free = max(0, self.site.max_connections - RESERVED - used)
                worker.limits[server] = worker.busy[server] + free - SPARE
            self.clock.ring(worker.wake)
            yield EVERY

    def _one(self, worker: _Worker, number: int, server: int, times: float) -> Process:
        """Take one company along its revisions."""
        pause = 0.5
        while self.connections[server] >= self.site.max_connections - RESERVED:
            worker.limits[server] = max(1, worker.busy[server] - 1)
            yield pause * self.random.uniform(0.5, 1.5)
            pause = min(2 * pause, 4.0)
        self.connections[server] += 1
        self.most[server] = max(self.most[server], self.connections[server])
        began, cost = self.clock.now, self.company
        yield from self._python(worker, cost.worker * times / 2)
        yield self.servers[server], cost.server * times
        yield cost.wait * times + ROUND_TRIPS * self.site.latency
        yield from self._python(worker, cost.worker * times / 2)
        self.connected[server] += self.clock.now - began
        self.connections[server] -= 1
        worker.busy[server] -= 1
        self.taken[number] += 1
        self.clock.ring(worker.wake)
        yield from self._central(worker, self.recording.outcome.server, statements=0)

    # What they are made of

    def _python(self, worker: _Worker, seconds: float) -> Process:
        yield worker.python
        worker.python.used += seconds
        yield worker.cores, seconds
        self.clock.give_back(worker.python)

    def _central(self, worker: _Worker, seconds: float, *, statements: float) -> Process:
        """Ask the central database, which is on the main server."""
        yield self.servers[0], seconds
        self.ledger += seconds
        if self.site.latency:
            yield statements * self.site.latency

    def _read(self, worker: _Worker, statement: str, *, beyond: bool = False) -> Process:
        """Have a statement read of all companies; `beyond` counts only what it takes more than with the fewest."""
        cost = self.recording.of_ledger(statement, self.site.companies)
        less = self.recording.of_ledger(statement, 0) if beyond else Cost(worker=0.0, server=0.0)
        yield from self._central(worker, cost.server - less.server, statements=2)
        yield from self._python(worker, cost.worker - less.worker)

    def _asked_of_all(self, worker: _Worker, question: str) -> Process:
        """Ask each server a question that it answers from its catalog: the more databases, the longer it takes."""
        cost = self.recording.of_ledger(question, self.site.companies // self.site.servers)
        for server in self.servers:
            yield server, cost.server
            self.ledger += cost.server / len(self.servers)
            yield from self._python(worker, cost.worker)

    def _between(self, worker: _Worker, work: Process) -> Process:
        began = self.clock.now
        yield from work
        worker.between += self.clock.now - began

    def _utilisation(self, seconds: float) -> dict[str, float]:
        main, python = self.servers[0], [worker.python for worker in self.workers]
        takers = zip(self.connections, self.connected, strict=True)
        mine = self.ledger > main.used / 2
        return {
            "central ledger": (main.used if mine else self.ledger) / (main.capacity * seconds),
            "database CPU": max(server.utilisation(seconds) for server in self.servers),
            "the worker's Python": max(one.utilisation(seconds) for one in python),
            "Prefect's server": self.prefect.utilisation(seconds),
            "connections": max(own + used / seconds for own, used in takers) / (self.site.max_connections - RESERVED),
        }
