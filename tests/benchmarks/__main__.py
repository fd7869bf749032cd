"""`make bench`: ratios, each measured side by side with what it is compared to, in one run."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from mpm_ops import Company, Ops, Settings
from mpm_ops.companies.template import ensure_template
from mpm_ops.postgres import databases
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.schema.plan import Plan
from tests.benchmarks import memory, others
from tests.benchmarks.fleet import Fleet, opening, write_revisions
from tests.benchmarks.growth import draw

ROUNDS = 20


class Row(NamedTuple):
    """One comparison: ours, and what it is compared to; in milliseconds where the name says nothing else."""

    name: str
    ours: float
    #: None when it cannot be had here.
    other: float | None
    target: str


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def company(number: int) -> dict[str, Any]:
    """Return what a registration asks for."""
    return {
        "name": f"Company {number}",
        "email": f"{number}@example.com",
        "admin_email": f"admin-{number}@example.com",
        "admin_password": "correct horse",
    }


def registration(ops: Ops) -> tuple[str, float, float]:
    """Median of 20: registering a company, against a bare copy of the same template; taken in turns.

    Hashing of the password is not counted (it runs beside the copy, and takes what its cost setting says): the
    cheapest setting is used.
    """
    installation = ops._installation
    ours, bare = [], []
    with installation.central() as connection:
        template = ensure_template(installation, connection)
        for number in range(ROUNDS):
            name = f"{ops.settings.prefix}bare_{number}"
            owner = ops.settings.owner_role
            bare.append(seconds(partial(databases.create, connection, name, owner=owner, template=template)))
            ours.append(seconds(partial(ops.register, **company(number))))
    return "register a company / CREATE DATABASE TEMPLATE", statistics.median(ours), statistics.median(bare)


def fleet_rows(ops: Ops, scratch: Path, size: int) -> list[Row]:
    """The same ten revisions over the same companies by each contender; best of two rounds, samples extrapolated."""
    companies = [ops.register(**company(number)) for number in range(1000, 1000 + size)]
    head = ops.tenant_revisions()[-1].id
    base = ops._installation.tenant_tree.upgrade_plan(())
    write_revisions(ops.settings.own_tenant_migrations, head)
    ops.forget_revisions()
    fleet = Fleet(ops, companies, scratch)
    ours = fleet.measure(fleet.ours, rounds=3)
    rows = [
        Row("migrate / raw psycopg threads", ours, fleet.measure(fleet.raw, rounds=3), "<= 1.25"),
        Row("migrate / psql by xargs -P 4", ours, fleet.measure(fleet.psql, rounds=2), "<= 1.1"),
    ]
    for name, contender, sample, target in (
        ("Alembic loop in process", fleet.alembic_loop, 40, "<= 0.2"),
        ("alembic processes, one by one", partial(fleet.alembic_processes, at_once=1), 6, "<= 0.04"),
        ("alembic processes, xargs -P 4", partial(fleet.alembic_processes, at_once=4), 12, "<= 0.067"),
    ):
        rows.append(Row(f"migrate / {name}", ours, fleet.measure(contender, sample=min(size, sample)), target))
    rows += other_rows(fleet, base, ours)
    growth(fleet)
    rows.append(memory_row(fleet))
    fleet.ours(companies)
    return rows + idle_rows(ops, companies)


def other_rows(fleet: Fleet, base: Plan, ours: float) -> list[Row]:
    """Other tools of the field; one that cannot be had is told."""
    size = min(len(fleet.companies), 60)
    schemas = others.by_django_tenants(fleet, base, size=size) if others.has_django_tenants() else None
    program = others.dbmate(fleet.scratch)
    by_dbmate, undo = partial(others.by_dbmate, fleet, program), partial(others.drop_versions, fleet)
    return [
        Row(f"migrate / django-tenants, multiprocessing ({size} schemas)", ours, schemas, "<= 0.167"),
        Row("migrate / dbmate by xargs -P 4", ours, fleet.measure(by_dbmate, undo=undo) if program else None, "< 1"),
    ]


def growth(fleet: Fleet) -> None:
    """Draw how a run grows with the number of companies, ours and raw psycopg's; nothing is compared."""
    sizes = [size for size in (25, 50, 100, 200) if size <= len(fleet.companies)]
    contenders = {"mpm-ops migrate-tenant": fleet.ours, "raw psycopg threads, the same SQL": fleet.raw}
    draw(
        sizes,
        {
            name: [fleet.measure(contender, sample=size) * size / 1000 for size in sizes]
            for name, contender in contenders.items()
        },
    )


def memory_row(fleet: Fleet) -> Row:
    """Peak memory of a process that migrates all companies, against one that migrates a tenth of them."""
    few, all_ = fleet.companies[: max(1, len(fleet.companies) // 10)], fleet.companies
    peaks = []
    for chosen in (few, all_):
        peaks.append(memory.peak(fleet.ops.settings, [company.id for company in chosen]))
        fleet.check_and_undo(chosen)
    return Row(f"peak MiB of a run over {len(all_)} companies / over {len(few)}", peaks[1], peaks[0], "<= 1.2")


def idle_rows(ops: Ops, companies: Sequence[Company]) -> list[Row]:
    """A run with nothing to do, and a check for drift, against opening all connections; medians, taken in turns."""
    few = [one.id for one in companies[:10]]
    idle, small, opened, drift = [], [], [], []
    sessions = sessions_of(ops, companies)
    for _ in range(15):
        idle.append(seconds(partial(ops.migrate_tenant)))
        small.append(seconds(partial(ops.migrate_tenant, few)))
    assert sessions_of(ops, companies) == sessions, "a run with nothing to do opened a company's database"
    for _ in range(5):
        opened.append(opening(ops, companies))
        drift.append(seconds(lambda: clean(ops)))
    idle_, small_, opened_, drift_ = (statistics.median(one) * 1000 for one in (idle, small, opened, drift))
    what = f"nothing to do, {len(companies)} companies"
    return [
        Row(f"{what} / opening their connections", idle_, opened_, "<= 0.05"),
        Row(f"{what} / 10 companies", idle_, small_, "<= 2"),
        Row(f"drift of {len(companies)} companies / opening their connections", drift_, opened_, "<= 2"),
    ]


def clean(ops: Ops) -> None:
    """Check for drift, of which there is none."""
    found = ops.drift()
    assert all(one.clean for one in found), next(one for one in found if not one.clean)


def sessions_of(ops: Ops, companies: Sequence[Company]) -> int:
    """Return how many sessions the companies' databases have had; those that have just ended may be missing."""
    names = [company.database for company in companies]
    with ops._installation.central() as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        query = "SELECT sum(sessions)::bigint FROM pg_stat_database WHERE datname = ANY(%s)"
        row = connection.execute(query, [names]).fetchone()
        return int(row[0]) if row else 0


def print_table(rows: Sequence[Row], *, size: int) -> None:
    """Print the comparisons, and which of them miss their target."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    title = f"{os.cpu_count()} cores, {size} companies; milliseconds (of migrate: per company)"
    table = Table("what", "ours", "compared", "ratio", "must be", title=title)
    missed = []
    for row in rows:
        if row.other is None:
            table.add_row(row.name, f"{row.ours:.1f}", "not installed", "", row.target)
            continue
        ratio = row.ours / row.other
        if ratio > float(row.target.strip("<= ")):
            missed.append(row.name)
        table.add_row(row.name, f"{row.ours:.1f}", f"{row.other:.1f}", f"{ratio:.3g}", row.target)
    console.print(table)
    console.print("All targets are met." if not missed else f"Missed: {'; '.join(missed)}")


def main() -> None:
    """Run the benchmarks on a server of their own, with real fsync, and print the table."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    home = Path(tempfile.mkdtemp(prefix="mpm_bench_"))
    home.chmod(0o711)
    embedded = EmbeddedServer(home)
    url = os.environ.get("MPM_OPS_TEST_DATABASE_URL") or embedded.start()
    settings = Settings(
        database_url=SecretStr(url), home=home, prefix="bench_", central_database="bench_central", bcrypt_rounds=4
    )
    try:
        with Ops(settings) as ops:
            ops.migrate()
            with ops._installation.central() as connection:
                assert connection.execute("SHOW fsync").fetchone() == ("on",)
            name, ours, other = registration(ops)
            rows = [Row(name, ours * 1000, other * 1000, "<= 2"), *fleet_rows(ops, home, size)]
            print_table(rows, size=size)
    finally:
        embedded.stop()
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
