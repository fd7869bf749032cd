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
from tests.benchmarks.fleet import Fleet, has_psql, opening, write_revisions

ROUNDS = 20


class Row(NamedTuple):
    """One comparison: milliseconds of ours, and of what it is compared to."""

    name: str
    ours: float
    other: float
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
    write_revisions(ops.settings.own_tenant_migrations, head)
    ops.forget_revisions()
    fleet = Fleet(ops, companies, scratch)
    ours = fleet.measure(fleet.ours, rounds=2)
    rows = [Row("migrate / raw psycopg threads", ours, fleet.measure(fleet.raw, rounds=2), "<= 1.25")]
    if has_psql():
        rows.append(Row("migrate / psql by xargs -P 4", ours, fleet.measure(fleet.psql, rounds=2), "<= 1.1"))
    loop = fleet.measure(fleet.alembic_loop, sample=min(size, 20))
    one = fleet.measure(partial(fleet.alembic_processes, at_once=1), sample=min(size, 6))
    four = fleet.measure(partial(fleet.alembic_processes, at_once=4), sample=min(size, 12))
    rows.append(Row("migrate / Alembic loop in process", ours, loop, "<= 0.2"))
    rows.append(Row("migrate / alembic processes, one by one", ours, one, "<= 0.04"))
    rows.append(Row("migrate / alembic processes, xargs -P 4", ours, four, "<= 0.067"))
    fleet.ours(companies)
    return rows + idle_rows(ops, companies)


def idle_rows(ops: Ops, companies: Sequence[Company]) -> list[Row]:
    """A run with nothing to do, against opening all connections and against ten companies; medians of 15."""
    few = [one.id for one in companies[:10]]
    all_ = [one.id for one in companies]
    idle, small, opened = [], [], []
    for _ in range(15):
        idle.append(seconds(partial(ops.migrate_tenant)))
        small.append(seconds(partial(ops.migrate_tenant, few)))
    for _ in range(3):
        opened.append(opening(ops, companies))
    ours = statistics.median(idle) * 1000
    what = f"nothing to do, {len(all_)} companies"
    return [
        Row(f"{what} / opening their connections", ours, statistics.median(opened) * 1000, "<= 0.05"),
        Row(f"{what} / 10 companies", ours, statistics.median(small) * 1000, "<= 2"),
    ]


def main() -> None:
    """Run the benchmarks on a server of their own, with real fsync, and print the table."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    console = Console()
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
            title = f"{os.cpu_count()} cores, {size} companies, milliseconds (of migrate: per company)"
            table = Table("what", "ours", "compared", "ratio", "must be", title=title)
            name, ours, other = registration(ops)
            rows = [Row(name, ours * 1000, other * 1000, "<= 2"), *fleet_rows(ops, home, size)]
            for row in rows:
                ratio = row.ours / row.other
                table.add_row(row.name, f"{row.ours:.1f}", f"{row.other:.1f}", f"{ratio:.3g}", row.target)
            console.print(table)
    finally:
        embedded.stop()
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
