"""The README tells the truth: its commands exist, its settings are all of them, its Python runs."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from mpm_ops import Company, Ops, Settings
from mpm_ops.cli.demo import _registration
from mpm_ops.demo.profiles import PROFILES
from tests.cli.test_commands import commands
from tests.integration.test_register import environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_every_command_named_exists() -> None:
    named = set(re.findall(r"`mpm-ops ((?:(?:server|analyst|plugin) )?[a-z][a-z-]+)", README))
    assert named - {"server start"} <= set(commands()) | {"server"}
    told = README.replace("server start\\|stop\\|status\\|url", "server start server stop server status server url")
    for command in commands():
        variant = command.removeprefix("migrate-tenant")
        assert command in told or f"`{variant}`" in told, command


def test_every_setting_is_in_the_table() -> None:
    table = README.split("## Settings")[1].split("## How fast")[0]
    named = set(re.findall(r"`(MPM_OPS_[A-Z_]+)`", table))
    assert named == {f"MPM_OPS_{name.upper()}" for name in Settings.model_fields}


def test_every_make_target_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z0-9-]+)", README)) - {"are"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_dependency_says_what_it_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *(name for group in extras.values() for name in group)]
    table = README.split("## What each dependency is for")[1]
    for name in {re.split(r"[\[<>=]", requirement)[0] for requirement in declared} - {"mpm-ops"}:
        assert name in table, name


def test_the_python_for_analysts_runs(
    ops: Ops, settings: Settings, register: Callable[..., Company], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in environment(settings).items():
        if name.startswith("MPM_OPS_"):
            monkeypatch.setenv(name, value)
    company = ops.register(**_registration(PROFILES[0]))
    ops.fill_demo(company, PROFILES[0], until=dt.date(2026, 11, 23))
    monkeypatch.chdir(tmp_path)  # it writes a file
    names: dict[str, object] = {}
    exec(PYTHON[0], names)
    made = names["ops"]
    assert isinstance(made, Ops)
    made.close()
    register("Beta", admin_email="neema@example.com")
    exec("import mpm_ops\n" + PYTHON[1], {"password": "correct horse"})
