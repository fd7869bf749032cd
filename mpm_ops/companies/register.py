"""Registering a company: a saga of idempotent steps with a ledger, undone on error, reconciled after a crash (D8)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import LiteralString

import bcrypt
import psycopg

from mpm_ops.central import ledger, registry
from mpm_ops.companies import analysts
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.plugin_rows import installing
from mpm_ops.companies.registration import Registration
from mpm_ops.companies.template import ensure_template, template_heads
from mpm_ops.errors import MpmOpsError, ProvisionError
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.postgres.server import Server
from mpm_ops.records import MAIN, Company, Plugin
from mpm_ops.schema.apply import Manner, apply

#: The steps in their order; the ledger holds the names of those that are through.
STEPS = ("central", "roles", "clone", "grants", "data", "activate")


@dataclass(frozen=True, kw_only=True)
class _Saga:
    """What the steps of one registration share."""

    installation: Installation
    #: To the central database; it holds the company's lock.
    connection: psycopg.Connection
    #: To the server of the new database, for every server-wide statement; on the main server the same.
    maintenance: psycopg.Connection
    company_id: int
    registration: Registration
    template: str
    plugins: list[Plugin]
    password_hash: Future[str]

    @property
    def database(self) -> str:
        return self.installation.settings.company_database(self.company_id)

    @property
    def commit_mode(self) -> LiteralString:
        """Only the last commit is waited for, and it flushes those before it.

        They come back from a crash in their order or not at all, so what is there is always what `reconcile` knows
        how to finish or undo. Two servers have no such order between them: there every commit is waited for.
        """
        return "SET synchronous_commit = " + ("off" if self.registration.server == MAIN else "on")

    @property
    def server(self) -> Server:
        return self.installation.server_named(self.registration.server)


def register(
    installation: Installation, registration: Registration, *, on_step: Callable[[str], None] = lambda _: None
) -> Company:
    """Register a company: central rows, roles, database, grants, admin user, settings, plugins.

    `on_step` is called with the name of each step once it is recorded as done. Raises AlreadyExists, UnknownPlugin;
    ProvisionError when a step failed, after everything has been undone.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(installation.central())
        registry.refuse_duplicates(
            connection, name=registration.name, email=registration.email, user_email=registration.admin_email
        )
        plugins = registry.chosen_plugins(connection, registration.plugins)
        server = registration.server
        maintenance = connection if server == MAIN else stack.enter_context(installation.maintenance(server))
        template = ensure_template(installation, maintenance, server=server)
        pool = stack.enter_context(ThreadPoolExecutor(1))
        # bcrypt takes a quarter of a second and releases the GIL: it runs while the database is copied.
        hashed = pool.submit(_hash, registration, installation.settings.bcrypt_rounds)
        company_id = registry.next_id(connection)
        for one in dict.fromkeys((connection, maintenance)):
            stack.enter_context(locks.lock(one, lock_key(company_id)))
        saga = _Saga(
            installation=installation,
            connection=connection,
            maintenance=maintenance,
            company_id=company_id,
            registration=registration,
            template=template,
            plugins=plugins,
            password_hash=hashed,
        )
        _refuse_leftovers(saga)
        connection.execute(saga.commit_mode)
        _run_steps(saga, on_step)
        return registry.find(connection, company_id)


def check(installation: Installation, registration: Registration) -> list[Plugin]:
    """Return the plugins that `register` would install. Raises what it would refuse at its beginning. Read-only."""
    with installation.central() as connection:
        registry.refuse_duplicates(
            connection, name=registration.name, email=registration.email, user_email=registration.admin_email
        )
        plugins = registry.chosen_plugins(connection, registration.plugins)
    with installation.maintenance(registration.server):
        return plugins


def lock_key(company_id: int) -> str:
    """Name the lock of a registration.

    It is held by the session that runs CREATE DATABASE: when the process is killed the server still finishes that
    statement, and only then does the session end and the lock with it. So whoever gets the lock sees all there is.
    A company on another server has the lock there and in the central database.
    """
    return f"register {company_id}"


def undo(
    installation: Installation,
    connection: psycopg.Connection,
    maintenance: psycopg.Connection,
    company_id: int,
    *,
    server: str,
) -> None:
    """Remove everything that a registration may have made, in reverse; what is not there is fine.

    `connection` goes to the central database, `maintenance` to `server`, which the company's is on.
    """
    database = installation.settings.company_database(company_id)
    databases.drop(maintenance, database)
    for role in reversed(roles.names(maintenance, f"{database}_")):
        roles.drop(installation.server_named(server), maintenance, role)
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = on")
        registry.remove(connection, company_id)
        ledger.forget_steps(connection, company_id)


def finish(connection: psycopg.Connection, company_id: int, emails: list[str]) -> None:
    """Let a company whose data is in place go live: its users' e-mail addresses lead to it from now on."""
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = on")
        for email in emails:
            registry.insert_proxy(connection, company_id, email)
        registry.activate(connection, company_id)
        ledger.forget_steps(connection, company_id)


def _refuse_leftovers(saga: _Saga) -> None:
    """Stop before anything is made when the server has a database or a role of that name.

    The id is new, so it is not ours: of a central database that is gone, perhaps. Undoing must never drop it.
    """
    taken = [name for name in (saga.database,) if databases.exists(saga.maintenance, name)]
    taken += roles.names(saga.maintenance, f"{saga.database}_")
    if taken:
        raise ProvisionError(
            f"the server already has {', '.join(taken)}, which the central database does not know",
            hint="Move it away, or set MPM_OPS_PREFIX to another beginning of names.",
            company=saga.registration.name,
        )


def _run_steps(saga: _Saga, on_step: Callable[[str], None]) -> None:
    actions = dict(zip(STEPS, (_central, _make_roles, _clone, _open_database, _fill, _activate), strict=True))
    step = ""
    try:
        for step, action in actions.items():
            action(saga)
            on_step(step)
    except BaseException as exc:
        # Ctrl-C as well: nothing half done is left behind.
        _undo_or_say_so(saga, step)
        if isinstance(exc, psycopg.Error):
            raise ProvisionError(
                f"the registration failed at its step '{step}' and was undone: {exc.diag.message_primary or exc}",
                company=saga.registration.name,
            ) from exc
        if isinstance(exc, MpmOpsError):
            exc.company = saga.registration.name
        raise


def _undo_or_say_so(saga: _Saga, step: str) -> None:
    try:
        undo(saga.installation, saga.connection, saga.maintenance, saga.company_id, server=saga.registration.server)
    except psycopg.Error as exc:
        raise ProvisionError(
            f"the registration failed at its step '{step}' and could not be undone: {exc.diag.message_primary or exc}",
            hint="When the server answers again: mpm-ops reconcile",
            company=saga.registration.name,
        ) from exc


def _central(saga: _Saga) -> None:
    given = saga.registration
    with saga.connection.transaction():
        registry.insert(
            saga.connection,
            company_id=saga.company_id,
            name=given.name,
            address=given.address,
            phone=given.phone,
            email=given.email,
            country_id=given.country_id,
        )
        registry.insert_database(saga.connection, saga.company_id, saga.database, server=given.server)
        ledger.step_done(saga.connection, saga.company_id, "central")


def _make_roles(saga: _Saga) -> None:
    with saga.maintenance.transaction():
        for group in roles.groups(saga.database):
            roles.ensure_group(saga.maintenance, group)
    ledger.step_done(saga.connection, saga.company_id, "roles")


def _clone(saga: _Saga) -> None:
    owner = saga.installation.settings.owner_role
    databases.create(saga.maintenance, saga.database, owner=owner, template=saga.template)
    ledger.step_done(saga.connection, saga.company_id, "clone")


def _open_database(saga: _Saga) -> None:
    owner = saga.installation.settings.owner_role
    with saga.server.connect(saga.database, role=owner) as tenant, tenant.transaction():
        tenant.execute(saga.commit_mode)
        saga.installation.reading.grant(tenant, owner=owner)
    with analysts.kept(saga.connection), saga.maintenance.transaction():
        admit = roles.groups(saga.database)
        databases.close_to_public(saga.maintenance, saga.database, admit=admit)
        roles.note(saga.maintenance, roles.personal_group(saga.database), saga.installation.reading.name)
        saga.maintenance.execute(databases.stamp(saga.database, template_heads(saga.installation)))
        analysts.admit(saga.connection, saga.maintenance, saga.database, server=saga.registration.server)
    ledger.step_done(saga.connection, saga.company_id, "grants")


def _install_plugins(saga: _Saga) -> None:
    """Bring the branches of the chosen plugins; most have tables."""
    tree = saga.installation.tenant_tree
    plan = tree.upgrade_plan(template_heads(saga.installation), plugins=[plugin.name for plugin in saga.plugins])
    if plan.steps:
        owner = saga.installation.settings.owner_role
        manner = Manner(after=lambda step: saga.installation.reading.after_step(step, saga.database))
        apply(saga.server, saga.database, plan, owner=owner, manner=manner)


def _fill(saga: _Saga) -> None:
    _install_plugins(saga)
    given = saga.registration
    folders = saga.installation.tenant_tree.folders.plugins
    owner = saga.installation.settings.owner_role
    with saga.server.connect(saga.database, role=owner) as tenant, tenant.transaction():
        tenant.execute(saga.commit_mode)
        tenant.execute(
            """
            WITH admin AS (
                INSERT INTO users (name, company_id, email, password)
                VALUES (%(name)s, %(company)s, %(email)s, %(hash)s) RETURNING id, name
            ), ticket_user AS (
                INSERT INTO ticket_users (user_name, phone, out_source, user_id)
                SELECT name, %(phone)s, false, id FROM admin
            )
            INSERT INTO model_has_roles (role_id, model_type, model_id)
            SELECT roles.id, 'users', admin.id FROM admin, roles WHERE roles.name = 'owner'
            """,
            {
                "name": given.admin_name,
                "company": saga.company_id,
                "email": given.admin_email,
                "hash": saga.password_hash.result(),
                "phone": given.phone,
            },
        )
        tenant.execute("UPDATE main_settings SET company_name = %s, usage_type = %s", [given.name, given.usage_type])
        tenant.execute("INSERT INTO registration_tail (component) VALUES ('Settings')")
        for plugin in saga.plugins:
            tenant.execute(installing(plugin, folders.get(plugin.name)).encode())
    ledger.step_done(saga.connection, saga.company_id, "data")


def _activate(saga: _Saga) -> None:
    finish(saga.connection, saga.company_id, [saga.registration.admin_email])


def _hash(registration: Registration, rounds: int) -> str:
    password = registration.admin_password.get_secret_value()
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()
