"""New revision files for either tree; filled from the models when asked, which is the only time a server is needed."""

from __future__ import annotations

from mpm_ops.companies.installation import Installation
from mpm_ops.companies.scratch import scratch_name
from mpm_ops.companies.template import ensure_template
from mpm_ops.errors import MigrationError
from mpm_ops.postgres import databases
from mpm_ops.records import Revision
from mpm_ops.schema.apply import read_heads


def central(installation: Installation, name: str, *, autogenerate: bool, own: bool) -> Revision:
    """Write a revision of the central database, filled by comparing it with the models when `autogenerate`."""
    tree = installation.central_tree
    if not autogenerate:
        return tree.new_revision(name, own=own)
    with installation.central() as connection:
        if read_heads(connection) != tree.heads():
            raise MigrationError("the central database is not at its head", hint="Run `mpm-ops migrate` first.")
    with installation.server.engine(installation.settings.central_database).connect() as engine:
        return tree.new_revision(name, own=own, connection=engine)


def tenant(installation: Installation, name: str, *, autogenerate: bool, own: bool) -> Revision:
    """Write a revision of the company databases, filled by comparing a new one with the models when `autogenerate`."""
    if not autogenerate:
        return installation.tenant_tree.new_revision(name, own=own)
    with installation.central() as connection, scratch_name(installation, connection) as scratch:
        template = ensure_template(installation, connection)
        databases.create(connection, scratch, owner=installation.settings.owner_role, template=template)
        with installation.server.engine(scratch).connect() as opened:
            return installation.tenant_tree.new_revision(name, own=own, connection=opened)
