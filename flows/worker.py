"""A Prefect worker that stops when it is asked to: what systemd, a container and `make ui` start.

`prefect worker start` of Prefect 3.8.8 does not. At SIGTERM it cancels itself, which at times kills its runs without
a word to the server and at times leaves it there for ever, even without a run; a second SIGTERM kills it and leaves
its runs behind, alive. So here the same worker is driven by hand. On SIGTERM or Ctrl-C it takes no further run; those
under way have `--patience` seconds to end; then they are asked to, and say that they crashed. A second signal ends
the patience.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

import psutil
from prefect.workers.process import ProcessWorker

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

#: Seconds without a process until a worker that takes no more runs is idle for sure: it may have been starting one.
QUIET = 3
#: Seconds that a run has to tell the server that it crashed; measured: 2.
LAST = 10
#: Seconds for the worker to say good-bye; when it cannot, nothing is lost.
FAREWELL = 3


class Stoppable(ProcessWorker):
    """A process worker that can be told to take no further run."""

    stopping = False

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Start the runs that are due, unless it is stopping."""
        return [] if self.stopping else await super().get_and_submit_flow_runs()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until a signal comes; return 0 then, or 1 when it ended by itself."""
    parser = argparse.ArgumentParser(description="A Prefect worker that stops when it is asked to.")
    parser.add_argument("--pool", default="mpm-ops", help="The work pool, of type process, that it serves.")
    parser.add_argument("--name", help="Its name; without one that of the machine.")
    parser.add_argument("--limit", type=int, help="Runs at the same time, at most.")
    parser.add_argument("--patience", type=float, default=900, help="Seconds for runs under way to end.")
    parser.add_argument("--with-healthcheck", action="store_true", help="Answer on PREFECT_WORKER_WEBSERVER_PORT.")
    options = parser.parse_args(arguments)
    name = options.name or f"{socket.gethostname()} {os.getpid()}"
    worker = Stoppable(work_pool_name=options.pool, name=name, limit=options.limit)
    return asyncio.run(_serve(worker, patience=options.patience, healthcheck=options.with_healthcheck))


async def _serve(worker: Stoppable, *, patience: float, healthcheck: bool) -> int:
    """Let the worker work until somebody says stop, then let it end what it has begun."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, lambda: hurry.set() if stop.is_set() else stop.set())
    working = asyncio.create_task(worker.start(with_healthcheck=healthcheck, printer=_say))
    await asyncio.wait({working, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        working.result()  # why
        return 1
    worker.stopping = True
    _say(f"Stopping: no further run is taken, those under way have {patience:g} s.")
    end = time.monotonic() + patience
    while not await _idle(hurry) and time.monotonic() < end and not hurry.is_set():
        await asyncio.sleep(0.5)
    await _end_runs()
    working.cancel()
    await asyncio.wait({working}, timeout=FAREWELL)
    _say("Stopped.")
    # Not by returning: what it may hang in would be waited for.
    os._exit(0)


async def _idle(hurry: asyncio.Event) -> bool:
    """Whether there has been no run for a while."""
    quiet = time.monotonic() + QUIET
    while time.monotonic() < quiet and not hurry.is_set():
        if _runs():
            return False
        await asyncio.sleep(0.2)
    return True


async def _end_runs() -> None:
    """Ask the runs to end, which they tell the server; kill what is left of them, and of what they started."""
    runs = _runs()
    family = [*runs, *(child for run in runs for child in _children(run))]
    for run in runs:
        _say(f"Ending the run of process {run.pid}.")
        _send(run, signal.SIGTERM)
    end = time.monotonic() + LAST
    while any(process.is_running() for process in family) and time.monotonic() < end:
        await asyncio.sleep(0.1)
    for left in family:
        _send(left, signal.SIGKILL)


def _runs() -> list[psutil.Process]:
    """Return the processes of the runs: this one has no other children."""
    return _children(psutil.Process(), recursive=False)


def _children(process: psutil.Process, *, recursive: bool = True) -> list[psutil.Process]:
    try:
        found = process.children(recursive=recursive)
    except psutil.NoSuchProcess:
        found = []
    return [child for child in found if child.is_running()]


def _send(process: psutil.Process, sign: signal.Signals) -> None:
    """Send a signal; psutil sees to it that no other process has taken the number meanwhile."""
    try:
        process.send_signal(sign)
    except psutil.NoSuchProcess:
        return


def _say(text: str, **_: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
