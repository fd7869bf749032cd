"""A Prefect server and workers of a test's own, as processes; a webhook that alerts are told to."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Self

import psutil

from tests.notebooks.driving import until

ROOT = Path(__file__).parents[2]
#: Seconds: a server starts on two busy cores; a process ends that was asked to.
START, END = 200.0, 40.0
#: Seconds for which its database may be locked.
LOCKED = 30.0
#: States that a run does not leave any more.
TERMINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Site:
    """A Prefect server, and what is started beside it; all of it ends with the block."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = int(one.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = f"{self.url}/api"
        self.home = home
        #: What every process here gets to know: `settings` are of the installation.
        self.environment = {
            **os.environ,
            **settings,
            "PREFECT_API_URL": self.api,
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "MPM_OPS_DEPLOY_DIR": str(ROOT),
        }
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.start("server", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        until(self._answers, seconds=START)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, log: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a process of Prefect's, in a session of its own; what it says goes to a file."""
        file = self._stack.enter_context((self.home / f"{log}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            env=self.environment,
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._stack.callback(ended, process)
        return process

    def run(self, *command: str) -> None:
        """Run a command of this Python to its end."""
        done = subprocess.run(
            [sys.executable, *command], env=self.environment, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def asked(self, path: str, data: object = None, method: str | None = None) -> Any:
        """Ask the server's API, and return its answer."""
        return asked(self.api, path, data, method)

    def deployments(self) -> dict[str, str]:
        """Return the ids of the deployments by name."""
        return {one["name"]: one["id"] for one in self.asked("/deployments/filter", {})}

    def begin(self, deployment: str, policy: Mapping[str, object] | None = None) -> str:
        """Make a run of a deployment, for a worker to pick up; return its id."""
        given = {} if policy is None else {"parameters": {"policy": policy}}
        made = self.asked(f"/deployments/{self.deployments()[deployment]}/create_flow_run", given)
        return str(made["id"])

    def flow_run(self, run_id: str) -> dict[str, Any]:
        """Return a run as the server has it."""
        found: dict[str, Any] = self.asked(f"/flow_runs/{run_id}")
        return found

    def runs(self, deployment: str, *, states: tuple[str, ...] = TERMINAL) -> list[dict[str, Any]]:
        """Return the runs of a deployment that are in one of these types of states."""
        wanted = {
            "deployments": {"name": {"any_": [deployment]}},
            "flow_runs": {"state": {"type": {"any_": list(states)}}},
        }
        found: list[dict[str, Any]] = self.asked("/flow_runs/filter", wanted)
        return found

    def over(self, run_id: str, *, seconds: float = 180.0) -> dict[str, Any]:
        """Wait until a run is over, and return it."""
        until(lambda: self.flow_run(run_id)["state_type"] in TERMINAL, seconds=seconds)
        return self.flow_run(run_id)

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """Return what a run left, by key."""
        wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
        return {one["key"]: one["data"] for one in self.asked("/artifacts/filter", wanted)}

    def _answers(self) -> bool:
        try:
            self.asked("/health")
        except OSError:
            return False
        return True


def asked(api: str, path: str, data: object = None, method: str | None = None) -> Any:
    """Ask a server's API, and return its answer; once more while its SQLite is locked, as Prefect's own client does."""
    body = None if data is None else json.dumps(data).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{api}{path}", data=body, headers=headers, method=method)
    end = time.monotonic() + LOCKED
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as exc:
            if exc.code != 503 or time.monotonic() > end:
                raise
            time.sleep(0.2)


def ended(process: subprocess.Popen[bytes]) -> None:
    """End a process with those that it started, each by its id."""
    if process.poll() is None:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.terminate()
        try:
            process.wait(END)
        except subprocess.TimeoutExpired:
            process.kill()
        for one in psutil.wait_procs(family, timeout=5)[1]:
            one.kill()
        process.wait()


def killed(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and those that it started at once, as when its machine loses power."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        one.kill()
    process.wait()
    assert not psutil.wait_procs(family, timeout=END)[1]


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Lend the address of a webhook, and what it was told."""
    told: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", told
        finally:
            server.shutdown()
            thread.join()
