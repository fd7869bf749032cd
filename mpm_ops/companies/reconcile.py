"""Reconcile: registrations that a crash left half done are finished or undone (D8), and ended logins are swept."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import psycopg

from mpm_ops.central import ledger, registry
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.register import finish, lock_key, undo
from mpm_ops.companies.scratch import sweep_scratch
from mpm_ops.companies.template import drop_half_built
from mpm_ops.errors import MpmOpsError, ServerError
from mpm_ops.postgres import locks, roles
from mpm_ops.records import MAIN


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """What became of one registration."""

    company_id: int
    result: Literal["finished", "undone", "in progress"]


def reconcile(installation: Installation, *, patience: int = 5_000) -> list[Reconciled]:
    """Finish or undo every registration that its process did not.

    One whose lock is still held after `patience` milliseconds is under way in another process and left alone. A
    server that does not answer raises ServerUnavailable once the others are in order.
    """
    found: list[Reconciled | None] = []
    away: MpmOpsError | None = None
    for server in (MAIN, *installation.settings.servers):
        try:
            with ExitStack() as stack:
                connection = stack.enter_context(installation.central())
                maintenance = connection if server == MAIN else stack.enter_context(installation.maintenance(server))
                for company_id in ledger.unfinished(connection):
                    if registry.server_of(connection, company_id) == server:
                        one = _Unfinished(installation, connection, maintenance, company_id, server)
                        found.append(one.reconcile(patience))
                sweep_logins(installation, maintenance, server=server)
                drop_half_built(installation, maintenance)
                sweep_scratch(installation, maintenance)
        except ServerError as exc:
            away = away or exc
    if away is not None:
        raise away
    return [reconciled for reconciled in found if reconciled is not None]


@dataclass(frozen=True)
class _Unfinished:
    """A registration that is neither finished nor undone."""

    installation: Installation
    connection: psycopg.Connection
    maintenance: psycopg.Connection
    company_id: int
    server: str

    def reconcile(self, patience: int) -> Reconciled | None:
        """Finish or undo it once its locks are free; None when it ended while they were waited for."""
        try:
            with ExitStack() as stack:
                for one in dict.fromkeys((self.connection, self.maintenance)):
                    one.execute(f"SET lock_timeout = {patience:d}".encode())
                    stack.enter_context(locks.lock(one, lock_key(self.company_id)))
                if self.company_id not in ledger.unfinished(self.connection):
                    return None
                return Reconciled(company_id=self.company_id, result=self._end())
        except psycopg.errors.LockNotAvailable:
            return Reconciled(company_id=self.company_id, result="in progress")

    def _end(self) -> Literal["finished", "undone"]:
        if "data" not in ledger.steps_done(self.connection, self.company_id):
            undo(self.installation, self.connection, self.maintenance, self.company_id, server=self.server)
            return "undone"
        settings = self.installation.settings
        database = settings.company_database(self.company_id)
        server = self.installation.server_named(self.server)
        with server.connect(database, role=settings.owner_role) as tenant:
            emails = [email for (email,) in tenant.execute("SELECT email::text FROM users ORDER BY id")]
        finish(self.connection, self.company_id, emails)
        return "finished"


def sweep_logins(installation: Installation, connection: psycopg.Connection, *, server: str) -> list[str]:
    """Drop the short-lived logins of this installation whose time is over, with their sessions; return their names."""
    ended = roles.expired(connection, installation.settings.prefix)
    for name in ended:
        roles.drop(installation.server_named(server), connection, name)
    return ended
