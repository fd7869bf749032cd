"""A server that is reached over a network: TLS as it was asked for, a warning without it, passwords by hand only."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import keyring
import psycopg
import pytest
import trustme
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError
from pydantic import SecretStr

from mpm_ops import Ops, Settings
from mpm_ops.errors import ServerUnavailable, UsageError
from mpm_ops.postgres import embedded, reached
from mpm_ops.postgres.chosen import chosen_server
from mpm_ops.postgres.server import Server
from tests.conftest import make_settings, reachable_directory

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def address() -> str:
    """An address of this machine that others could send to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks for the way
        except OSError:
            pytest.skip("this machine has no network")
        return str(probe.getsockname()[0])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def networked(address: str) -> Iterator[str]:
    """The URL of a server that listens on the network, without TLS: the embedded one is built without."""
    with pytest.MonkeyPatch.context() as patch, reachable_directory() as home, socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
        free.close()
        patch.setattr(embedded, "PORT", port)
        patch.setitem(embedded.SETTINGS, "listen_addresses", address)
        patch.setitem(embedded.SETTINGS, "max_connections", "20")
        server = embedded.EmbeddedServer(home)
        try:
            with psycopg.connect(server.start(), autocommit=True) as connection:
                row = connection.execute("SELECT current_setting('hba_file')").fetchone()
                assert row
                with Path(row[0]).open("a") as rules:
                    rules.write("host all all all scram-sha-256\n")
                connection.execute(f"CREATE ROLE ada SUPERUSER LOGIN PASSWORD '{PASSWORD}'".encode())
                connection.execute("SELECT pg_reload_conf()")
            yield f"{address}:{port}/"
        finally:
            server.stop()


@pytest.fixture(scope="module")
def encrypted(networked: str, address: str, authority: trustme.CA) -> Iterator[str]:
    """The URL of the same server behind a door that speaks PostgreSQL's TLS, with a certificate of the authority's."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(address).configure_cert(context)
    loop = asyncio.new_event_loop()
    door = loop.run_until_complete(
        asyncio.start_server(partial(_let_in, context, int(networked[:-1].rpartition(":")[2])), address, 0)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"{address}:{door.sockets[0].getsockname()[1]}/"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    door.close()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


async def _let_in(
    context: ssl.SSLContext, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer SSLRequest, and pass on what comes then."""
    await reader.readexactly(8)
    writer.write(b"S")
    try:
        await writer.start_tls(context)
    except (ssl.SSLError, OSError):  # the client did not trust us
        writer.close()
        return
    inner, onward = await asyncio.open_connection(writer.get_extra_info("sockname")[0], port)
    await asyncio.gather(_pass_on(reader, onward), _pass_on(inner, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(65_536):
        writer.write(some)
        await writer.drain()
    writer.close()


@pytest.fixture
def root(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "root.crt"
    authority.cert_pem.write_to_path(str(path))
    return path


def ask(url: str) -> bool:
    """Whether a connection that we make there is encrypted."""
    with Server(url).connect("postgres") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        return connection.pgconn.ssl_in_use


def test_tls_is_what_was_asked_for(encrypted: str, networked: str, root: Path, tmp_path: Path) -> None:
    url = f"postgresql://ada:{PASSWORD}@{encrypted}"
    assert ask(url)  # libpq's own default takes it where there is some
    assert ask(f"{url}?sslmode=verify-full&sslrootcert={root}")
    other = tmp_path / "other.crt"
    trustme.CA().cert_pem.write_to_path(str(other))
    with pytest.raises(ServerUnavailable, match="certificate verify failed") as caught:
        ask(f"{url}?sslmode=verify-full&sslrootcert={other}")
    assert PASSWORD not in repr(caught.value)
    with pytest.raises(ServerUnavailable, match="does not support SSL"):
        ask(f"postgresql://ada:{PASSWORD}@{networked}?sslmode=require")


def test_a_connection_in_the_clear_to_another_machine_is_warned_of(networked: str) -> None:
    with pytest.warns(reached.Unencrypted, match=r"is not encrypted.*sslmode=verify-full") as caught:
        assert not ask(f"postgresql://ada:{PASSWORD}@{networked}?sslmode=disable")
    assert PASSWORD not in str(caught[0].message)


def test_a_command_warns_once(networked: str, tmp_path: Path) -> None:
    given = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MPM_OPS_", "PG"))},
        "MPM_OPS_DATABASE_URL": f"postgresql://ada:{PASSWORD}@{networked}?sslmode=disable",
        "MPM_OPS_HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "mpm_ops", "migrate"]
    done = subprocess.run(command, env=given, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is not encrypted") == 1
    assert "Warning: the connection to" in done.stderr
    assert PASSWORD not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("where", "local"),
    [("", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.7", False), ("fe80::1%eth0", False)],
)
def test_what_stays_in_the_machine_is_local(where: str, local: bool) -> None:
    assert reached.is_local(where) is local


def test_an_analyst_is_given_the_same_care(encrypted: str, root: Path, tmp_path: Path) -> None:
    url = SecretStr(f"postgresql://ada:{PASSWORD}@{encrypted}?sslmode=verify-full&sslrootcert={root}")
    settings = make_settings(url.get_secret_value(), tmp_path, central="tls_central", prefix="tls_")
    with Ops(settings) as ops:
        ops.migrate()
        login = ops.add_analyst("grace")
        try:
            assert login.url.endswith(f"@{encrypted}?sslmode=verify-full")
            # The authority's certificate is a file of the operator's: an analyst has a copy of their own.
            analyst = settings.model_copy(update={"database_url": SecretStr(f"{login.url}&sslrootcert={root}")})
            with Ops(analyst) as laptop:
                assert laptop.list_companies() == []
        finally:
            ops.remove_analyst("grace")


class Memory(KeyringBackend):
    """A keyring that lasts for a test."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError


@pytest.fixture
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    memory = Memory()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


def test_a_password_may_come_from_the_keyring(encrypted: str, memory: Memory, tmp_path: Path) -> None:
    settings = Settings(
        database_url=SecretStr(f"postgresql://ada@{encrypted}"), home=tmp_path, keyring="mpm_ops", _env_file=None
    )
    with pytest.raises(UsageError, match="the keyring has no password of ada@") as caught:
        chosen_server(settings)
    name = f"ada@{encrypted.rstrip('/')}"
    assert caught.value.hint == f"keyring set mpm_ops {name}"
    keyring.set_password("mpm_ops", name, PASSWORD)
    server = chosen_server(settings)
    with server.connect("postgres") as connection:
        assert connection.info.user == "ada"
    assert PASSWORD not in repr(server)
    # What the connection string brings goes before.
    given = settings.model_copy(update={"database_url": SecretStr(f"postgresql://ada:wrong@{encrypted}")})
    with pytest.raises(ServerUnavailable, match="password authentication failed"):
        chosen_server(given)
