"""One real PostgreSQL server for the session, one installation per test with its central database cloned.

The server is MPM_OPS_TEST_DATABASE_URL, else a container with MPM_OPS_TEST_SERVER=testcontainers, else embedded.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from pydantic import SecretStr

from mpm_ops import Company, Ops, Settings
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.template import ensure_template
from mpm_ops.postgres import databases, roles
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.postgres.server import Server

#: Marks everything of this test session on a server that others may use too.
PREFIX = f"t{secrets.token_hex(3)}_"


#: Databases are made and dropped by the thousand: in memory, where there is enough of it, that is three times as fast.
MEMORY = Path("/dev/shm")
ENOUGH = 4 << 30
#: MPM_OPS_HYPOTHESIS=deep looks for longer, and elsewhere each time.
DEEP = os.environ.get("MPM_OPS_HYPOTHESIS") == "deep"


def effort(quick: int, *, deep: int) -> hypothesis_settings:
    """Return hypothesis' settings for so many examples on a real server: the same ones each time, unless deep."""
    return hypothesis_settings(
        max_examples=deep if DEEP else quick,
        derandomize=not DEEP,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def reachable_directory() -> Iterator[Path]:
    """Lend a directory that the embedded server's own user can get to; pytest's tmp_path is closed to others."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH
    path = Path(tempfile.mkdtemp(prefix="mpm_ops_", dir=MEMORY if roomy else None))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def dsn() -> Iterator[str]:
    """The connection string of the session's server, with a login that may do everything."""
    if url := os.environ.get("MPM_OPS_TEST_DATABASE_URL"):
        yield url
    elif os.environ.get("MPM_OPS_TEST_SERVER") == "testcontainers":
        from testcontainers.community.postgres import PostgresContainer

        with PostgresContainer("postgres:18", driver=None) as container:
            # Its port is one of this machine, too, where nobody is in between.
            yield container.get_connection_url(host="127.0.0.1")
    else:
        with reachable_directory() as home:
            embedded = EmbeddedServer(home)
            try:
                dsn = embedded.start()
                with psycopg.connect(dsn, autocommit=True) as connection:
                    # The server is thrown away: nothing here needs to survive a power cut. Autovacuum takes locks
                    # of its own accord, for which tests of lock timeouts would have to wait.
                    for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
                        connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
                    connection.execute("SELECT pg_reload_conf()")
                yield dsn
            finally:
                embedded.stop()


@pytest.fixture(scope="session")
def server(dsn: str) -> Iterator[Server]:
    """The session's server; what this session made is dropped at the end."""
    server = Server(dsn)
    yield server
    server.close()
    clean(server, PREFIX)


@pytest.fixture(scope="session")
def template(server: Server, dsn: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated central database; the template of the company databases is built with it."""
    settings = make_settings(dsn, tmp_path_factory.mktemp("session"), central=f"{PREFIX}central")
    installation = Installation(settings)
    installation.migrate_central()
    with installation.central() as connection:
        ensure_template(installation, connection)
    installation.close()
    return settings.central_database


def make_settings(dsn: str, home: Path, *, central: str, **overrides: object) -> Settings:
    """Return settings that are read from nowhere else."""
    values: dict[str, object] = {
        "database_url": SecretStr(dsn),
        "home": home,
        "prefix": PREFIX,
        "central_database": central,
        "bcrypt_rounds": 4,
        "env": "development",
        "workers": 8,
        **overrides,
    }
    return Settings.model_validate(values)


@pytest.fixture
def settings(server: Server, dsn: str, template: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an installation of this test's own: central database cloned, no company."""
    settings = make_settings(dsn, tmp_path, central=f"{PREFIX}central_{secrets.token_hex(3)}")
    with server.connect("postgres") as connection:
        databases.create(connection, settings.central_database, template=template)
        databases.close_to_public(connection, settings.central_database)
    yield settings
    clean(server, f"{PREFIX}company_", f"{PREFIX}reader_", settings.central_database)


@pytest.fixture
def ops(settings: Settings) -> Iterator[Ops]:
    """An installation without companies."""
    with Ops(settings) as ops:
        yield ops


@pytest.fixture
def register(ops: Ops) -> Callable[..., Company]:
    """Register companies without naming everything."""

    def register(name: str = "Acme Power", **values: object) -> Company:
        tag = secrets.token_hex(4)
        given: dict[str, Any] = {
            "name": name,
            "email": f"info-{tag}@example.com",
            "admin_email": f"admin-{tag}@example.com",
            "admin_password": "correct horse",
            **values,
        }
        return ops.register(**given)

    return register


@pytest.fixture
def maintenance(server: Server) -> Iterator[psycopg.Connection]:
    """An autocommit connection to the database `postgres`."""
    with server.connect("postgres") as connection:
        yield connection


def reopen(connection: psycopg.Connection, settings: Settings) -> None:
    """Have a hardened server go on as other tests know it, which is as initdb leaves one."""
    owner = sql.Identifier(settings.owner_role)
    connection.execute("GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC")
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE postgres, template1 FROM {}").format(owner))


def clean(server: Server, *prefixes: str) -> None:
    with server.connect("postgres") as connection:
        for prefix in prefixes:
            for name in databases.names(connection, prefix):
                databases.drop(connection, name)
        for prefix in prefixes:
            for name in roles.names(connection, prefix):
                roles.drop(server, connection, name)
