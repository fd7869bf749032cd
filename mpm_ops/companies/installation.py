"""Installation: the settings, the server and the two migration trees that everything about companies works with."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import TransactionStatus

from mpm_ops.companies.grants import Reading
from mpm_ops.errors import NoDatabase, QueryError, ServerUnavailable
from mpm_ops.postgres import databases, hardening, locks, roles
from mpm_ops.postgres.chosen import chosen_server
from mpm_ops.postgres.server import Server, speak, translated
from mpm_ops.records import MAIN, Company
from mpm_ops.schema.apply import apply, read_heads
from mpm_ops.schema.kept import forget
from mpm_ops.settings import Settings
from mpm_ops.shipped import shipped
from mpm_ops.tenant.manifests import manifests

if TYPE_CHECKING:
    from mpm_ops.records import Revision
    from mpm_ops.schema.trees import Tree

#: Whether the login is an analyst's: it sees the companies that are granted to it, and not the tables themselves. By
#: way of OIDs, because naming a table whose schema is closed is an error.
_IS_ANALYST = """
    SELECT coalesce(bool_or(n.nspname = 'granted') AND NOT bool_or(n.nspname = 'public'), false)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'companies' AND n.nspname IN ('granted', 'public') AND has_table_privilege(c.oid, 'SELECT')
"""
#: Undefined table, column, schema: what a central database of an older revision answers.
_OUTDATED = ("42P01", "42703", "3F000")


class Installation:
    """One installation of mpm_ops on one server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        #: A connection to the central database for the next look-up: opening one costs more than most of them.
        self._kept: list[psycopg.Connection] = []
        self._others: dict[str, Server] = {}
        self._is_analyst: bool | None = None
        # A session of a user, and a cell that was run again, leave an installation without closing it.
        weakref.finalize(self, _close, self._kept)

    def __repr__(self) -> str:
        return f"Installation({self.settings.central_database!r})"

    @cached_property
    def server(self) -> Server:
        """The main server, which the central database is on; started when it is the embedded one."""
        return chosen_server(self.settings)

    def server_named(self, name: str) -> Server:
        """Return one of the servers in the settings. Raises UnknownServer, ServerUnavailable."""
        if name == MAIN:
            return self.server
        if name not in self._others:
            self._others[name] = chosen_server(self.settings, name)
        return self._others[name]

    def server_of(self, company: Company) -> Server:
        """Return the server that a company's database is on. Raises NoDatabase, UnknownServer, ServerUnavailable."""
        if not company.database:
            raise NoDatabase(company.name)
        return self.server_named(company.server)

    @property
    def is_analyst(self) -> bool:
        """Whether the login of the settings is an analyst's, who reads with it and nothing else."""
        if self._is_analyst is None:
            with self.central():
                pass
        return bool(self._is_analyst)

    @contextmanager
    def maintenance(self, server: str) -> Iterator[psycopg.Connection]:
        """Lend a connection for what is about a whole server: its databases, roles and sessions.

        It goes to the central database on the main server, and to `postgres` on the others.
        """
        if server == MAIN:
            with self.central() as connection:
                yield connection
        else:
            with self.server_named(server).connect("postgres") as connection:
                yield connection

    @cached_property
    def central_tree(self) -> Tree:
        """The revisions of the central database."""
        # The one place that loads Alembic: half a second that most commands do without.
        from mpm_ops.schema.trees import Tree

        return Tree(shipped("migrations"), own=self.settings.own_migrations)

    @cached_property
    def tenant_tree(self) -> Tree:
        """The revisions of the company databases."""
        from mpm_ops.schema.trees import Tree

        plugins = {name: one.folder for name, one in manifests().items()}
        return Tree(shipped("tenant_migrations"), own=self.settings.own_tenant_migrations, plugins=plugins)

    @cached_property
    def reading(self) -> Reading:
        """What may be read in the company databases."""
        return Reading(manifests().values())

    def forget_trees(self) -> None:
        """Read both trees anew at their next use, whoever has read them before, and what plugins say of themselves."""
        forget()
        self.__dict__.pop("reading", None)
        self.__dict__.pop("central_tree", None)
        self.__dict__.pop("tenant_tree", None)

    @contextmanager
    def central(self) -> Iterator[psycopg.Connection]:
        """Lend a connection to the central database."""
        try:
            with translated(), self._lent() as connection:
                yield connection
        except ServerUnavailable as exc:
            if "does not exist" in str(exc) and self.settings.central_database in str(exc):
                exc.hint = "Make the central database first: mpm-ops migrate"
            raise
        except QueryError as exc:
            if exc.sqlstate in _OUTDATED:
                exc.hint = "The central database is of an older revision: mpm-ops migrate"
            raise

    def migrate_central(self) -> list[Revision]:
        """Make the central database and the owner role where missing, migrate to the head; return what was applied."""
        name = self.settings.central_database
        tree = self.central_tree
        tree.heads()
        with self.server.connect("postgres") as maintenance:
            roles.ensure_owner(maintenance, self.settings.owner_role)
            if self.settings.database_url is None:
                # The embedded server is ours alone, so nobody else's habits break.
                maintenance.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
            with locks.lock(maintenance, f"central {name}"):
                if not databases.exists(maintenance, name):
                    databases.create(maintenance, name)
                    databases.close_to_public(maintenance, name)
        with self.server.connect(name) as connection:
            before = read_heads(connection)
        pending = tree.pending(before)
        apply(self.server, name, tree.upgrade_plan(before), owner=None)
        if pending:
            # Analysts look into it too.
            with self.server.connect(name) as connection:
                hardening.harden(connection, self.settings.level, owner=self.settings.owner_role)
        return pending

    def pending_central(self) -> list[Revision]:
        """List what `migrate_central` would apply, oldest first; all where the database is missing. Read-only."""
        name = self.settings.central_database
        with self.server.connect("postgres") as maintenance:
            before: tuple[str, ...] = ()
            if databases.exists(maintenance, name):
                with self.server.connect(name) as connection:
                    before = read_heads(connection)
        return self.central_tree.pending(before)

    @contextmanager
    def _lent(self) -> Iterator[psycopg.Connection]:
        """Lend the connection that is kept, or a new one; one that comes back clean is kept for the next."""
        connection: psycopg.Connection | None = None
        with suppress(IndexError):  # another thread has it
            connection = self._kept.pop()
        if connection is not None:
            try:
                connection.execute("RESET ROLE; RESET ALL")
                speak(connection)
            except psycopg.Error:  # the server was restarted meanwhile
                connection.close()
                connection = None
        connection = connection or self.server.open(self.settings.central_database)
        if self._is_analyst is None:
            row = connection.execute(_IS_ANALYST).fetchone()
            self._is_analyst = bool(row and row[0])
        if self._is_analyst:
            # Where the views with an analyst's companies have the tables' names; `public` has the type citext.
            connection.execute("SET search_path = granted, public, pg_catalog")
        try:
            yield connection
        finally:
            if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE or self._kept:
                connection.close()
            else:
                self._kept.append(connection)

    def close(self) -> None:
        """Close the connections that are kept."""
        _close(self._kept)
        for server in [*self._others.values(), *([self.server] if "server" in self.__dict__ else [])]:
            server.close()


def by_server(companies: Iterable[Company]) -> dict[str, list[Company]]:
    """Return the companies by the server that their databases are on."""
    found: dict[str, list[Company]] = {}
    for company in companies:
        found.setdefault(company.server, []).append(company)
    return found


def _close(connections: list[psycopg.Connection]) -> None:
    while connections:
        connections.pop().close()
