"""Reconcile: registrations that a crash left half done are finished or undone (D8), and ended logins are swept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import psycopg

from mpm_ops.central import ledger
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.register import finish, lock_key, undo
from mpm_ops.companies.template import drop_half_built
from mpm_ops.postgres import databases, locks, roles


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """What became of one registration."""

    company_id: int
    result: Literal["finished", "undone", "in progress"]


def reconcile(installation: Installation, *, patience: int = 5_000) -> list[Reconciled]:
    """Finish or undo every registration that its process did not.

    One whose lock is still held after `patience` milliseconds is under way in another process and left alone.
    """
    found = []
    with installation.central() as connection:
        for company_id in ledger.unfinished(connection):
            connection.execute(f"SET lock_timeout = {patience:d}".encode())
            try:
                with locks.lock(connection, lock_key(company_id)):
                    found.append(_reconcile_one(installation, connection, company_id))
            except psycopg.errors.LockNotAvailable:
                found.append(Reconciled(company_id=company_id, result="in progress"))
        sweep_logins(installation, connection)
        drop_half_built(installation, connection)
        drop_scratch(installation, connection)
    return [reconciled for reconciled in found if reconciled is not None]


def _reconcile_one(installation: Installation, connection: psycopg.Connection, company_id: int) -> Reconciled | None:
    if company_id not in ledger.unfinished(connection):
        return None  # it ended while the lock was waited for
    if "data" in ledger.steps_done(connection, company_id):
        settings = installation.settings
        database = settings.company_database(company_id)
        with installation.server.connect(database, role=settings.owner_role) as tenant:
            emails = [email for (email,) in tenant.execute("SELECT email::text FROM users ORDER BY id")]
        finish(connection, company_id, emails)
        return Reconciled(company_id=company_id, result="finished")
    undo(installation, connection, company_id)
    return Reconciled(company_id=company_id, result="undone")


def drop_scratch(installation: Installation, connection: psycopg.Connection) -> None:
    """Drop the scratch databases that a killed process has left; one that somebody is connected to is in use."""
    for name in databases.names(connection, f"{installation.settings.prefix}scratch_"):
        if not databases.in_use(connection, name):
            databases.drop(connection, name)


def sweep_logins(installation: Installation, connection: psycopg.Connection) -> list[str]:
    """Drop the short-lived logins of this installation whose time is over, with their sessions; return their names."""
    ended = roles.expired(connection, installation.settings.prefix)
    for name in ended:
        roles.drop(connection, name)
    return ended
