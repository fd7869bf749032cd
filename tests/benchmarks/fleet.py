"""Ten revisions over a fleet: ours against raw psycopg threads, psql, and Alembic, on the same databases."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path

import alembic.command
import psycopg
from alembic.config import Config
from psycopg import sql

from mpm_ops import Company, Ops, Policy
from mpm_ops.postgres import binaries, databases
from mpm_ops.schema.plan import Plan

#: Revisions of the kinds that an application's releases bring, each with its undoing.
REVISIONS = [
    ("ALTER TABLE people ADD COLUMN nickname text", "ALTER TABLE people DROP COLUMN nickname"),
    (
        "CREATE TABLE visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "person_id bigint NOT NULL REFERENCES people (id), seen_at timestamptz NOT NULL DEFAULT now())",
        "DROP TABLE visits",
    ),
    ("CREATE INDEX ix_visits_person_id ON visits (person_id)", "DROP INDEX ix_visits_person_id"),
    ("ALTER TABLE meters ADD COLUMN phase integer NOT NULL DEFAULT 1", "ALTER TABLE meters DROP COLUMN phase"),
    (
        "ALTER TABLE meters ADD CONSTRAINT ck_meters_phase CHECK (phase IN (1, 3))",
        "ALTER TABLE meters DROP CONSTRAINT ck_meters_phase",
    ),
    (
        "CREATE TABLE visit_notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "visit_id bigint NOT NULL REFERENCES visits (id), body text NOT NULL)",
        "DROP TABLE visit_notes",
    ),
    ("CREATE UNIQUE INDEX uq_visit_notes ON visit_notes (visit_id, body)", "DROP INDEX uq_visit_notes"),
    (
        "ALTER TABLE visits ALTER COLUMN seen_at DROP DEFAULT",
        "ALTER TABLE visits ALTER COLUMN seen_at SET DEFAULT now()",
    ),
    (
        "ALTER TABLE visits RENAME COLUMN seen_at TO visited_at",
        "ALTER TABLE visits RENAME COLUMN visited_at TO seen_at",
    ),
    ("ALTER TABLE people ADD COLUMN vip boolean NOT NULL DEFAULT false", "ALTER TABLE people DROP COLUMN vip"),
]
WORKERS = 4
_FILE = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}


def upgrade():
    op.execute("{up}")


def downgrade():
    op.execute("{back}")
"""


def write_revisions(folder: Path, head: str) -> None:
    """Write the ten as an installation's own revisions on top of `head`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (up, back) in enumerate(REVISIONS, start=1):
        text = _FILE.format(
            revision=f"bench{number:02}",
            down=f"bench{number - 1:02}" if number > 1 else None,
            labels=None if number > 1 else ("own",),
            depends=None if number > 1 else head,
            up=up,
            back=back,
        )
        (folder / f"2026_12_{number:02}_0000_bench.py").write_text(text)


class Fleet:
    """Companies that stand ten revisions behind before each contender begins."""

    def __init__(self, ops: Ops, companies: Sequence[Company], scratch: Path) -> None:
        self.ops = ops
        self.companies = companies
        self.scratch = scratch
        installation = ops._installation
        self.server, self.owner = installation.server, ops.settings.owner_role
        self.behind = tuple(ops.tenant_states([companies[0].id])[0].heads or ())
        self.plan: Plan = installation.tenant_tree.upgrade_plan(self.behind)
        self.text = "\n".join(
            statement
            for step in self.plan.steps
            for part in step.parts
            for statement in ("BEGIN;", *part.statements, "COMMIT;")
        )

    def measure(
        self,
        contender: Callable[[Sequence[Company]], None],
        *,
        sample: int = 0,
        rounds: int = 1,
        undo: Callable[[Sequence[Company]], None] = lambda _: None,
    ) -> float:
        """Return the milliseconds per company of the best of `rounds`; each is checked and undone."""
        chosen = self.companies[:sample] if sample else self.companies
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            contender(chosen)
            times.append((time.perf_counter() - began) / len(chosen) * 1000)
            undo(chosen)
            self.check_and_undo(chosen)
        return min(times)

    def check_and_undo(self, chosen: Sequence[Company]) -> None:
        states = self.ops.tenant_states([company.id for company in chosen], verify=True)
        late = [state for state in states if state.heads != self.plan.after]
        assert not late, late[:3]
        report = self.ops.rollback_tenant([company.id for company in chosen], step=len(REVISIONS))
        assert report.ok, report

    def ours(self, chosen: Sequence[Company]) -> None:
        """One run of ours."""
        report = self.ops.migrate_tenant([company.id for company in chosen], policy=Policy(workers=WORKERS))
        assert report.ok, report.failed[0]

    def raw(self, chosen: Sequence[Company]) -> None:
        """The same SQL text by raw psycopg, as many threads, one connection for each company."""

        def one(company: Company) -> None:
            with psycopg.connect(self.server.dsn(company.database), autocommit=True) as connection:
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self.owner)))
                connection.execute(self.text.encode())

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(one, chosen))
        self.stamp(chosen)

    def psql(self, chosen: Sequence[Company]) -> None:
        """`psql -f` by `xargs -P 4`."""
        program = psql()
        script = self.scratch / "plan.sql"
        script.write_text(f'SET ROLE "{self.owner}";\n{self.text}')
        dsn = self.server.dsn("DATABASE")
        options = ["-qX", "-v", "ON_ERROR_STOP=1", "-f", str(script), dsn]
        command = ["xargs", "-P", "4", "-I", "DATABASE", program, *options]
        names = "\n".join(company.database for company in chosen)
        subprocess.run(command, input=names, text=True, check=True, stdout=subprocess.DEVNULL)
        self.stamp(chosen)

    def alembic_loop(self, chosen: Sequence[Company]) -> None:
        """Alembic's own upgrade, in this process, one company after the other."""
        for company in chosen:
            engine = self.server.engine(company.database)
            with engine.connect() as connection, redirect_stdout(io.StringIO()):
                connection.exec_driver_sql(f'SET ROLE "{self.owner}"')
                connection.commit()
                config = self.ops._installation.tenant_tree._config(connection=connection)
                alembic.command.upgrade(config, "heads")
            engine.dispose()

    def alembic_processes(self, chosen: Sequence[Company], *, at_once: int) -> None:
        """`alembic upgrade heads` as a process for each company."""
        ini = self.scratch / "alembic.ini"
        config: Config = self.ops._installation.tenant_tree._config()
        keys = ("script_location", "version_locations", "path_separator")
        lines = [f"{key} = {(config.get_main_option(key) or '').replace(chr(10), chr(10) + '    ')}" for key in keys]
        ini.write_text("[alembic]\n" + "\n".join(lines) + "\n")
        environment = {
            **os.environ,
            "MPM_OPS_DATABASE_URL": self.server.dsn("postgres"),
            "MPM_OPS_PREFIX": self.ops.settings.prefix,
        }
        command = [sys.executable, "-m", "alembic", "-c", str(ini), "-x", "database=DATABASE", "upgrade", "heads"]
        names = "\n".join(company.database for company in chosen)
        xargs = ["xargs", "-P", str(at_once), "-I", "DATABASE", *command]
        subprocess.run(xargs, input=names, text=True, check=True, env=environment, capture_output=True)

    def stamp(self, chosen: Sequence[Company]) -> None:
        """Those that do not stamp are stamped afterwards, so that undoing finds them; it is part of their time."""
        with self.server.connect("postgres") as connection:
            for company in chosen:
                connection.execute(databases.stamp(company.database, self.plan.after))


def opening(ops: Ops, companies: Sequence[Company]) -> float:
    """Return the seconds that opening and closing a connection to each company takes, in as many threads as ours."""
    server = ops._installation.server
    began = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda company: psycopg.connect(server.dsn(company.database)).close(), companies))
    return time.perf_counter() - began


def psql() -> str:
    """Return the psql of this machine, else the one that comes with the embedded server."""
    return shutil.which("psql") or str(binaries.installed() / binaries.BIN / "psql")
