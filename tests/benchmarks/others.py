"""Other tools of the field on the same ten revisions: dbmate, and django-tenants with a schema for each company."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

from mpm_ops import Company
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.schema.plan import Plan, Step
from tests.benchmarks.fleet import REVISIONS, WORKERS, Fleet

_DBMATE = "dbmate@2"
_SHARED = "bench_schemas"
_MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = {dependencies!r}
    operations = [migrations.RunSQL({statements!r})]
"""


def environment(server: Server, database: str) -> dict[str, str]:
    """Return libpq's variables for a database, which every tool reads."""
    given = conninfo.conninfo_to_dict(server.dsn(database))
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "passfile": "PGPASSFILE"}
    known = {variable: str(given[name]) for name, variable in names.items() if given.get(name)}
    return {**os.environ, **known, "PGDATABASE": database}


def dbmate(scratch: Path) -> str:
    """Return the path of dbmate, installed from npm into `scratch`; empty when npm or the package is not to be had."""
    if shutil.which("npm") is None:
        return ""
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(scratch / "npm"), _DBMATE]
    done = subprocess.run(command, capture_output=True, check=False)
    found = scratch / "npm" / "node_modules" / ".bin" / "dbmate"
    return str(found) if done.returncode == 0 and found.exists() else ""


def by_dbmate(fleet: Fleet, program: str, chosen: Sequence[Company]) -> None:
    """`dbmate migrate` by `xargs -P 4`; its own table of versions is taken away again."""
    folder = fleet.scratch / "dbmate"
    if not folder.exists():
        folder.mkdir()
        for number, step in enumerate(fleet.plan.steps, start=1):
            text = "\n".join(text for part in step.parts for text in part.statements)
            body = f'-- migrate:up\nSET LOCAL ROLE "{fleet.owner}";\n{text}\nRESET ROLE;\n-- migrate:down\n'
            (folder / f"202612{number:02}000000_bench.sql").write_text(body)
    given = environment(fleet.server, "DATABASE")
    url = f"postgres://{given['PGUSER']}@/DATABASE?host={given['PGHOST']}&sslmode=disable"
    command = ["xargs", "-P", "4", "-I", "DATABASE", program, "--url", url, "--no-dump-schema", "-d", str(folder)]
    names = "\n".join(company.database for company in chosen)
    del given["PGDATABASE"]
    subprocess.run([*command, "migrate"], input=names, text=True, check=True, env=given, stdout=subprocess.DEVNULL)
    fleet.stamp(chosen)


def drop_versions(fleet: Fleet, chosen: Sequence[Company]) -> None:
    """Take dbmate's tables away."""

    def one(company: Company) -> None:
        with fleet.server.connect(company.database) as connection:
            connection.execute("DROP TABLE IF EXISTS schema_migrations")

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, chosen))


def has_django_tenants() -> bool:
    """Whether django-tenants is installed (dependency group `bench`)."""
    return importlib.util.find_spec("django_tenants") is not None


def by_django_tenants(fleet: Fleet, base: Plan, *, size: int) -> float:
    """Return the milliseconds per tenant of `migrate_schemas --executor=multiprocessing` over `size` schemas.

    Each schema has the tables of a company's database, made by the same SQL, and is the same ten revisions behind.
    """
    with fleet.server.connect("postgres") as maintenance:
        databases.create(maintenance, _SHARED)
    try:
        _write_app(fleet, base)
        variables = {
            **environment(fleet.server, _SHARED),
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.tenants.settings",
            "PYTHONPATH": os.pathsep.join([str(fleet.scratch / "django"), str(Path(__file__).parents[2])]),
        }
        _manage(variables, "migrate_schemas", "--shared", "--run-syncdb")
        with fleet.server.connect(_SHARED) as connection:
            # Of the whole database: the first schema would make it for itself alone.
            connection.execute("CREATE EXTENSION IF NOT EXISTS citext SCHEMA public")
        names = [f"tenant_{number}" for number in range(size)]
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda name: _make_schema(fleet, base, name), names))
        began = time.perf_counter()
        _manage(variables, "migrate_schemas", "--tenant", "--executor=multiprocessing")
        took = (time.perf_counter() - began) / size * 1000
        _check(fleet, names)
        return took
    finally:
        with fleet.server.connect("postgres") as maintenance:
            databases.drop(maintenance, _SHARED)


def _write_app(fleet: Fleet, base: Plan) -> None:
    folder = fleet.scratch / "django" / "core" / "migrations"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder.parent / "__init__.py").write_text("")
    steps: list[tuple[str, list[str]]] = [("0001_base", [_text(step) for step in base.steps])]
    steps += [(f"{number:04}_bench", [up]) for number, (up, _) in enumerate(REVISIONS, start=2)]
    for place, (name, statements) in enumerate(steps):
        dependencies = [("core", steps[place - 1][0])] if place else []
        (folder / f"{name}.py").write_text(_MIGRATION.format(dependencies=dependencies, statements=statements))


def _text(step: Step) -> str:
    return "\n".join(text for part in step.parts for text in part.statements)


def _make_schema(fleet: Fleet, base: Plan, name: str) -> None:
    with fleet.server.connect(_SHARED) as connection, connection.transaction():
        schema = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE SCHEMA {0}; SET LOCAL search_path = {0}, public").format(schema))
        for step in base.steps:
            connection.execute(_text(step).encode())
        connection.execute(
            """
            CREATE TABLE django_migrations (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied timestamptz NOT NULL);
            INSERT INTO django_migrations (app, name, applied) VALUES ('core', '0001_base', now()),
                ('contenttypes', '0001_initial', now()), ('contenttypes', '0002_remove_content_type_name', now())
            """
        )
        connection.execute("INSERT INTO public.tenants_tenant (schema_name) VALUES (%s)", [name])


def _check(fleet: Fleet, names: Sequence[str]) -> None:
    with fleet.server.connect(_SHARED) as connection:
        for name in names:
            query = sql.SQL("SELECT count(*) FROM {}.django_migrations WHERE app = 'core'").format(sql.Identifier(name))
            row = connection.execute(query).fetchone()
            assert row == (len(REVISIONS) + 1,), (name, row)


def _manage(variables: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", *arguments], env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise psycopg.OperationalError(f"django {' '.join(arguments)}: {done.stderr[-2000:]}")
