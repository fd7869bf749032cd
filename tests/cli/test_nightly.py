"""The night without Prefect, on a real fleet: silent when all is well, and loud about what is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from mpm_ops import Company, Ops, Settings
from mpm_ops.postgres.server import Server
from tests.conftest import reopen
from tests.integration.test_register import environment

Register = Callable[..., Company]
pytestmark = pytest.mark.slow  # ten commands, each a process


@pytest.fixture
def hardened(ops: Ops, maintenance: psycopg.Connection) -> Iterator[None]:
    ops.harden()
    yield
    reopen(maintenance, ops.settings)


@pytest.mark.usefixtures("hardened")
def test_a_night_says_nothing_when_all_is_well(settings: Settings, register: Register, server: Server) -> None:
    company = register()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    night = [str(Path("deploy", "nightly").resolve())]

    def spend() -> tuple[int, str, str]:
        variables = {**environment(settings), "PATH": path}
        done = subprocess.run(night, env=variables, capture_output=True, text=True, timeout=200, check=False)
        return done.returncode, done.stdout, done.stderr

    assert spend() == (0, "", "")
    with server.connect(company.database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN x text")
    code, out, err = spend()
    assert (code, err) == (1, "")
    assert "mpm-ops drift: exit code 1" in out
    assert "Acme Power" in out
    assert "doctor" not in out
