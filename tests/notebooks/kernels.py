"""A real kernel, and a fleet of two that it asks: what the tests of magics, completion and JupySQL run in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from mpm_ops import Company, Ops, Settings
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX, clean, make_settings
from tests.integration.test_register import environment

#: Seconds for a cell; the longest take two.
PATIENCE = 60
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of a cell."""

    status: str
    #: Of the error, as the notebook shows it.
    traceback: list[str] = field(default_factory=list)
    #: What is shown of its value and of what it displays, by MIME type.
    shown: list[Mapping[str, str]] = field(default_factory=list)
    printed: str = ""

    @property
    def text(self) -> str:
        return "\n".join(filter(None, [*(one["text/plain"] for one in self.shown), self.printed]))

    @property
    def html(self) -> str:
        return "".join(one.get("text/html", "") for one in self.shown)


class Kernel:
    """A kernel with an installation's environment."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def run(self, cell: str, *, meanwhile: Callable[[], None] = lambda: None) -> Ran:
        """Run a cell to its end; `meanwhile` is called once it was sent."""
        shown: list[Mapping[str, str]] = []
        traceback: list[str] = []
        printed: list[str] = []

        def take(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] in ("execute_result", "display_data"):
                shown.append(content["data"])
            elif message["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["msg_type"] == "error":
                traceback.extend(content["traceback"])

        sent = self.client.execute(cell, allow_stdin=False)
        meanwhile()
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            take(message)
        reply = self._reply(sent)
        return Ran(status=reply["status"], traceback=traceback, shown=shown, printed="".join(printed))

    def offered(self, code: str) -> list[str]:
        """Return what the kernel offers at the sign `|` in a cell, as the whole cell would read then."""
        before, _, after = code.partition("|")
        reply = self._reply(self.client.complete(before + after, len(before)))
        start, end = reply["cursor_start"], reply["cursor_end"]
        whole = before + after
        return [whole[:start] + match + whole[end:] for match in reply["matches"]]

    def _reply(self, sent: str) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == sent:
                content: dict[str, Any] = message["content"]
                return content


@contextmanager
def kernel(settings: Settings, home: Path) -> Iterator[Kernel]:
    """Lend a kernel whose environment describes an installation; what its libraries keep goes into `home`."""
    variables = environment(settings) | {
        "IPYTHONDIR": str(home / "ipython"),
        # JupySQL's makers count who uses it.
        "HOME": str(home),
        "PLOOMBER_STATS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=variables)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


@contextmanager
def fleet(dsn: str, server: Server, template: str, home: Path, *names: str) -> Iterator[tuple[Ops, list[Company]]]:
    """Lend an installation of a module's own with companies of these names."""
    settings = make_settings(dsn, home, central=f"{PREFIX}{home.name[:20].lower()}")
    with server.connect("postgres") as connection:
        databases.create(connection, settings.central_database, template=template)
        databases.close_to_public(connection, settings.central_database)
    with Ops(settings) as ops:
        yield ops, [registered(ops, name) for name in names]
    clean(server, f"{PREFIX}company_", f"{PREFIX}reader_", settings.central_database)


def registered(ops: Ops, name: str) -> Company:
    """Register a company and fill in a person, a user and a meter."""
    tag = f"{abs(hash(name))}"
    company = ops.register(
        name=name, email=f"i{tag}@example.com", admin_email=f"a{tag}@example.com", admin_password="correct horse"
    )
    with owner(ops, company) as connection:
        connection.execute("INSERT INTO people (name, surname) VALUES ('Neema', 'Mushi')")
    return company


def owner(ops: Ops, company: Company) -> psycopg.Connection:
    """Connect to a company's database with a login that may do everything."""
    return _connected(ops, company.database)


def central(ops: Ops) -> psycopg.Connection:
    """Connect to the central database with a login that may do everything."""
    return _connected(ops, ops.settings.central_database)


def _connected(ops: Ops, database: str) -> psycopg.Connection:
    assert ops.settings.database_url is not None
    return psycopg.connect(ops.settings.database_url.get_secret_value(), dbname=database, autocommit=True)
