"""`make bench`: ratios, each measured side by side with what it is compared to, in one run with real fsync."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from mpm_ops import Ops, Settings
from mpm_ops.postgres.embedded import EmbeddedServer
from tests.benchmarks import (
    by_prefect,
    connections,
    demo_data,
    figures,
    fleet_questions,
    frames,
    growth,
    imports,
    lake,
    memory,
    migrations,
    questions,
    registration,
)
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.fleet import WORKERS, Fleet

#: Companies of the run whose figures README shows, and whose plot replaces the one in this folder.
SIZE = 200
PLOT = Path(__file__).with_name("growth.png")


def compare(ops: Ops, scratch: Path, size: int, plot: Path) -> Iterator[Comparison]:
    """Measure one thing after the other; draws `plot` at the end."""
    yield registration.compare(ops)
    fleet = Fleet(ops, scratch, size)
    yield from migrations.compare(fleet)
    yield memory.compare(fleet)
    growth.plot(growth.measure(fleet), plot)
    yield from by_prefect.compare(fleet)
    yield from connections.compare(fleet)
    yield questions.compare(ops, fleet.companies[0].id)
    yield from fleet_questions.compare(fleet)
    yield from figures.compare(ops, [ops.company(company.id) for company in fleet.companies[: figures.COMPANIES + 1]])
    yield from frames.compare(ops, fleet.companies[0])
    yield from lake.compare(fleet)
    yield from demo_data.compare(ops)
    yield from imports.compare()


def circumstances(ops: Ops) -> str:
    """Return what the figures were measured with.

    A server that does not flush to disk, or modules without bytecode, would flatter somebody: they are refused.
    """
    assert not sys.dont_write_bytecode
    with ops._installation.server.connect("postgres") as connection:
        query = "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'server_version')"
        settings = dict(connection.execute(query).fetchall())
    assert settings["fsync"] == settings["synchronous_commit"] == "on", settings
    return (
        f"{os.cpu_count()} cores, PostgreSQL {settings['server_version']} with fsync, "
        f"Python {platform.python_version()}, psycopg {version('psycopg')}, Alembic {version('alembic')}"
    )


def table(rows: Sequence[Comparison], title: str, caption: str) -> Table:
    """Return the rows as people read them; those that miss their target stand out."""
    drawn = Table("what", "compared with", "ours", "theirs", "ratio", "must be", title=title, caption=caption)
    for row in rows:
        figures = ("", "") if row.absent else (f"{row.ours:.1f} {row.unit}", f"{row.other:.1f} {row.unit}")
        style = "bold red" if row.missed else None
        drawn.add_row(row.what, row.against, *figures, row.ratio, str(row.target), style=style)
    return drawn


def main() -> None:
    """Run the benchmarks on a server of their own and print the table. Exit code 0 whatever was missed."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    plot = PLOT if size == SIZE else Path("build", PLOT.name)
    console, began = Console(width=None if sys.stdout.isatty() else 150), time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="mpm_bench_"))
    home.chmod(0o711)
    embedded = EmbeddedServer(home)
    url = os.environ.get("MPM_OPS_TEST_DATABASE_URL") or embedded.start()
    settings = Settings(
        database_url=SecretStr(url),
        home=home,
        prefix="bench_",
        central_database="bench_central",
        bcrypt_rounds=4,
        workers=WORKERS,
    )
    try:
        with Ops(settings) as ops:
            ops.migrate()
            caption = circumstances(ops)
            rows = []
            with console.status("registration") as status:
                for row in compare(ops, home, size, plot):
                    rows.append(row)
                    status.update(f"{row.what} / {row.against}: {row.ratio}")
            console.print(table(rows, f"{size} companies, ten revisions behind, {WORKERS} at once", caption))
            console.print(f"Growth is drawn in {plot}. It all took {time.monotonic() - began:.0f} s.")
            missed = [str(row) for row in rows if row.missed]
            console.print(f"Missed: {'; '.join(missed)}." if missed else "All that was measured is where it must be.")
    finally:
        embedded.stop()
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
