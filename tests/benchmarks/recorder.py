"""Measures shared runs of one fleet: seconds, and whose CPU it was."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from mpm_ops import FleetReport, Hooks, Policy
from mpm_ops.companies.member import RunMember
from tests.benchmarks.fleet import Fleet
from tests.benchmarks.recorded import SharedRun
from tests.benchmarks.surroundings import surroundings

COMPANIES, BATCH = 200, 50
_MEMBER = """
import sys
import mpm_ops
with mpm_ops.connect() as ops, ops.join_run(int(sys.argv[1])) as member:
    sys.stdin.readline()
    while member.take(mpm_ops.Hooks()):
        pass
"""


@dataclass
class Spent:
    """What a block took: seconds, CPU of this process and of the database server, statements in the central one."""

    seconds: float = 0.0
    worker: float = 0.0
    server: float = 0.0
    statements: float = 0.0
    #: Seconds of CPU that the central database's statements took, all of them, and those that write outcomes.
    central: float = 0.0
    outcomes: float = 0.0
    #: The share of the machine's CPU that was others'.
    others: float = 0.0


class Recorder:
    """Measures shared runs of one fleet."""

    def __init__(self, fleet: Fleet, postmaster: int) -> None:
        self.fleet = fleet
        self.postmaster = psutil.Process(postmaster)

    @contextmanager
    def spent(self) -> Iterator[Spent]:
        """Measure a block; what it took is known at its end."""
        found = Spent()
        self._central("SELECT pg_stat_statements_reset()")
        began, idle, server, worker = time.monotonic(), _idle(), self._server_seconds(), time.process_time()
        yield found
        found.seconds = time.monotonic() - began
        found.worker = time.process_time() - worker
        found.server = self._server_seconds() - server
        machine = found.seconds * (os.cpu_count() or 1)
        found.others = max(0.0, 1 - (_idle() - idle + found.worker + found.server) / machine)
        found.statements, found.central, found.outcomes = self._central(
            "SELECT sum(calls)::float8, sum(total_exec_time) / 1000, "
            "coalesce(sum(total_exec_time) FILTER (WHERE query ~ 'UPDATE ops.outcomes'), 0) / 1000 "
            "FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    def run(self, *, threads: int, batch: int = BATCH, companies: int = COMPANIES) -> tuple[Spent, Spent, FleetReport]:
        """Carry out a shared run and undo it; return what its batches took, what all of it took, and its account."""
        chosen = self.fleet.companies[:companies]
        self.fleet._settle()
        with self.spent() as whole, self.share(threads, batch, companies) as leader:
            with self.spent() as taken:
                while leader.take(Hooks()):
                    pass
            report = leader.end()
        assert report.ok, report.failed[0]
        self.fleet.undo(chosen)
        return taken, whole, report

    def share(self, threads: int, batch: int, companies: int) -> RunMember:
        """Write a shared run of the first companies."""
        ids = [company.id for company in self.fleet.companies[:companies]]
        return self.fleet.ops.share_run(ids, policy=Policy(workers=threads), batch=batch)

    def run_by(self, processes: int, *, threads: int) -> SharedRun:
        """Carry out a shared run by several processes, all of them started before; returns how long it took."""
        self.fleet._settle()
        began = time.monotonic()
        with self.share(threads, BATCH, COMPANIES) as leader:
            written = time.monotonic() - began
            command = [sys.executable, "-c", _MEMBER, str(leader.run_id)]
            others = [
                subprocess.Popen(command, env=surroundings(self.fleet.ops), stdin=subprocess.PIPE)
                for _ in range(processes - 1)
            ]
            _joined(leader, self.fleet, processes)
            before = [psutil.Process(one.pid).cpu_times() for one in others]
            began, idle, cpu = time.monotonic(), _idle(), self._server_seconds() + sum(os.times()[:4])
            for one in others:
                assert one.stdin
                one.stdin.close()
            while leader.take(Hooks()):
                pass
            for one in others:
                assert one.wait(120) == 0
            report = leader.end()
        seconds = time.monotonic() - began
        # What the others had before they began is in the account of processes that have ended.
        cpu += sum(one.user + one.system for one in before)
        ours = self._server_seconds() + sum(os.times()[:4]) - cpu
        left = 1 - (_idle() - idle + ours) / (seconds * (os.cpu_count() or 1))
        assert report.ok, report.failed[0]
        self.fleet.undo(self.fleet.companies)
        return SharedRun(
            companies=COMPANIES,
            batch=BATCH,
            processes=processes,
            threads=threads,
            seconds=written + seconds,
            others=max(0.0, left),
        )

    def _server_seconds(self) -> float:
        """Return the CPU that the server's processes have had, those that are gone too."""
        for _ in range(100):
            with suppress(psutil.NoSuchProcess):  # its CPU has become its parent's meanwhile
                mine = self.postmaster.cpu_times()
                children = [child.cpu_times() for child in self.postmaster.children()]
                own = mine.user + mine.system + mine.children_user + mine.children_system
                return float(own + sum(child.user + child.system for child in children))
        raise AssertionError("the server's processes come and go")

    def _central(self, query: str) -> tuple[float, ...]:
        with self.fleet.server.connect(self.fleet.ops.settings.central_database) as connection:
            return tuple(connection.execute(query.encode()).fetchone() or ())


def _joined(leader: RunMember, fleet: Fleet, processes: int) -> None:
    """Wait until so many processes hold the run's lock."""
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted"
    until = time.monotonic() + 60
    with fleet.server.connect(fleet.ops.settings.central_database) as connection:
        while (connection.execute(query).fetchone() or (0,))[0] < processes:
            assert time.monotonic() < until, "the other processes did not join"
            time.sleep(0.05)


def _idle() -> float:
    """Return the seconds of CPU that nobody has had."""
    times = psutil.cpu_times()
    return float(times.idle + getattr(times, "iowait", 0.0))
