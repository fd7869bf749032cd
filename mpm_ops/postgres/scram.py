"""SCRAM verifiers of generated passwords: what the server keeps in a password's place, made here.

A high count of iterations makes a password that people choose costly to guess, and every connection that is opened
pays for it (4096 of them: 3 of 5 ms of a processor). Nobody guesses 24 random bytes, however cheap a guess is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_ITERATIONS = 1


def generated_password() -> str:
    """Return a new password of 32 random bytes, as letters, digits, - and _."""
    return secrets.token_urlsafe(32)


def verifier(password: str) -> str:
    """Return what PostgreSQL stores for a password of `generated_password`; it takes it in a password's place.

    So neither a statement nor a file on the way to the server holds the password itself (RFC 5802, RFC 7677).
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    keys = [base64.b64encode(one).decode() for one in (salt, stored, hmac.digest(salted, b"Server Key", "sha256"))]
    return f"SCRAM-SHA-256${_ITERATIONS}:{keys[0]}${keys[1]}:{keys[2]}"
