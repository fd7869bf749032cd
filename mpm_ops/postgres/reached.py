"""What an open connection says of the server that it reached: who could listen in, and how another login gets there."""

from __future__ import annotations

import ipaddress
import warnings
from urllib.parse import quote, urlencode

import psycopg

#: What the next login has to say as well so that it is as safe; a file named here is not on its machine.
_CARRIED = ("sslmode", "channel_binding", "gssencmode")


class Unencrypted(UserWarning):
    """What is asked and answered goes over a network as it is, for all in between to read."""


def warn_if_unencrypted(connection: psycopg.Connection) -> None:
    """Warn of a connection to another machine without TLS; of one server, Python shows that once."""
    info = connection.info
    if is_local(info.hostaddr) or connection.pgconn.ssl_in_use or info.get_parameters().get("gssencmode") == "require":
        return
    warnings.warn(
        f"the connection to {info.host}:{info.port} is not encrypted: anybody in between can read the data. "
        "Add ?sslmode=verify-full to the connection string.",
        Unencrypted,
        # Of all connections to one server it is one place that warns: that is what Python goes by.
        stacklevel=1,
    )


def is_local(address: str) -> bool:
    """Whether what is sent to this address stays in the machine; a Unix socket has none."""
    return not address or ipaddress.ip_address(address.partition("%")[0]).is_loopback


def url(connection: psycopg.Connection, login: str, password: str) -> str:
    """Return the connection string by which another login gets to the same server, as safely as this one."""
    info = connection.info
    # A Unix socket's directory stands in the place of a host once its slashes are escaped.
    host = f"[{info.host}]" if ":" in info.host and not info.host.startswith("/") else quote(info.host, safe=".")
    given = info.get_parameters()
    carried = {name: given[name] for name in _CARRIED if name in given}
    if given.get("sslrootcert") == "system":
        carried["sslrootcert"] = "system"
    options = f"?{urlencode(carried)}" if carried else ""
    return f"postgresql://{login}:{quote(password, safe='')}@{host}:{info.port}/{options}"
