"""Groups of companies' databases: made where they are missing, with the grants that a new company's have."""

from __future__ import annotations

from collections.abc import Sequence

from mpm_ops.companies.grants import grant, masks
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.errors import Busy, MpmOpsError
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.records import Company
from mpm_ops.schema.apply import LOCK


def make_groups(installation: Installation, server: str, database: str) -> None:
    """Make what groups a company's database lacks, and open it to all of them as a new company's is.

    A database from before personal data was masked gets its views and its key. All in one transaction, so that a group
    that is there says what its grants are. Raises Busy while a migration is at it.
    """
    owner, groups = installation.settings.owner_role, roles.groups(database)
    with installation.server_named(server).connect(database) as tenant, locks.try_lock(tenant, LOCK) as alone:
        if not alone:
            raise Busy(hint="Wait for the other run to end, then run this again.")
        with tenant.transaction():
            for group in groups:
                roles.ensure_group(tenant, group)
            databases.close_to_public(tenant, database, admit=groups)
            roles.act_as(tenant, owner)
            tenant.execute(masks().encode())
            grant(tenant, owner=owner)


def without_groups(installation: Installation, companies: Sequence[Company]) -> set[int]:
    """Return the ids of those that lack a group, one query for each server; and of all on one that does not answer.

    Read-only.
    """
    found: set[int] = set()
    for server, there in by_server(companies).items():
        known: set[str] = set()
        try:
            with installation.maintenance(server) as connection:
                known = set(roles.names(connection, f"{installation.settings.prefix}company_"))
        except MpmOpsError:
            pass  # their turn in the run tells why
        found |= {one.id for one in there if not known.issuperset(roles.groups(one.database))}
    return found
