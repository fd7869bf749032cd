"""deploy/: what the units, the image and the nightly script name is there, and the script returns the worst code."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mpm_ops.cli.commands import COMMANDS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
KNOWN = {name for section in COMMANDS.values() for name in section}


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Read a unit: the values of each key of each section."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return sections


def started(path: Path) -> list[list[str]]:
    return [line.split() for line in unit(path).get("Service", {}).get("ExecStart", [])]


def test_all_units_are_there() -> None:
    assert [path.name for path in UNITS] == [
        "mpm-ops-nightly.service",
        "mpm-ops-nightly.timer",
        "mpm-ops-prefect-server.service",
        "mpm-ops-prefect-worker.service",
    ]


@pytest.mark.parametrize("path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.stem)
def test_a_unit_starts_what_is_there(path: Path) -> None:
    for words in started(path):
        for word in words:
            if word.startswith("/opt/mpm-ops/.venv/bin/"):
                assert word.rpartition("/")[2] in ("python", "prefect")
            elif word.startswith("/opt/mpm-ops/"):
                assert (ROOT / word.removeprefix("/opt/mpm-ops/")).is_file()
    service = unit(path)["Service"]
    assert service["User"] == ["mpm-ops"]
    assert service["NoNewPrivileges"] == ["yes"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["EnvironmentFile"][0].startswith("/etc/mpm-ops/")
    assert not any(
        re.search("PASSWORD|AUTH_STRING|DATABASE_URL|CONNECTION_URL|_KEY", one) for one in service["Environment"]
    )


def test_the_worker_has_longer_to_stop_than_it_is_patient() -> None:
    service = unit(DEPLOY / "mpm-ops-prefect-worker.service")["Service"]
    (words,) = started(DEPLOY / "mpm-ops-prefect-worker.service")
    patience = int(words[words.index("--patience") + 1])
    assert int(service["TimeoutStopSec"][0]) > patience + 30
    # The runs are not to get the signal with it.
    assert service["KillMode"] == ["mixed"]
    assert service["Restart"] == ["on-failure"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in UNITS:
        text = path.read_text().replace("/opt/mpm-ops/.venv/bin/prefect", sys.executable)
        text = text.replace("/opt/mpm-ops/.venv/bin/python", sys.executable).replace("/opt/mpm-ops", str(ROOT))
        (tmp_path / path.name).write_text(text)
    copies = [str(tmp_path / path.name) for path in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *copies], capture_output=True, text=True, timeout=60, check=False
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "mpm-ops" in line]
    assert ours == []


def steps() -> list[str]:
    """Return the commands of the nightly script, in order."""
    return re.findall(r"\bstep ([a-z-]+)", (DEPLOY / "nightly").read_text())


def test_the_night_names_commands_that_exist() -> None:
    first, second, *looks = steps()
    assert (first, second) == ("migrate", "migrate-tenant")
    assert looks == ["reconcile", "sweep", "reap", "usage", "status", "drift", "audit", "doctor"]
    assert set(steps()) <= KNOWN


@pytest.mark.parametrize(
    ("codes", "code", "left_out"),
    [
        ({}, 0, ()),
        ({"audit": 1}, 1, ()),
        ({"migrate-tenant": 3, "drift": 1}, 3, ()),
        ({"migrate": 1}, 1, ("migrate-tenant",)),
    ],
)
def test_the_night_takes_every_look_and_returns_the_worst(
    tmp_path: Path, codes: dict[str, int], code: int, left_out: tuple[str, ...]
) -> None:
    told = tmp_path / "told"
    cases = "".join(f"{name}) exit {number};; " for name, number in codes.items())
    command = tmp_path / "mpm-ops"
    command.write_text(
        f'#!/bin/sh\nshift\necho "$1" >> "{told}"\necho "it is $1"\ncase "$1" in {cases}*) exit 0;; esac\n'
    )
    command.chmod(0o755)
    variables = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(DEPLOY / "nightly")], env=variables, timeout=30, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (code, "")
    # Only what did not go well is told.
    assert [line for line in done.stdout.splitlines() if line.startswith("it is ")] == [
        f"it is {name}" for name in steps() if codes.get(name)
    ]
    assert told.read_text().split() == [name for name in steps() if name not in left_out]


def test_the_image_is_made_of_what_is_there_and_holds_no_secret() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    for line in text.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists()
        if line.startswith("FROM "):
            # From wherever the machine gets its images: no host of a registry.
            assert re.fullmatch(r"FROM python:[0-9.]+-slim( AS build)?", line)
    # What the wheel is made of has to be there when it is made.
    built = {
        name for line in re.findall(r"^COPY (.+)$", text.partition("\nRUN ")[0], re.MULTILINE) for name in line.split()
    }
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {Path(name).parts[0] for name in [*wheel["packages"], *wheel["force-include"]]} <= built
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert not re.search("PASSWORD|AUTH_STRING|DATABASE_URL|CONNECTION_URL|_KEY", text)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert "**/.env" in ignored


def test_the_page_names_commands_and_files_that_exist() -> None:
    text = (DEPLOY / "README.md").read_text()
    named = set(re.findall(r"(?:`|&& )mpm-ops (?:--[a-z-]+ )*([a-z][a-z-]*)", text))
    assert named
    assert named <= KNOWN
    for name in re.findall(r"\b((?:flows|deploy)/[\w.-]+)", text):
        assert (ROOT / name).exists(), name


def test_the_timer_is_of_the_time_zone_of_the_deployments() -> None:
    timer = configparser.ConfigParser(strict=False)
    timer.read(DEPLOY / "mpm-ops-nightly.timer")
    assert timer["Timer"]["OnCalendar"].endswith("Africa/Dar_es_Salaam")
    assert "Africa/Dar_es_Salaam" in (ROOT / "prefect.yaml").read_text()
