"""`make lab`: JupyterLab on the demo's data, which Ctrl-C ends with all that it started."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

from mpm_ops import Company, Settings
from mpm_ops.demo.profiles import PROFILES
from tests.notebooks.lab import lab


def asked(url: str, token: str, data: dict[str, str] | None = None) -> Any:
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    body = None if data is None else json.dumps(data).encode()
    with urlopen(Request(url, headers=headers, data=body), timeout=30) as answer:
        text = answer.read().decode()
    return json.loads(text) if answer.headers["Content-Type"].startswith("application/json") else text


@pytest.mark.slow
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
