"""What is replayed, and how it went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mpm_ops import Policy

#: From this share of use on, something is what the run waits for.
BUSY = 0.75
#: A run has all connections that it may have from this share on.
ALL_TAKEN = 0.9
_OWN = "connections"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What a run is carried out with."""

    companies: int
    workers: int = 1
    servers: int = 1
    #: Companies in a batch; None is as many as the flow takes.
    batch: int | None = None
    threads: int = Policy().workers
    worker_cores: int = 2
    server_cores: int = 4
    max_connections: int = 100
    #: Seconds of a round trip between a worker and a server.
    latency: float = 0.0
    #: Whether workers and servers share one machine, that of the recording, and no Prefect is there.
    together: bool = False
    #: The share of that machine's CPU that others have meanwhile.
    others: float = 0.0
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """How a run went. Utilisations are shares of what there is, of the busiest of its kind."""

    site: Site
    seconds: float
    #: How often each company was taken along.
    taken: Counter[int]
    #: Connections in use at the same time, at most, by server.
    connections: list[int]
    #: Tasks of Prefect's, and those of them that found no batch free.
    tasks: int
    empty: int
    #: Of what can be full.
    utilisation: dict[str, float]
    #: Of the workers' time: the threads that were at companies, and the part in which it was no company's turn.
    threads: float
    between: float
    #: Seconds after the end until Prefect's server knows all of it.
    behind: float

    @property
    def bottleneck(self) -> tuple[str, float]:
        """What the run waits for, and how much of it is used.

        Threads and connections are in use while they wait for something that is full: they count when nothing is, or
        when none is left. Prefect's server keeps nobody waiting; it is late, see `behind`.
        """
        waited = {name: used for name, used in self.utilisation.items() if name not in ("Prefect's server", _OWN)}
        full = max(waited.items(), key=lambda one: one[1])
        if full[1] < BUSY and self.utilisation.get(_OWN, 0.0) > ALL_TAKEN:
            return _OWN, self.utilisation[_OWN]
        if full[1] >= BUSY:
            return full
        return max([("worker threads", self.threads), ("between batches", self.between), full], key=lambda one: one[1])
