"""Companies whose database is gone: an empty new one, as a new company has it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import psycopg

from mpm_ops.central import ledger
from mpm_ops.central.ledger import Planned
from mpm_ops.companies.grants import grant, reading_list
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.template import ensure_template, template_heads
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.records import Company, Outcome, Status
from mpm_ops.settings import operator


def create(installation: Installation, companies: Sequence[Company]) -> list[Company]:
    """Create the databases of those companies that have none; return whose. Existing ones are not touched.

    Those created are a run of their own in the ledger: what was done to the database that is gone is not to be undone.
    """
    created: list[Company] = []
    try:
        for server, there in by_server(companies).items():
            with installation.maintenance(server) as connection:
                known = set(databases.names(connection, f"{installation.settings.prefix}company_"))
                for company in there:
                    if company.database not in known:
                        with locks.lock(connection, f"fresh {company.database}"):
                            _create(installation, connection, company)
                        created.append(company)
    finally:
        if created:
            _record(installation, created)
    return created


def _record(installation: Installation, created: Sequence[Company]) -> None:
    heads = template_heads(installation)
    done = {
        one.id: Outcome(company_id=one.id, company=one.name, status=Status.DONE, after=heads, attempts=1)
        for one in created
    }
    # A connection of its own: it holds the lock of the run.
    with closing(installation.server.open(installation.settings.central_database)) as connection:
        run_id = ledger.open_run(
            connection,
            action=ledger.CREATE_MISSING,
            operator=operator(),
            policy={},
            plans=[],
            planned=[Planned(company=one) for one in created],
            idle=done,
            state="finished",
        )
        ledger.record(connection, run_id, list(done.values()))


def _create(installation: Installation, connection: psycopg.Connection, company: Company) -> None:
    owner, name = installation.settings.owner_role, company.database
    new = f"{name}_new"
    template = ensure_template(installation, connection, server=company.server)
    databases.drop(connection, new)  # of a process that was killed here
    databases.create(connection, new, owner=owner, template=template)
    groups = roles.groups(name)
    for group in groups:
        roles.ensure_group(connection, group)
    databases.close_to_public(connection, new, admit=groups)
    with installation.server_of(company).connect(new, role=owner) as tenant, tenant.transaction():
        grant(tenant, owner=owner, database=name)
    with connection.transaction():
        databases.rename(connection, new, name)
        roles.note(connection, roles.personal_group(name), reading_list())
        connection.execute(databases.stamp(name, template_heads(installation)))
