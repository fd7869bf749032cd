"""`make bench`: ratios, each measured side by side with what it is compared to, in one run."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from mpm_ops import Ops, Settings
from mpm_ops.companies.template import ensure_template
from mpm_ops.postgres import databases
from mpm_ops.postgres.embedded import EmbeddedServer

ROUNDS = 20


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


def main() -> None:
    """Run the benchmarks on a server of their own, with real fsync, and print the table."""
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
            table = Table("what", "ours, ms", "compared, ms", "ratio", title=f"{os.cpu_count()} cores")
            for name, ours, other in [registration(ops)]:
                table.add_row(name, f"{ours * 1000:.1f}", f"{other * 1000:.1f}", f"{ours / other:.2f}")
            console.print(table)
    finally:
        embedded.stop()


if __name__ == "__main__":
    main()
