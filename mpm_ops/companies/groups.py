"""Groups of companies' databases: missing ones are made, and all get what the list of what may be read says now.

Which list a database was last opened by is noted at its group `_personal`, so that one query tells of a whole server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mpm_ops.companies import analysts
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.errors import Busy, MpmOpsError
from mpm_ops.postgres import databases, roles
from mpm_ops.records import Company
from mpm_ops.schema.apply import try_alone


def make_groups(installation: Installation, server: str, database: str) -> None:
    """Make what groups a company's database lacks, and open it to all of them as a new company's is.

    One that was opened by an older list gets what is masked and granted now. All in one transaction, so that the note
    is true. Analysts get back what they were granted there. Raises Busy while a migration is at it.
    """
    owner, groups = installation.settings.owner_role, roles.groups(database)
    with (
        installation.central() as central,
        installation.server_named(server).connect(database) as tenant,
        try_alone(tenant) as alone,
    ):
        if not alone:
            raise Busy(hint="Wait for the other run to end, then run this again.")
        with analysts.kept(central), tenant.transaction():
            for group in groups:
                roles.ensure_group(tenant, group)
            databases.close_to_public(tenant, database, admit=groups)
            roles.note(tenant, roles.personal_group(database), installation.reading.name)
            analysts.admit(central, tenant, database, server=server)
            roles.act_as(tenant, owner)
            tenant.execute(installation.reading.only_listed().encode())
            tenant.execute(installation.reading.masks().encode())
            roles.revoke_reading(tenant, database=database)
            installation.reading.grant(tenant, owner=owner)


def outdated(installation: Installation, companies: Sequence[Company]) -> set[int]:
    """Return the ids of those that lack a group or were opened by an older list, one query for each server.

    Of a server that does not answer it is all. Read-only.
    """
    found: set[int] = set()
    for server, there in by_server(companies).items():
        notes: dict[str, str] = {}
        try:
            with installation.maintenance(server) as connection:
                notes = roles.notes(connection, f"{installation.settings.prefix}company_")
        except MpmOpsError:
            pass  # their turn in the run tells why
        found |= {one.id for one in there if not up_to_date(notes, one.database, installation.reading.name)}
    return found


def up_to_date(notes: Mapping[str, str], database: str, reading: str) -> bool:
    """Whether a database has its groups, by the notes of their server, and was opened by the list of that name."""
    return notes.keys() >= {*roles.groups(database)} and notes[roles.personal_group(database)] == reading
