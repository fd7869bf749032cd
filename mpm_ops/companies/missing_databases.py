"""Companies whose database is gone: an empty new one, as a new company has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress

import psycopg

from mpm_ops.central import ledger
from mpm_ops.central.ledger import Planned
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.template import ensure_template, template_heads
from mpm_ops.errors import MpmOpsError
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.postgres.server import translated
from mpm_ops.records import MAIN, Company, Outcome, Status
from mpm_ops.settings import operator


def create(installation: Installation, companies: Sequence[Company]) -> list[str]:
    """Create the databases of those companies that have none; tell for whom, and for whom it failed and why.

    Existing ones are not touched. A company that no database is recorded for gets none, and a server that is away
    costs only its own companies: the run that follows tells of both.
    Those created are a run of their own in the ledger: what was done to the database that is gone is not to be undone.
    """
    created: list[Company] = []
    failed: list[str] = []
    try:
        for server, there in by_server(company for company in companies if company.database).items():
            try:
                with installation.maintenance(server) as connection:
                    known = set(databases.names(connection, f"{installation.settings.prefix}company_"))
                    for company in there:
                        if company.database not in known:
                            _try(installation, connection, company, created, failed)
            except MpmOpsError:
                if server == MAIN:
                    raise  # nothing goes without the central database
    finally:
        if created:
            _record(installation, created)
    return [*(f"{one}: its database did not exist; it was made anew, and is empty" for one in created), *failed]


def _try(
    installation: Installation,
    connection: psycopg.Connection,
    company: Company,
    created: list[Company],
    failed: list[str],
) -> None:
    """Create a company's database, unless another process was faster, and add to those created, or that failed."""
    name = company.database
    try:
        with translated(), locks.lock(connection, f"fresh {name}"):
            if not databases.exists(connection, name):
                with _beside(connection, f"{name}_new") as new:
                    _create(installation, connection, company, new)
                created.append(company)
    except MpmOpsError as exc:
        failed.append(f"{company}: its database could not be made: {exc}")


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


@contextmanager
def _beside(connection: psycopg.Connection, new: str) -> Iterator[str]:
    """Lend the name of a database that is made ready in the block and renamed at its end; nothing is left of it."""
    databases.drop(connection, new)  # of a process that was killed here
    try:
        yield new
    except BaseException:
        with suppress(psycopg.Error):
            databases.drop(connection, new)
        raise


def _create(installation: Installation, connection: psycopg.Connection, company: Company, new: str) -> None:
    owner, name = installation.settings.owner_role, company.database
    template = ensure_template(installation, connection, server=company.server)
    databases.create(connection, new, owner=owner, template=template)
    groups = roles.groups(name)
    for group in groups:
        roles.ensure_group(connection, group)
    databases.close_to_public(connection, new, admit=groups)
    with installation.server_of(company).connect(new, role=owner) as tenant, tenant.transaction():
        installation.reading.grant(tenant, owner=owner, database=name)
    with connection.transaction():
        databases.rename(connection, new, name)
        roles.note(connection, roles.personal_group(name), installation.reading.name)
        connection.execute(databases.stamp(name, template_heads(installation)))
