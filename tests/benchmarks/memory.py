"""Peak memory of a runner: `python -m tests.benchmarks.memory ID ...` migrates these companies and tells its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mpm_ops import Company, Ops, Policy, Status
from tests.benchmarks.comparison import AtMost, Comparison
from tests.benchmarks.fleet import WORKERS, Fleet
from tests.benchmarks.surroundings import surroundings

FEW = 20


def compare(fleet: Fleet) -> Comparison:
    """The whole fleet against 20 of it, ten revisions behind, each by a process of its own; in MB."""
    few, all_ = (_peak(fleet, chosen) for chosen in (fleet.companies[:FEW], fleet.companies))
    return Comparison(
        what=f"peak memory of a run over {len(fleet.companies)} companies",
        against=f"over {FEW}",
        target=AtMost(1.2),
        ours=all_,
        other=few,
        unit="MB",
    )


def _peak(fleet: Fleet, chosen: Sequence[Company]) -> float:
    """Return the peak memory in MB of a process that migrates `chosen`."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", *(str(company.id) for company in chosen)]
    done = subprocess.run(
        command, env=surroundings(fleet.ops), cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    fleet.undo(chosen)
    return float(done.stdout)


def peak_of_this_process() -> float:
    """Return the most memory that this process ever had, in MB.

    Linux counts into `ru_maxrss` what the parent had when it started this process, so there the kernel's own high
    water mark of this program is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024 / (1024 if sys.platform == "darwin" else 1)


def main() -> None:
    """Migrate the companies named by id, and print the peak."""
    ids = [int(argument) for argument in sys.argv[1:]]
    with Ops() as ops:
        report = ops.migrate_tenant(ids, policy=Policy(workers=WORKERS))
    assert report.counts[Status.DONE] == len(ids), report
    sys.stdout.write(f"{peak_of_this_process()}\n")


if __name__ == "__main__":
    main()
