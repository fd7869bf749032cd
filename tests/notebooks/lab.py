"""Running `make lab` as a terminal does."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from mpm_ops import Settings
from tests.integration.test_embedded import eventually
from tests.integration.test_register import environment

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def lab(settings: Settings, folder: Path, *variables: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run `make lab` as a terminal does; lend the process, and the address and the token that it prints."""
    command = ["make", "lab", f"LAB=--no-browser --ServerApp.port={free_port()}", *variables]
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
        # As in a terminal; what a script starts in the background hears no Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
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
