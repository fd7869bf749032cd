"""Which server an installation uses: the one that MPM_OPS_DATABASE_URL names, else the embedded one (D10)."""

from __future__ import annotations

from mpm_ops.errors import ServerError
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.postgres.server import Server
from mpm_ops.settings import Settings

#: Older servers lack what provisioning relies on, such as a public schema that is closed to PUBLIC by default.
OLDEST = 150_000


def chosen_server(settings: Settings) -> Server:
    """Return the server that the settings name; the embedded one is started when it is not running."""
    if settings.database_url is None:
        return Server(EmbeddedServer(settings.home).start())
    server = Server(settings.database_url.get_secret_value())
    with server.connect("postgres") as connection:
        version = connection.info.server_version
    if version < OLDEST:
        raise ServerError(f"PostgreSQL {version // 10_000} is too old", hint="mpm_ops needs PostgreSQL 15 or later.")
    return server
