"""Running the command line as a user would, in this process: arguments in, exit code and both outputs out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mpm_ops import Settings
from mpm_ops.cli import main
from tests.integration.test_register import environment


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `mpm-ops` with the test's installation."""
    for name, value in environment(settings).items():
        if name.startswith("MPM_OPS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("MPM_OPS_TENANT_MIGRATIONS", str(settings.own_tenant_migrations))
    # Messages are folded at the width of the terminal; there is none here.
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["mpm-ops", *arguments])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as exc:
            code = exc.code if isinstance(exc.code, int) else 1
        out, err = capfd.readouterr()
        return Ran(code=code, out=out, err=err)

    return run
