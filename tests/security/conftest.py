"""The scene of a module's attacks, and the look at it before and after each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from mpm_ops import Ops
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server
from mpm_ops.records import Hardening
from tests.conftest import PREFIX, clean, make_settings, reopen
from tests.security.scene import Scene, registered


@pytest.fixture(scope="module")
def scene(dsn: str, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("attacks")
    settings = make_settings(dsn, home, central=f"{PREFIX}attacked", hardening=Hardening.STRICT)
    with Ops(settings) as ops:
        ops.migrate()
        company, other = (registered(ops, *names) for names in (("Acme", "Ada"), ("Sun Hill", "Bea")))
        assert not [one.error for one in ops.harden() if one.error]
        # The operator's own login to read with is a role, too: it is there before anybody looks.
        ops.company(other.id).ask("SELECT 1")
        login = ops.add_analyst("mallory")
        ops.grant_analyst("mallory", [company.id])
        victim = server.open(other.database, role=roles.app_group(other.database))
        victim.execute("SELECT 1")
        words = {
            "me": login.login,
            "db": company.database,
            "other": other.database,
            "owner": settings.owner_role,
            "app": roles.app_group(company.database),
            "read": roles.read_group(company.database),
            "victim": victim.info.backend_pid,
        }
        with Ops(settings.model_copy(update={"database_url": SecretStr(login.url)})) as analyst:
            yield Scene(ops, analyst, login.url, company, other, victim, words)
        victim.close()
        ops.remove_analyst("mallory")
    with server.connect("postgres") as connection:
        reopen(connection, settings)
    clean(server, f"{PREFIX}company_", f"{PREFIX}attacked")


@pytest.fixture
def unchanged(scene: Scene) -> Iterator[None]:
    """Compare everything before the attack with everything after it."""
    before = scene.state()
    yield
    assert scene.state() == before
    assert not list(Path("/tmp").glob("mpm_attack*"))
    assert scene.victim.execute("SELECT 1").fetchone() == (1,)


@pytest.fixture(scope="module")
def reader(scene: Scene) -> CompanyReader:
    """The analyst at the company that was granted."""
    return scene.analyst.company(scene.company.id)
