"""Prefect's server, its UI, the deployments and a worker, until Ctrl-C: `make ui`.

For looking and trying. In production each is a service of its own: see README.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import temporary_server  # noqa: F401 what it sets is for the server that is started here, too

import mpm_ops
from mpm_ops.errors import MpmOpsError

ROOT = Path(__file__).parents[1]
POOL = "mpm-ops"
#: Seconds: a server starts on two busy cores; a process ends that was asked to.
START, END = 120, 20


class Ended(Exception):
    """A process ended that was to go on."""


def prefect(*arguments: str) -> list[str]:
    """Return Prefect's command line, of this Python's environment."""
    return [sys.executable, "-m", "prefect", *arguments]


@contextmanager
def running(name: str, command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a session of its own, so that Ctrl-C reaches it through us, in our order; end it by its id."""
    process = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True)  # noqa: S603 our own
    try:
        yield process
    finally:
        sys.stdout.write(f"Stopping the {name} ...\n")
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, sign)
                try:
                    process.wait(END)
                except subprocess.TimeoutExpired:
                    continue


def until_healthy(server: subprocess.Popen[bytes], api: str, stop: threading.Event) -> None:
    """Wait until the server answers, or until `stop`. Raises Ended when it ends instead, or does not answer."""
    end = time.monotonic() + START
    while time.monotonic() < end:
        if stop.wait(0.2):
            return
        if server.poll() is not None:
            raise Ended("Prefect's server ended; is its port in use? Another one: --port")
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=5):  # noqa: S310 our own address
                return
        except OSError:
            continue
    raise Ended(f"Prefect's server did not answer within {START} s")


def main() -> int:
    """Start everything, wait, and end it all."""
    parser = argparse.ArgumentParser(description="Prefect's server, UI, deployments and a worker, until Ctrl-C.")
    parser.add_argument("--port", type=int, default=4200, help="Of the server, on this machine only.")
    port = parser.parse_args().port
    stop = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: stop.set())
    try:
        return serve(port, stop)
    except (Ended, MpmOpsError) as exc:
        sys.stderr.write(f"Error: {exc}\n")
        return 1


def serve(port: int, stop: threading.Event) -> int:
    """Run it all until `stop` is set; return 0, or 1 when a part ended by itself."""
    api = f"http://127.0.0.1:{port}/api"
    with mpm_ops.connect() as ops:
        home = ops.settings.home
    environment = {
        "PREFECT_HOME": str(home / "prefect"),
        # A run that is killed is missed: see alerts.py.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "MPM_OPS_DEPLOY_DIR": str(ROOT),
        **os.environ,
        "PREFECT_API_URL": api,
        "MPM_OPS_HOME": str(home),
    }
    with ExitStack() as stack:
        command = prefect("server", "start", "--host", "127.0.0.1", "--port", str(port))
        server = stack.enter_context(running("server", command, environment))
        until_healthy(server, api, stop)
        steps = [
            prefect("work-pool", "create", POOL, "--type", "process", "--overwrite"),
            prefect("--no-prompt", "deploy", "--all"),
        ]
        if os.environ.get("MPM_OPS_ALERT_URL"):
            steps.append([sys.executable, str(ROOT / "flows" / "alerts.py")])
        for step in steps:
            if stop.is_set():
                return 0
            if subprocess.run(step, env=environment, cwd=ROOT, check=False).returncode:  # noqa: S603 our own
                raise Ended(f"this failed, and says why above: {' '.join(step[1:])}")
        command = [sys.executable, str(ROOT / "flows" / "worker.py"), "--pool", POOL, "--patience", "5"]
        worker = stack.enter_context(running("worker", command, environment))
        sys.stdout.write(f"\nPrefect's UI: http://127.0.0.1:{port}   its API: {api}   Ctrl-C ends everything.\n")
        sys.stdout.flush()
        while not stop.wait(0.5):
            if server.poll() is not None or worker.poll() is not None:
                raise Ended("the server or the worker ended by itself")
    return 0


if __name__ == "__main__":
    sys.exit(main())
