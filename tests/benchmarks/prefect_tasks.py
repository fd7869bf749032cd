"""What a task costs Prefect: its own time in the flow's process, and its server's to take in what it tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from tests.benchmarks.recorded import Cost
from tests.flows.site import Site
from tests.notebooks.driving import until

FEW, MANY = 10, 110
_FLOW = """
import sys, time
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

@task(cache_policy=NO_CACHE)
def nothing():
    pass

@flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
def tasks(number: int):
    began, cpu = time.monotonic(), time.process_time()
    wait([nothing.submit() for _ in range(number)])
    print(time.monotonic() - began, time.process_time() - cpu, flush=True)

tasks(int(sys.argv[1]))
"""


def task_cost(scratch: Path) -> Cost:
    """Return the cost of one task that does nothing: of a flow with many and one with few."""
    with Site(scratch, {}) as site:
        server = psutil.Process().children()[-1]
        (few_seconds, few_cpu, few_server) = _flow(FEW, site, server)
        (many_seconds, many_cpu, many_server) = _flow(MANY, site, server)
    more = MANY - FEW
    worker = (many_cpu - few_cpu) / more
    return Cost(
        worker=worker,
        server=(many_server - few_server) / more,
        wait=max(0.0, (many_seconds - few_seconds) / more - worker),
    )


def _flow(tasks: int, site: Site, server: psutil.Process) -> tuple[float, float, float]:
    """Return a flow's seconds, its CPU and its server's, when the server has taken in all of it."""
    known = site.asked("/task_runs/count", {})
    before = _cpu(server)
    command = [sys.executable, "-c", _FLOW, str(tasks)]
    done = subprocess.run(command, env=site.environment, capture_output=True, text=True, check=True, timeout=300)
    over = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    until(lambda: site.asked("/task_runs/count", over) >= known + tasks, seconds=120)
    seconds, cpu = done.stdout.split()[-2:]
    return float(seconds), float(cpu), _cpu(server) - before


def _cpu(process: psutil.Process) -> float:
    """Return the CPU that a process and those that it started have had."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))
