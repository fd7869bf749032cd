"""Record what the replay in `scaling` is made of: real shared runs on a server of their own.

`python -m tests.benchmarks.recording` writes `recorded.json`; it takes some minutes, and wants a quiet machine: CPU is
counted by process, but what others do shows in the seconds.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
from pydantic import SecretStr

from mpm_ops import FleetReport, Ops, Settings
from mpm_ops.postgres.embedded import EmbeddedServer
from tests.benchmarks import recorded
from tests.benchmarks.fleet import REVISIONS, Fleet
from tests.benchmarks.prefect_tasks import task_cost
from tests.benchmarks.recorded import Cost, Recording, SharedRun
from tests.benchmarks.recorded_ledger import catalog_costs, ledger_costs
from tests.benchmarks.recorder import BATCH, COMPANIES, Recorder, Spent

THREADS = 8
#: A run is measured again while others had more than this share of the machine's CPU meanwhile; so often at most.
QUIET, ROUNDS = 0.04, 6
#: Companies that are a batch each: nearly all of what those cost is the batches' own.
ALONE = 12


def quietest(measure: Callable[[], tuple[Spent, Spent, FleetReport]]) -> tuple[Spent, Spent, FleetReport]:
    """Measure until others left the machine alone, or often enough; return the round in which they did most."""
    found = [measure()]
    while found[-1][1].others > QUIET and len(found) < ROUNDS:
        found.append(measure())
    return min(found, key=lambda one: one[1].others)


def record(ops: Ops, postmaster: int, scratch: Path) -> Recording:
    """Measure all of it, in an installation that has no companies yet."""
    few = catalog_costs(ops)
    fleet = Fleet(ops, scratch, COMPANIES)
    catalog = {name: {0: few[name], COMPANIES: cost} for name, cost in catalog_costs(ops).items()}
    recorder = Recorder(fleet, postmaster)
    single = quietest(lambda: recorder.run(threads=THREADS, batch=1, companies=ALONE))[0]
    taken: dict[int, tuple[Spent, Spent, FleetReport]] = {
        threads: quietest(lambda threads=threads: recorder.run(threads=threads))  # type: ignore[misc]  # bound
        for threads in (1, 2, 4, THREADS)
    }
    # A batch of one is a batch and a company; a batch of fifty is a batch and fifty: two equations.
    batches, many = COMPANIES // BATCH, taken[THREADS][0]
    company = {threads: _company(spent, report, single) for threads, (spent, _, report) in taken.items()}
    batch = Cost(
        worker=single.worker / ALONE - company[THREADS].worker,
        server=single.server / ALONE - company[THREADS].server,
        wait=max(0.0, (single.seconds - single.worker - single.server) / ALONE - company[1].wait),
        statements=single.statements / ALONE,
    )
    seconds = [outcome.seconds for outcome in taken[1][2].outcomes]
    mean = statistics.fmean(seconds)
    runs = [
        SharedRun(
            companies=COMPANIES,
            batch=BATCH,
            processes=1,
            threads=threads,
            seconds=taken[threads][1].seconds,
            others=taken[threads][1].others,
        )
        for threads in taken
    ]
    runs += [min((recorder.run_by(2, threads=4) for _ in range(ROUNDS // 2)), key=lambda run: run.others)]
    return Recording(
        circumstances=circumstances(),
        company=company,
        spread=[one / mean for one in seconds],
        batch=batch,
        outcome=Cost(worker=0.0, server=many.outcomes / COMPANIES, statements=many.statements / batches / BATCH),
        ledger={**ledger_costs(fleet.ops.settings, scratch), **catalog},
        task=task_cost(scratch),
        runs=runs,
    )


def _company(spent: Spent, report: FleetReport, single: Spent) -> Cost:
    """Return the cost of one company, of a run in batches of fifty and one in batches of one."""
    batches = COMPANIES // BATCH

    def slope(many: float, one: float) -> float:
        """Solve `batches * b + COMPANIES * c = many` and `b + c = one` for c."""
        return (many - batches * one) / (COMPANIES - batches)

    worker = slope(spent.worker, single.worker / ALONE)
    server = slope(spent.server, single.server / ALONE)
    mean = statistics.fmean(outcome.seconds for outcome in report.outcomes)
    return Cost(worker=worker, server=server, wait=max(0.0, mean - worker - server))


def circumstances() -> dict[str, object]:
    """Return what the figures were measured with."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "load": round(os.getloadavg()[1], 1),
        "python": platform.python_version(),
        "companies": COMPANIES,
        "revisions": len(REVISIONS),
        "batch": BATCH,
        "threads": THREADS,
    }


def main() -> None:
    """Record on an embedded server of its own, and write the file."""
    home = Path(tempfile.mkdtemp(prefix="mpm_bench_"))
    home.chmod(0o711)
    embedded = EmbeddedServer(home)
    url = embedded.start()
    settings = Settings(
        database_url=SecretStr(url),
        home=home,
        prefix="bench_",
        central_database="bench_central",
        bcrypt_rounds=4,
        workers=THREADS,
    )
    try:
        with Ops(settings) as ops, ops._installation.server.connect("postgres") as connection:
            connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        embedded.stop()
        embedded.start()
        with Ops(settings) as ops:
            ops.migrate()
            with ops._installation.server.connect(settings.central_database) as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
            (pid,) = [int(file.read_text().split()[0]) for file in home.rglob("postmaster.pid")]
            recorded.save(record(ops, pid, home))
    finally:
        embedded.stop()
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
