"""What Prefect adds to a migration: the flow on a server of its own against the command, and what is to take in."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.comparison import AtMost, Comparison, milliseconds
from tests.benchmarks.fleet import WORKERS, Fleet
from tests.benchmarks.surroundings import surroundings

#: Seconds that a server may take to start, and to take in what a run has told it.
START, TAKE_IN = 120.0, 60.0
ROUNDS = 3
ROOT = Path(__file__).parents[2]


def compare(fleet: Fleet) -> Iterator[Comparison]:
    """The best of some rounds, taking turns; starting Prefect's server is not counted, starting Python is for both."""
    flows, commands, reports, tasks, backlogs = [], [], [], [], []
    with served(fleet.scratch) as (api, environment):
        for _ in range(ROUNDS):
            flow = carried_out(fleet, api, environment)
            flows.append(flow["milliseconds"])
            tasks.append(flow["tasks"])
            backlogs.append(flow["backlog"])
            fleet.undo(fleet.companies)
            command, report = by_command(fleet, environment)
            commands.append(command)
            reports.append(command + report)
            fleet.undo(fleet.companies)
    what = "migrate by Prefect, the flow from its first word to its last"
    yield Comparison(
        what=what,
        against="`mpm-ops migrate-tenant` (best of three turns)",
        ours=min(flows),
        other=min(commands),
        target=AtMost(1.1),
    )
    yield Comparison(
        what=what,
        against="the same with its report, `mpm-ops run ID --report html`",
        ours=min(flows),
        other=min(reports),
        target=AtMost(),
    )
    yield Comparison(what="… its task runs", against="20", ours=max(tasks), other=20, unit="", target=AtMost(1))
    yield Comparison(
        what="… seconds until Prefect's server has all of them",
        against="5 s",
        ours=max(backlogs),
        other=5,
        unit="s",
        target=AtMost(1),
    )


@contextmanager
def served(scratch: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Lend a Prefect server: its API's address, and the environment that makes flows use it."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        "PREFECT_API_URL": api,
        "PREFECT_HOME": str(scratch / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, **quiet) as server:  # type: ignore[call-overload]  # of its own
        try:
            until(lambda: _answers(api), START)
            yield api, environment
        finally:
            server.terminate()
            server.wait(30)


def carried_out(fleet: Fleet, api: str, environment: Mapping[str, str]) -> dict[str, float]:
    """Migrate the fleet by the flow; return its own time, its task runs, and how long the server took to have them."""
    policy = json.dumps({"workers": WORKERS})
    command = [sys.executable, "flows/migrate_companies.py", "--policy", policy]
    done = subprocess.run(
        command, cwd=ROOT, env={**surroundings(fleet.ops), **environment}, capture_output=True, text=True
    )
    ended = time.monotonic()
    assert done.returncode == 0, done.stderr[-2000:]
    (run,) = asked(api, "/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})
    number = int(run["state"]["message"].split(",")[0].removeprefix("run "))
    assert fleet.ops.run(number).ok
    mine = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    over = {**mine, "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}

    def taken_in() -> bool:
        known = asked(api, "/task_runs/count", over)
        return bool(known >= 2 + len(fleet.companies) // 50 and known == asked(api, "/task_runs/count", mine))

    until(taken_in, TAKE_IN)
    return {
        "milliseconds": 1000 * asked(api, f"/flow_runs/{run['id']}")["total_run_time"],
        "tasks": asked(api, "/task_runs/count", mine),
        "backlog": time.monotonic() - ended,
    }


def by_command(fleet: Fleet, environment: Mapping[str, str]) -> tuple[float, float]:
    """Migrate the fleet by the command, and write its report; return the milliseconds of each."""
    mpm_ops = str(Path(sys.executable).with_name("mpm-ops"))
    variables = {**surroundings(fleet.ops), **environment}
    quiet: dict[str, Any] = {"check": True, "capture_output": True, "env": variables}
    migrated = milliseconds(lambda: subprocess.run([mpm_ops, "migrate-tenant", "--workers", str(WORKERS)], **quiet))
    number = str(fleet.ops.runs(limit=1)[0].id)
    return migrated, milliseconds(lambda: subprocess.run([mpm_ops, "run", number, "--report", "html"], **quiet))


def asked(api: str, path: str, data: dict[str, Any] | None = None) -> Any:
    """Ask Prefect's API, and return its answer."""
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(f"{api}{path}", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def _answers(api: str) -> bool:
    try:
        asked(api, "/health")
    except OSError:
        return False
    return True
