"""Voila serves the app for analysts as a page without cells."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import nbformat
import nbformat.v4 as nb

from mpm_ops import Company, Settings
from tests.integration.test_register import environment
from tests.notebooks.driving import until

SOURCE = "import mpm_ops\nmpm_ops.connect().explore()"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def fetched(port: int) -> str:
    """Return the page that is served; empty while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_the_explorer_is_a_dashboard(register: Callable[..., Company], settings: Settings, tmp_path: Path) -> None:
    register("Acme")
    path, port = tmp_path / "dashboard.ipynb", free_port()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nb.new_code_cell(SOURCE)]  # type: ignore[no-untyped-call]  # nbformat has no types
    notebook = nb.new_notebook(cells=cells, metadata=kernel)  # type: ignore[no-untyped-call]  # as above
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]  # as above
    served = subprocess.Popen(
        [sys.executable, "-m", "voila", "--no-browser", f"--port={port}", str(path)],
        env=environment(settings) | {"JUPYTER_RUNTIME_DIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        shown = until(lambda: fetched(port), seconds=60)
    finally:
        served.terminate()
        served.wait(20)
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "Traceback" not in shown
    assert "postgresql://" not in shown
    assert json.dumps(SOURCE)[1:-1] not in shown
