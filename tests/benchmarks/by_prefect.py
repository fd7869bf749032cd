"""What Prefect adds to a migration: the flow on a server of its own against the command, and what is to take in."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.comparison import AtMost, Comparison, milliseconds
from tests.benchmarks.fleet import WORKERS, Fleet
from tests.benchmarks.surroundings import surroundings
from tests.flows.site import Site
from tests.notebooks.driving import until

#: Seconds that a server may take to take in what a run has told it.
TAKE_IN = 60.0
ROUNDS = 3
ROOT = Path(__file__).parents[2]


def compare(fleet: Fleet) -> Iterator[Comparison]:
    """The best of some rounds, taking turns; starting Prefect's server is not counted, starting Python is for both."""
    flows, commands, reports, tasks, backlogs = [], [], [], [], []
    with Site(fleet.scratch, surroundings(fleet.ops)) as site:
        for _ in range(ROUNDS):
            flow = carried_out(fleet, site)
            flows.append(flow["milliseconds"])
            tasks.append(flow["tasks"])
            backlogs.append(flow["backlog"])
            fleet.undo(fleet.companies)
            command, report = by_command(fleet, site)
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


def carried_out(fleet: Fleet, site: Site) -> dict[str, float]:
    """Migrate the fleet by the flow; return its own time, its task runs, and how long the server took to have them."""
    policy = json.dumps({"workers": WORKERS})
    command = [sys.executable, "flows/migrate_companies.py", "--policy", policy]
    done = subprocess.run(command, cwd=ROOT, env=site.environment, capture_output=True, text=True)
    ended = time.monotonic()
    assert done.returncode == 0, done.stderr[-2000:]
    (run,) = site.asked("/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})
    number = int(run["state"]["message"].split(",")[0].removeprefix("run "))
    assert fleet.ops.run(number).ok
    mine = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    over = {**mine, "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}

    def taken_in() -> bool:
        known = site.asked("/task_runs/count", over)
        return bool(known >= 2 + len(fleet.companies) // 50 and known == site.asked("/task_runs/count", mine))

    until(taken_in, seconds=TAKE_IN)
    return {
        "milliseconds": 1000 * site.flow_run(run["id"])["total_run_time"],
        "tasks": site.asked("/task_runs/count", mine),
        "backlog": time.monotonic() - ended,
    }


def by_command(fleet: Fleet, site: Site) -> tuple[float, float]:
    """Migrate the fleet by the command, and write its report; return the milliseconds of each."""
    mpm_ops = str(Path(sys.executable).with_name("mpm-ops"))
    quiet: dict[str, Any] = {"check": True, "capture_output": True, "env": site.environment}
    migrated = milliseconds(lambda: subprocess.run([mpm_ops, "migrate-tenant", "--workers", str(WORKERS)], **quiet))
    number = str(fleet.ops.runs(limit=1)[0].id)
    return migrated, milliseconds(lambda: subprocess.run([mpm_ops, "run", number, "--report", "html"], **quiet))
