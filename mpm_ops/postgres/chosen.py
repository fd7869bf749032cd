"""Which server an installation uses: the one that MPM_OPS_DATABASE_URL names, else the embedded one (D10)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg

from mpm_ops.errors import ServerError, ServerUnavailable, UnknownServer, UsageError
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.postgres.server import Server
from mpm_ops.records import MAIN
from mpm_ops.settings import Settings

#: Older servers lack what provisioning relies on, such as a public schema that is closed to PUBLIC by default.
OLDEST = 150_000


def chosen_server(settings: Settings, name: str = MAIN) -> Server:
    """Return the server of that name in the settings; the embedded one is started when it is not running.

    Raises UnknownServer when the settings have none of that name.
    """
    url = settings.database_url if name == MAIN else settings.servers.get(name)
    if url is None and name != MAIN:
        raise UnknownServer(f"the settings have no server {name!r}", hint="Add it to MPM_OPS_SERVERS, a JSON object.")
    if url is None:
        return Server(EmbeddedServer(settings.home).start())
    server = Server(url.get_secret_value())
    if settings.keyring and not server.has_password:
        server = server.with_login(server.user, _from_keyring(settings.keyring, f"{server.user}@{server.address}"))
    with _first(server, settings) as connection:
        version = connection.info.server_version
    if version < OLDEST:
        raise ServerError(f"PostgreSQL {version // 10_000} is too old", hint="mpm_ops needs PostgreSQL 15 or later.")
    return server


def _from_keyring(service: str, name: str) -> str:
    """Return a password that the system's keyring has."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise UsageError("MPM_OPS_KEYRING needs a package", hint="pip install 'mpm-ops[keyring]'") from None
    try:
        password = keyring.get_password(service, name)
    except KeyringError as exc:
        raise UsageError(f"the keyring cannot be read: {exc}", hint="Unset MPM_OPS_KEYRING, or unlock it.") from exc
    if not password:
        raise UsageError(f"the keyring has no password of {name}", hint=f"keyring set {service} {name}")
    return password


def address(settings: Settings) -> str:
    """Say which server the settings name, for people; no look is taken at it."""
    if settings.database_url is None:
        return "embedded server"
    try:
        return Server(settings.database_url.get_secret_value()).address
    except UsageError:
        return "no server"


@contextmanager
def _first(server: Server, settings: Settings) -> Iterator[psycopg.Connection]:
    """Lend a connection to whatever is there before the installation is: `postgres`, which analysts may be kept out of.

    They get to the central database.
    """
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(server.connect("postgres"))
        except ServerUnavailable as exc:
            if "permission denied for database" not in str(exc):
                raise
            connection = stack.enter_context(server.connect(settings.central_database))
        yield connection
