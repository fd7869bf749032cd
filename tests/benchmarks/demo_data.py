"""A made-up business, beside a bare COPY of the same rows: `python -m tests.benchmarks.demo_data ID` makes one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from psycopg import sql

from mpm_ops import Company, Ops
from mpm_ops.demo.book import FIRST_ID
from mpm_ops.tenant.models import metadata
from tests.benchmarks.comparison import AtMost, Comparison
from tests.benchmarks.memory import peak_of_this_process
from tests.benchmarks.surroundings import surroundings

#: So many customers make a little more than a million payments in so many years.
CUSTOMERS, YEARS, SEED = 24_000, 3, 7
#: Rows a second that are promised; and the memory that they may take, in MB.
RATE, MEMORY = 100_000, 250


def compare(ops: Ops) -> Iterator[Comparison]:
    """Ours by a process of its own; then COPY of what it wrote, table by table, into a company that is as new.

    Ours makes the rows, and sets sequences and statistics; the other finds them in files.
    """
    ours, other = (_company(ops, name) for name in ("Made Up", "Copied"))
    rows, seconds, peak = _made(ops, ours)
    with tempfile.TemporaryDirectory() as folder:
        files = _taken(ops, ours, Path(folder))
        bare = _copied(ops, other, files)
    what = f"{rows / 1e6:.1f} M rows of a made-up business, {rows / seconds:,.0f} a second"
    against = f"a bare COPY of them from files, {rows / bare:,.0f} a second"
    yield Comparison(what=what, against=against, target=AtMost(1), ours=seconds, other=bare, unit="s")
    yield Comparison(
        what="the same, for each row",
        against=f"{RATE:,} rows a second",
        target=AtMost(1),
        ours=seconds / rows * 1e6,
        other=1e6 / RATE,
        unit="µs",
    )
    yield Comparison(
        what="the same, peak memory", against=f"{MEMORY} MB", target=AtMost(1), ours=peak, other=MEMORY, unit="MB"
    )


def _company(ops: Ops, name: str) -> Company:
    word = name.lower().replace(" ", "-")
    return ops.register(
        name=name,
        email=f"info@{word}.example.com",
        admin_name="Ada",
        admin_email=f"ada@{word}.example.com",
        admin_password="not secret at all",
        address="-",
        phone="-",
    )


def _made(ops: Ops, company: Company) -> tuple[int, float, float]:
    """Return the rows, the seconds and the MB of a process that fills a company."""
    command = [sys.executable, "-m", "tests.benchmarks.demo_data", str(company.id)]
    done = subprocess.run(
        command, env=surroundings(ops), cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    rows, seconds, peak = done.stdout.split()
    return int(rows), float(seconds), float(peak)


def _taken(ops: Ops, company: Company, folder: Path) -> dict[str, Path]:
    """Write the made-up rows of each table into a file; return the files in an order in which references are met."""
    files = {}
    with ops._installation.server_of(company).connect(company.database, role=ops.settings.owner_role) as connection:
        for name in (table.name for table in metadata.sorted_tables if "id" in table.columns):
            query = sql.SQL("COPY (SELECT * FROM {} WHERE id >= {} ORDER BY id) TO STDOUT")
            files[name] = folder / name
            with (
                connection.cursor().copy(query.format(sql.Identifier(name), FIRST_ID)) as copy,
                files[name].open("wb") as f,
            ):
                f.writelines(copy)
    return {name: path for name, path in files.items() if path.stat().st_size}


def _copied(ops: Ops, company: Company, files: dict[str, Path]) -> float:
    """Return the seconds in which COPY takes these files, in one transaction."""
    with ops._installation.server_of(company).connect(company.database, role=ops.settings.owner_role) as connection:
        began = time.perf_counter()
        with connection.transaction():
            for name, path in files.items():
                query = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))
                with connection.cursor().copy(query) as copy, path.open("rb") as f:
                    while piece := f.read(1 << 20):
                        copy.write(piece)
        return time.perf_counter() - began


def main() -> None:
    """Fill a company, and print rows, seconds and the peak memory in MB."""
    with Ops() as ops:
        company = ops.get_company(int(sys.argv[1]))
        began = time.perf_counter()
        rows = ops.demo_data(company.id, customers=CUSTOMERS, years=YEARS, seed=SEED)
        seconds = time.perf_counter() - began
    sys.stdout.write(f"{rows} {seconds} {peak_of_this_process()}\n")


if __name__ == "__main__":
    main()
