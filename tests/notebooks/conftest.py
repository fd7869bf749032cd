"""What the tests of notebooks share: an installation with the demo's companies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mpm_ops import Ops, Settings
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX, clean, make_settings
from tests.notebooks import scene


@pytest.fixture(scope="module")
def demo(server: Server, dsn: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The demo's companies in an installation of the module's own, which its tests share."""
    name = f"{PREFIX}central_demo"
    settings = make_settings(dsn, tmp_path_factory.mktemp("demo"), central=name)
    with server.connect("postgres") as connection:
        databases.create(connection, name, template=template)
        databases.close_to_public(connection, name)
    with Ops(settings) as ops:
        scene.fill(ops)
    yield settings
    clean(server, f"{PREFIX}company_", f"{PREFIX}reader_", name)
