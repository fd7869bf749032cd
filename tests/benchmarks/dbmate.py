"""dbmate, a migrator in Go, by `xargs -P 4`: a process for each company."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mpm_ops import Company
from tests.benchmarks.fleet import WORKERS, Absent, Contender, Fleet, libpq, xargs

_PACKAGE = "dbmate@2"


def dbmate(fleet: Fleet) -> Contender:
    """`dbmate migrate` by `xargs -P 4`; its own table of versions is taken away again. Raises Absent."""
    program = _program(fleet.scratch / "npm")
    folder = fleet.scratch / "dbmate"
    _write_migrations(fleet, folder)
    given = libpq(fleet.server, "")
    # Where and as whom stands in the URL; the password comes from libpq's variables, which dbmate's driver reads too.
    url = f"postgres://{given['PGUSER']}@/DATABASE?host={given['PGHOST']}&port={given['PGPORT']}&sslmode=disable"
    command: list[str | Path] = [program, "--url", url, "--no-dump-schema", "--migrations-dir", folder, "migrate"]

    def forget(company: Company) -> None:
        with fleet.server.connect(company.database) as connection:
            connection.execute("DROP TABLE schema_migrations")

    def tidy(chosen: Sequence[Company]) -> None:
        fleet.each(forget, chosen)

    return Contender(lambda chosen: xargs(command, chosen, at_once=WORKERS, env=given), tidy)


def _program(folder: Path) -> Path:
    """Return the program itself, from npm: the script that npm would run first costs a start of node."""
    if shutil.which("npm") is None:
        raise Absent("not installed: npm is needed")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), _PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = next(folder.glob("node_modules/@dbmate/*/bin/dbmate"), None)
    if done.returncode or found is None:
        raise Absent(f"not installed: npm has no {_PACKAGE} for this machine")
    return found


def _write_migrations(fleet: Fleet, folder: Path) -> None:
    folder.mkdir()
    for number, step in enumerate(fleet.plan.steps, start=1):
        text = "\n".join(statement for part in step.parts for statement in part.statements)
        # The table of versions belongs to the login.
        body = f'-- migrate:up\nSET LOCAL ROLE "{fleet.owner}";\n{text}\nRESET ROLE;\n-- migrate:down\n'
        (folder / f"202612{number:02}000000_bench.sql").write_text(body)
