"""Answers as frames: `python -m tests.benchmarks.frames HOW ID` takes one in a process of its own."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mpm_ops import Company, Ops
from mpm_ops.postgres import roles
from tests.benchmarks.comparison import AtMost, Comparison, Faster
from tests.benchmarks.memory import peak_of_this_process
from tests.benchmarks.surroundings import surroundings

ROWS = 1_000_000
#: Ten times as many go into a file, and the memory that this may take, in MB.
TIMES, MEMORY = 10, 400
TURNS = 3

#: What payments look like: an id, a serial number, money, a time stamp, an id with NULLs, energy, a flag, a day.
_TABLE = f"""
    CREATE TABLE measured AS
    SELECT n AS id, 'SM-' || (n * 7919 % 1000003) AS serial, (n * 37 % 1000000 / 100.0)::numeric(12, 2) AS amount,
           timestamptz '2024-01-01' + n * interval '31 s' AS paid_at,
           CASE WHEN n % 10 > 0 THEN n % 5000 END::int AS agent, n % 977 * 1.37::float8 AS energy,
           n % 3 = 0 AS settled, date '2024-01-01' + (n % 900)::int AS day
    FROM generate_series(1::bigint, {ROWS}) n
"""
_QUESTION = "SELECT id, serial, amount, paid_at, agent, energy, settled, day FROM measured"


def compare(ops: Ops, company: Company) -> Iterator[Comparison]:
    """Best of some turns, each by a process of its own that has loaded and connected before the clock runs."""
    with ops._installation.server_of(company).connect(company.database, role=ops.settings.owner_role) as connection:
        connection.execute(_TABLE.encode())
        connection.execute(f"GRANT SELECT ON measured TO {roles.read_group(company.database)}".encode())
        connection.execute("VACUUM ANALYZE measured")
    took: dict[str, list[tuple[float, float]]] = {"ours": [], "pandas": []}
    for _ in range(TURNS):
        for how, found in took.items():
            found.append(_measured(ops, how, company))
    seconds = {how: min(one for one, _ in found) for how, found in took.items()}
    peaks = {how: statistics.median(one for _, one in found) for how, found in took.items()}
    against = "`pd.read_sql` on the same login's SQLAlchemy engine"
    what = "a DataFrame of 1 000 000 rows × 8 mixed columns"
    yield Comparison(
        what=what,
        against=against,
        target=Faster(3),
        ours=seconds["ours"] * 1000,
        other=seconds["pandas"] * 1000,
    )
    yield Comparison(
        what=f"{what}, peak memory",
        against=against,
        target=AtMost(0.5),
        unit="MB",
        ours=peaks["ours"],
        other=peaks["pandas"],
    )
    _, peak = _measured(ops, "parquet", company)
    what = "10 000 000 rows × 8 columns into Parquet, peak memory"
    yield Comparison(what=what, against="400 MB", target=AtMost(1), unit="MB", ours=peak, other=MEMORY)
    with ops._installation.server_of(company).connect(company.database, role=ops.settings.owner_role) as connection:
        connection.execute("DROP TABLE measured")


def _measured(ops: Ops, how: str, company: Company) -> tuple[float, float]:
    """Return seconds and MB of a process that takes the rows in one of three ways."""
    command = [sys.executable, "-m", "tests.benchmarks.frames", how, str(company.id)]
    done = subprocess.run(
        command, env=surroundings(ops), cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak


def main() -> None:
    """Take the rows as told, and print the seconds and the peak memory in MB."""
    how, company_id = sys.argv[1:]
    import pandas as pd

    with Ops() as ops:
        company = ops.company(int(company_id))
        engine = company.engine()
        assert len(pd.read_sql("SELECT 1", engine)) == len(company.query("SELECT 1").df)
        began = time.perf_counter()
        if how == "pandas":
            rows = len(pd.read_sql(_QUESTION, engine))
        elif how == "ours":
            rows = len(company.query(_QUESTION, max_rows=None).df)
        else:
            with tempfile.TemporaryDirectory() as folder:
                many = f"SELECT measured.* FROM measured, generate_series(1, {TIMES})"
                rows = company.query(many).to_parquet(Path(folder, "all.parquet")) // TIMES
        seconds = time.perf_counter() - began
    assert rows == ROWS, rows
    sys.stdout.write(f"{seconds} {peak_of_this_process()}\n")


if __name__ == "__main__":
    main()
