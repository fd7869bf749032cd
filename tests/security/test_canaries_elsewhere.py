"""Canaries in files, command lines, saved notebooks and all that Prefect keeps: see `test_canaries`."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psycopg
import pytest
from nbclient import NotebookClient
from prefect.blocks.system import Secret
from prefect.settings import (
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_LOGGING_LEVEL,
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness
from psycopg import sql

from flows.health import nightly_health
from flows.migrate_companies import MigratePolicy, migrate_companies
from flows.provision_company import NewCompany, provision_company
from mpm_ops import Ops
from mpm_ops.postgres import scram
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.postgres.server import Server
from tests.conftest import make_settings, reachable_directory
from tests.integration.test_fleet import LIVE, revise
from tests.integration.test_migrations import own_revision
from tests.integration.test_register import environment
from tests.security.canaries import Canaries, command_lines, log_of, stored
from tests.security.test_canaries import DEPLOYER, Scene, scene

__all__ = ["scene"]  # a fixture
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Prefect's and Jupyter's own
]


def test_the_embedded_server_keeps_its_password_in_one_file_and_no_process_is_started_with_one() -> None:
    canaries = Canaries()
    with reachable_directory() as home, command_lines() as seen:
        embedded = EmbeddedServer(home)
        try:
            passfile = home / "embedded" / "passfile"
            dsn = embedded.start()
            canaries.watch("the embedded server's password", passfile.read_text().strip().rpartition(":")[2])
            work_on(home, dsn, canaries)
            everything = dict(stored(Server(dsn), "x_"))
            log = log_of(dsn)
            assert log is not None
            assert b"CREATE ROLE" in log.read_bytes()
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
        finally:
            embedded.stop()
        assert canaries.found_under(home) == {"embedded/passfile": ["the embedded server's password"]}
        assert stat.S_IMODE(passfile.stat().st_mode) == 0o600
    assert {name for name in everything if canaries.found_in(everything[name])} == set()
    for program in (b"initdb", b"postgres", b"pg_dump", b"pg_restore", b"multiprocessing", b"mpm_ops"):
        assert any(program in line for line in seen), program
    assert canaries.found_in(*seen) == []


def work_on(home: Path, dsn: str, canaries: Canaries) -> None:
    """Have all kinds of processes started, with a login whose password is in the connection string."""
    password = canaries.plant("the deployer's password")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "CREATE ROLE canary SUPERUSER LOGIN PASSWORD {}; ALTER ROLE canary SET log_statement = 'all'"
            ).format(sql.Literal(scram.verifier(password)))
        )
    ours = Server(dsn).with_login("canary", password).dsn("postgres")
    settings = make_settings(ours, home, central="x_central", prefix="x_")
    with Ops(settings) as ops:
        ops.migrate()
        company = ops.register(
            name="Acme",
            email="info@acme.example.com",
            admin_email="ada@acme.example.com",
            admin_password=canaries.plant("the first user's password"),
        )
        canaries.in_login("an analyst's password", ops.add_analyst("mary"))
        canaries.in_login("a token's password", ops.token("brief", [company.id], hours=1))
        revise(ops, "o1", None, LIVE)
        path = next(settings.own_tenant_migrations.glob("*o1.py"))
        path.write_text(path.read_text() + "\nlive = True\n")
        ops.forget_revisions()
        with psycopg.connect(dsn, dbname=company.database):  # so that it is copied by pg_dump
            (clone,) = ops.rehearse(count=1).clones
        assert (clone.ok, clone.copied_by) == (True, "pg_dump"), clone
        assert ops.migrate_tenant().ok
        assert len(ops.read_sql("SELECT 1 AS one")) == 1
    command = [sys.executable, "-m", "mpm_ops", "status", "--json"]
    subprocess.run(command, env=environment(settings), capture_output=True, check=True)


CELLS = [
    "import os, logging, mpm_ops\nlogging.basicConfig(level=logging.DEBUG)",
    "ops = mpm_ops.connect()\nops, vars(ops), ops.settings",
    "reader = ops.company(1)\nreader, vars(reader), vars(reader.journal)",
    "ops.add_analyst('jupyter'), ops.token('lab', [1], hours=1), ops.analysts()",
    "reader.read_sql('SELECT nope FROM meters')",
    "reader.read_sql('SELECT :v::int', params={'v': os.environ['CANARY_VALUE']})",
    "mpm_ops.login('ada@acme.example.com', os.environ['CANARY_WRONG'])",
    "ops.read_sql('SELECT 1/0')",
    "ops.audit_log()",
    "ops.register(name='', email='x', admin_email='x', admin_password=os.environ['CANARY_WRONG'])",
    # From here on with the variables of all frames.
    "%xmode Verbose",
    "reader.read_sql('DELETE FROM meters')",
    "os.environ['MPM_OPS_DATABASE_URL'] = os.environ['CANARY_TORN']\nops = mpm_ops.connect()\nops",
    "ops.list_companies()",
    "os.environ['MPM_OPS_DATABASE_URL'] = os.environ['CANARY_LOGIN']\nops = mpm_ops.connect()",
    "ops.list_companies()",
    "os.environ['MPM_OPS_SERVERS'] = os.environ['CANARY_TORN']\nmpm_ops.connect()",
]
ERRORS = [
    "QueryError",
    "QueryError",
    "LoginFailed",
    "QueryError",
    "InvalidInput",
    "NotReadOnly",
    "UsageError",
    "ServerUnavailable",
    "InvalidInput",
]


def test_a_saved_notebook_holds_none(
    scene: Scene, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = scene.canaries.plant("a wrong password")
    given = {
        **{name: value for name, value in environment(scene.settings).items() if name.startswith("MPM_OPS_")},
        "CANARY_VALUE": scene.canaries.plant("a value of a parameter"),
        "CANARY_WRONG": wrong,
        "CANARY_TORN": f"postgresql://nobody:x@{wrong}@127.0.0.1:1/",
        "CANARY_LOGIN": server.with_login(DEPLOYER, wrong).dsn("postgres"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]  # type: ignore[no-untyped-call]  # nbformat has no types
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]  # the same
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute()
    path = tmp_path / "saved.ipynb"
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]  # the same
    outputs = [one for cell in notebook.cells for one in cell.outputs]
    assert [one.ename for one in outputs if one.output_type == "error"] == ERRORS
    assert "NewLogin(name='jupyter'" in path.read_text()
    assert scene.canaries.found_in(path.read_bytes()) == []


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A Prefect server that keeps everything it can, the results of tasks too, below this folder."""
    everything = {
        PREFECT_RESULTS_PERSIST_BY_DEFAULT: True,
        PREFECT_LOCAL_STORAGE_PATH: tmp_path / "storage",
        PREFECT_LOGGING_LEVEL: "DEBUG",
    }
    with prefect_test_harness(server_startup_timeout=120), temporary_settings(everything):
        yield tmp_path / "storage"


def test_prefect_keeps_none(
    scene: Scene, server: Server, kept: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment(scene.settings).items():
        if name.startswith("MPM_OPS_"):
            monkeypatch.setenv(name, value)
    given = scene.canaries.plant("a user's password in a Secret block")
    Secret(value=given).save("first-user")
    company = NewCompany(name="Sun", email="s@example.com", admin_email="a@s.example.com", password_block="first-user")
    assert provision_company(company, return_state=True).is_completed()
    scene.ops.login("a@s.example.com", given).close()
    assert provision_company(company.model_copy(update={"email": "no", "name": "x"}), return_state=True).is_failed()
    own_revision(scene.settings, "o1", None, "op.execute('CREATE TABLE t (i int)')")
    scene.ops.forget_revisions()
    with server.connect(scene.company.database) as tenant:
        tenant.execute("CREATE TABLE t (i int)")
    assert migrate_companies(MigratePolicy(batch_size=1), return_state=True).is_failed()
    assert nightly_health(return_state=True).is_failed()
    monkeypatch.setenv("MPM_OPS_DATABASE_URL", server.with_login(DEPLOYER, given).dsn("postgres"))
    assert not migrate_companies(return_state=True).is_completed()
    assert nightly_health(return_state=True).is_failed()
    database = Path(str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value()).removeprefix("sqlite+aiosqlite:///"))
    written = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
    artifacts = (b"migrate-companies-report", b"nightly-health-findings", b"provision-company")
    for there in (*artifacts, b"already exists", b"password authentication failed", b"first-user"):
        assert there in written
    assert scene.canaries.found_in(written) == []
    assert any(path.is_file() for path in kept.rglob("*"))
    assert scene.canaries.found_under(kept) == {}
    assert scene.canaries.found_in(*capfd.readouterr()) == []
