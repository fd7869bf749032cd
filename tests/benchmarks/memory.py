"""The memory that a fleet run takes: a process of its own that migrates so many companies and tells its peak."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Sequence

from mpm_ops import Ops, Policy, Settings


def peak(settings: Settings, ids: Sequence[int]) -> float:
    """Return the peak resident memory, in MiB, of a process that migrates these companies."""
    assert settings.database_url is not None
    variables = {
        **os.environ,
        "MPM_OPS_DATABASE_URL": settings.database_url.get_secret_value(),
        "MPM_OPS_HOME": str(settings.home),
        "MPM_OPS_PREFIX": settings.prefix,
        "MPM_OPS_CENTRAL_DATABASE": settings.central_database,
    }
    command = [sys.executable, "-m", "tests.benchmarks.memory", *map(str, ids)]
    return float(subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Migrate the companies with these ids, and print the peak in MiB."""
    with Ops() as ops:
        report = ops.migrate_tenant([int(one) for one in sys.argv[1:]], policy=Policy(workers=4))
        assert len(report.outcomes) == len(sys.argv) - 1
        assert report.ok, report.failed[0]
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


if __name__ == "__main__":
    main()
