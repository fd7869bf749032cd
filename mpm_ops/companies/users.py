"""Users of companies: whose e-mail and password are these?"""

from __future__ import annotations

import bcrypt

from mpm_ops.central import registry
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.registration import normalized
from mpm_ops.errors import LoginFailed
from mpm_ops.postgres.text import is_text
from mpm_ops.records import Company


def authenticate(installation: Installation, email: str, password: str) -> Company:
    """Return the company of the user with this e-mail address and password.

    Raises LoginFailed. An unknown address and a wrong password take the same path: a look-up in a database and one
    bcrypt check, so that neither the words nor the time tell which it was.
    """
    email = normalized(email)
    with installation.central() as connection:
        company = registry.company_of_user(connection, email)
    settings = installation.settings
    database = company.database if company else settings.central_database
    role = settings.owner_role if company else None
    server = installation.server_of(company) if company else installation.server
    with server.connect(database, role=role) as connection:
        query = (
            "SELECT password FROM users WHERE email = %s::citext"
            if company
            else "SELECT NULL FROM database_proxies WHERE email = %s::citext"
        )
        row = connection.execute(query, [email if is_text(email) else ""]).fetchone()
    stored = row[0] if row and row[0] else _dummy(settings.bcrypt_rounds)
    matches = _check(password, stored)
    if company is None or not row or not matches:
        raise LoginFailed
    return company


def _check(password: str, stored: str) -> bool:
    # Half a surrogate pair is in no password that was set, and stands for no character that is.
    candidate = password.encode(errors="surrogatepass")
    # bcrypt refuses these; no stored hash can belong to them, yet the work is done all the same.
    if len(candidate) > 72 or b"\0" in candidate:
        bcrypt.checkpw(b"refused", stored.encode())
        return False
    return bcrypt.checkpw(candidate, stored.encode())


def _dummy(rounds: int) -> str:
    """Return a hash that nothing matches, of the cost that a real one has."""
    return bcrypt.gensalt(rounds).decode() + "." * 31
