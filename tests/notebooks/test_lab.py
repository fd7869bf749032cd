"""`make lab`: JupyterLab on the demo's data, which Ctrl-C ends with all that it started."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil
import pytest

from mpm_ops import Company, Settings
from mpm_ops.demo.profiles import PROFILES
from tests.integration.test_embedded import eventually
from tests.integration.test_register import environment

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def lab(settings: Settings, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run `make lab` as a terminal does; lend the process, and the address and the token that it prints."""
    command = ["make", "lab", f"LAB=--no-browser --ServerApp.port={free_port()}"]
    # What is tested is the recipe: this Python's environment has what it needs.
    command += ["-o", ".venv/.installed", f"BIN={Path(sys.executable).parent}"]
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**environment(settings), **{name: str(folder / place) for name, place in own.items()}},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stderr is not None
            printed = iter(process.stderr.readline, "")
            found = next(filter(None, (re.search(r"(http://127\S+?)lab\?token=(\w+)", line) for line in printed)))
            eventually(lambda: listens(found[1]))  # it says so a moment before
            yield process, found[1], found[2]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)


def listens(address: str) -> bool:
    try:
        with urlopen(f"{address}api", timeout=30):
            return True
    except URLError:
        return False


def asked(url: str, token: str, data: dict[str, str] | None = None) -> Any:
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    body = None if data is None else json.dumps(data).encode()
    with urlopen(Request(url, headers=headers, data=body), timeout=30) as answer:
        text = answer.read().decode()
    return json.loads(text) if answer.headers["Content-Type"].startswith("application/json") else text


def test_lab_opens_the_notebooks_and_ends_with_all_its_kernels(
    settings: Settings, register: Callable[..., Company], tmp_path: Path
) -> None:
    register(email=PROFILES[-1].email)  # the demo is there
    with lab(settings, tmp_path) as (process, address, token):
        names = {one["name"] for one in asked(f"{address}api/contents", token)["content"]}
        assert {"01_quickstart.ipynb", "05_operate_the_fleet.ipynb"} <= names
        page = asked(f"{address}lab", token)
        config = json.loads(re.findall(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)[0])
        assert "@jupyterlab/apputils-extension:announcements" in config["disabledExtensions"]
        with pytest.raises(HTTPError, match="403"):
            asked(f"{address}api/contents", "wrong")
        asked(f"{address}api/kernels", token, {"name": "python3"})
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("ipykernel" in " ".join(child.cmdline()) for child in children)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal's Ctrl-C does
        process.communicate(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=30)
        assert not alive
