"""SCRAM keys: what proves a password, worked out once instead of for every connection (RFC 5802, RFC 7677).

A client derives its keys from the password by 4096 rounds of hashing, which is more than half of the time that opening
a connection takes. Since version 18 libpq takes the keys themselves, so that one derivation serves a whole fleet.
Keys are as secret as the password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from psycopg import pq

#: What every client agrees to; some refuse fewer.
_ITERATIONS = 4096
_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)")


def generated_password() -> str:
    """Return a new password of 32 random bytes, as letters, digits, - and _."""
    return secrets.token_urlsafe(32)


def verifier(password: str) -> str:
    """Return what PostgreSQL stores for a password of ASCII characters; it takes it in the password's place.

    So no statement on the way to the server holds the password itself.
    """
    salt = secrets.token_bytes(16)
    client, server = _keys(password, salt, _ITERATIONS)
    return f"SCRAM-SHA-256${_ITERATIONS}:{_text(salt)}${_text(hashlib.sha256(client).digest())}:{_text(server)}"


def parameters(password: str, verifier: str) -> Mapping[str, str]:
    """Return the connection parameters that stand in for a password; none where they cannot."""
    found = _VERIFIER.fullmatch(verifier)
    # Other characters are prepared in ways that only libpq knows.
    if found is None or not password or not password.isascii() or pq.version() < 180_000:
        return {}
    client, server = _keys(password, base64.b64decode(found[2]), int(found[1]))
    if _text(hashlib.sha256(client).digest()) != found[3]:
        return {}  # the verifier is of another password
    return {"scram_client_key": _text(client), "scram_server_key": _text(server)}


def _keys(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    return hmac.digest(salted, b"Client Key", "sha256"), hmac.digest(salted, b"Server Key", "sha256")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
