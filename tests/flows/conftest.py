"""One Prefect server for all tests of flows, and the test's installation in the environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.testing.utilities import prefect_test_harness

from mpm_ops import Settings
from tests.integration.test_register import environment


@pytest.fixture(scope="session", autouse=True)
def prefect() -> Iterator[None]:
    """One Prefect server for all tests: starting it takes about 20 seconds."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(autouse=True)
def installed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flows read their settings from the environment, as a deployment's do."""
    for name, value in environment(settings).items():
        if name.startswith("MPM_OPS_"):
            monkeypatch.setenv(name, value)
