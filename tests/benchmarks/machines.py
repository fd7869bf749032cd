"""What a replayed run is carried out on: workers, database servers and Prefect's, and what it costs to use them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.recorded import Cost, Recording
from tests.benchmarks.replayed import Site
from tests.benchmarks.simulation import Bell, Process, Resource, Simulation

#: Connections that a server keeps for superusers.
RESERVED = 3
#: Of the main server's connections, a worker has so many beside its companies', and one of each server's.
TO_CENTRAL = 3
#: Seconds of a slice in which others have the machine.
_SLICE = 0.01


@dataclass(frozen=True, kw_only=True)
class Due:
    """A company that is to be taken along: where it is, and how long it takes as a multiple of the mean."""

    number: int
    server: int
    times: float


class Worker:
    """A process with its threads; Python runs in one of them at a time."""

    def __init__(self, number: int, cores: Resource, site: Site) -> None:
        self.cores = cores
        self.python = Resource("Python", 1)
        self.leads = number == 0
        #: By server, how many of its companies may be worked on at a time, and how many are.
        self.limits = [site.max_connections] * site.servers
        self.busy = [0] * site.servers
        self.wake = Bell()
        self.in_batch = False
        #: Seconds with something other than companies.
        self.between = 0.0


class Machines:
    """All of them, in one simulated time. Methods that return a process say what is done, and take what it costs."""

    def __init__(self, recording: Recording, site: Site) -> None:
        self.recording, self.site = recording, site
        self.clock = Simulation()
        one = Resource("machine", int(recording.circumstances["cores"]))
        self.servers = [one if site.together else Resource("database", site.server_cores) for _ in range(site.servers)]
        self.prefect = Resource("Prefect", 1)
        self.workers = [
            Worker(number, one if site.together else Resource("worker", site.worker_cores), site)
            for number in range(site.workers)
        ]
        #: In use now, and at most so far, by server.
        self.connections = [site.workers * (1 + (TO_CENTRAL if not server else 0)) for server in range(site.servers)]
        self.most = list(self.connections)
        #: By server, seconds that companies had a connection.
        self.connected = [0.0] * site.servers
        #: Seconds of the main server's CPU that were the ledger's.
        self.ledger = 0.0
        #: When Prefect's server knew all that it had been told.
        self.taken_in = 0.0
        self.over = False

    def python(self, worker: Worker, seconds: float) -> Process:
        """Let a worker compute."""
        yield worker.python
        worker.python.used += seconds
        yield worker.cores, seconds
        self.clock.give_back(worker.python)

    def central(self, seconds: float, *, statements: float) -> Process:
        """Ask the central database, which is on the main server."""
        yield self.servers[0], seconds
        self.ledger += seconds
        if self.site.latency:
            yield statements * self.site.latency

    def read(self, worker: Worker, *statements: str, beyond: bool = False) -> Process:
        """Read of the ledger; `beyond` counts only what it takes more than with the fewest companies."""
        for statement in statements:
            cost = self.recording.of_ledger(statement, self.site.companies)
            less = self.recording.of_ledger(statement, 0) if beyond else Cost(worker=0.0, server=0.0)
            yield from self.central(cost.server - less.server, statements=2)
            yield from self.python(worker, cost.worker - less.worker)

    def ask_all(self, worker: Worker, question: str) -> Process:
        """Ask each server a question that it answers from its catalog: the more databases, the longer it takes."""
        cost = self.recording.of_ledger(question, self.site.companies // self.site.servers)
        for server in self.servers:
            yield server, cost.server
            self.ledger += cost.server / len(self.servers)
            yield from self.python(worker, cost.worker)

    def between(self, worker: Worker, work: Process) -> Process:
        """Do some work while it is no company's turn."""
        began = self.clock.now
        yield from work
        worker.between += self.clock.now - began

    def tell_prefect(self) -> Process:
        """Have Prefect's server take in what a task tells; nobody waits for that."""
        yield self.prefect, self.recording.task.server
        self.taken_in = self.clock.now

    def others(self) -> Process:
        """Let others have their share of the machine, in slices as the system gives them."""
        machine = self.servers[0]
        while not self.over:
            self.clock.start(_use(machine, self.site.others * machine.capacity * _SLICE))
            yield _SLICE

    def utilisation(self, seconds: float) -> dict[str, float]:
        """Return the share of each kind that was in use in so many seconds, of the busiest."""
        main = self.servers[0]
        takers = zip(self.connections, self.connected, strict=True)
        mine = self.ledger > main.used / 2
        return {
            "central ledger": (main.used if mine else self.ledger) / (main.capacity * seconds),
            "database CPU": max(server.utilisation(seconds) for server in self.servers),
            "the worker's Python": max(worker.python.utilisation(seconds) for worker in self.workers),
            "Prefect's server": self.prefect.utilisation(seconds),
            "connections": max(own + used / seconds for own, used in takers) / (self.site.max_connections - RESERVED),
        }


def _use(resource: Resource, seconds: float) -> Process:
    yield resource, seconds
