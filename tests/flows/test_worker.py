"""The worker that stops: idle after a run, with a run that ends in time, and with one that does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL

from tests.notebooks.driving import until
from tests.notebooks.lab import free_port

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # as in test_flows.py

POOL, HEALTH = "test-worker", free_port()
LONG = """
import os, time
from pathlib import Path
from prefect import flow

@flow(name="test-worker-long")
def long(seconds: float, pid: str):
    Path(f"{pid}.new").write_text(str(os.getpid()))
    Path(f"{pid}.new").rename(pid)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)
"""


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def submit(client: SyncPrefectClient, tmp_path: Path) -> Callable[[float], UUID]:
    """Have the pool carry out a flow of so many seconds, which leaves its process id in `pid`."""
    (tmp_path / "long.py").write_text(LONG)

    @flow(name="test-worker-long")
    def long(seconds: float, pid: str) -> None: ...

    client.create_work_pool(WorkPoolCreate(name=POOL, type="process"), overwrite=True)
    deployment = client.create_deployment(
        flow_id=client.create_flow(long),
        name="long",
        work_pool_name=POOL,
        entrypoint="long.py:long",
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(tmp_path)}}],
        enforce_parameter_schema=False,
    )

    def submit(seconds: float) -> UUID:
        (tmp_path / "pid").unlink(missing_ok=True)
        given = {"seconds": seconds, "pid": str(tmp_path / "pid")}
        return client.create_flow_run_from_deployment(deployment, parameters=given).id

    return submit


@contextmanager
def working(tmp_path: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the worker; whatever is left of it at the end is killed."""
    command = [sys.executable, "flows/worker.py", "--pool", POOL, *options]
    variables = {
        **os.environ,
        "PREFECT_API_URL": PREFECT_API_URL.value() or "",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_WEBSERVER_PORT": str(HEALTH),
    }
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, env=variables, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield worker
    finally:
        if worker.poll() is None:
            for process in [*psutil.Process(worker.pid).children(recursive=True), psutil.Process(worker.pid)]:
                process.kill()
        worker.wait(30)
        assert b"Traceback" not in (tmp_path / "worker.log").read_bytes()


def state(client: SyncPrefectClient, run: UUID) -> Any:
    return client.read_flow_run(run).state


def pid_of(tmp_path: Path) -> int:
    until(lambda: (tmp_path / "pid").exists(), seconds=90)
    return int((tmp_path / "pid").read_text())


def test_a_worker_that_has_carried_out_a_run_stops(
    client: SyncPrefectClient, submit: Callable[[float], UUID], tmp_path: Path
) -> None:
    with working(tmp_path, "--patience", "60", "--with-healthcheck") as worker:
        run = submit(0)
        until(lambda: state(client, run).is_completed(), seconds=90)
        assert httpx.get(f"http://127.0.0.1:{HEALTH}/health", timeout=10).status_code == 200
        family = psutil.Process(worker.pid).children(recursive=True)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(40) == 0
    assert not psutil.wait_procs(family, timeout=5)[1]


def test_a_run_under_way_ends_first_and_no_other_begins(
    client: SyncPrefectClient, submit: Callable[[float], UUID], tmp_path: Path
) -> None:
    with working(tmp_path, "--patience", "60") as worker:
        run = submit(12)
        pid_of(tmp_path)
        worker.send_signal(signal.SIGTERM)
        until(lambda: b"Stopping:" in (tmp_path / "worker.log").read_bytes(), seconds=20)
        late = submit(0)
        assert worker.wait(60) == 0
    assert state(client, run).is_completed()
    assert state(client, late).is_scheduled()
    client.delete_flow_run(late)


@pytest.mark.parametrize("how", ["patience", "hurry"])
def test_a_run_that_takes_too_long_crashes_and_says_so(
    client: SyncPrefectClient, submit: Callable[[float], UUID], tmp_path: Path, how: str
) -> None:
    with working(tmp_path, "--patience", "2" if how == "patience" else "600") as worker:
        run = submit(600)
        process = psutil.Process(pid_of(tmp_path))
        until(lambda: state(client, run).is_running(), seconds=30)
        worker.send_signal(signal.SIGTERM)
        if how == "hurry":
            until(lambda: b"Stopping:" in (tmp_path / "worker.log").read_bytes(), seconds=20)
            worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert not psutil.wait_procs([process], timeout=5)[1]
    assert state(client, run).is_crashed()


def test_a_worker_that_cannot_begin_says_so(tmp_path: Path) -> None:
    with working(tmp_path, "--limit", "many") as worker:
        assert worker.wait(60) == 2
