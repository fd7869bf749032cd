"""The reaper: ends what grants cannot stop, sessions of those who read that go on for too long (D6).

A timeout that a login brings along is a default that the session may lift; that another login ends it, it cannot.
"""

from __future__ import annotations

from mpm_ops.companies.installation import Installation
from mpm_ops.postgres import sessions
from mpm_ops.records import MAIN, Reaped


def reap(installation: Installation, *, seconds: float, dry_run: bool = False) -> list[Reaped]:
    """End the statements and the open transactions of analysts and of short-lived logins that are older than that.

    The sessions of logins that are gone end whatever their age; in a dry run all are only told. Raises
    ServerUnavailable when a server does not answer.
    """
    settings = installation.settings
    logins = f"^{settings.prefix}(analyst_|reader_|company_[0-9]+_login_)"
    databases = f"^({settings.prefix}company_[0-9]+|{settings.central_database})$"
    found: list[Reaped] = []
    for server in (MAIN, *installation.settings.servers):
        with installation.maintenance(server) as connection:
            ended = sessions.end_older(connection, logins, databases, seconds=seconds, dry_run=dry_run)
            for login, database, age, what in ended:
                found.append(Reaped(server=server, login=login, database=database, seconds=age, what=what))
    return found
