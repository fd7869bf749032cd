"""New revision files for either tree; filled from the models when asked, which is the only time a server is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mpm_ops.companies.installation import Installation
from mpm_ops.companies.scratch import scratch_name
from mpm_ops.errors import InvalidInput, MigrationError, UnknownPlugin
from mpm_ops.postgres import databases
from mpm_ops.records import Revision
from mpm_ops.schema.apply import apply, read_heads
from mpm_ops.schema.autogenerate import without_own
from mpm_ops.shipped import is_checkout

if TYPE_CHECKING:
    from mpm_ops.schema.trees import Tree


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


def tenant(installation: Installation, name: str, *, autogenerate: bool, own: bool, plugin: str = "") -> Revision:
    """Write a revision of the company databases, filled by comparing a new one with the models when `autogenerate`.

    The models know nothing of what the installation's own revisions made: that is not proposed to be dropped. Nor do
    they know tables of plugins: a revision of a `plugin` is filled by hand.
    """
    tree = installation.tenant_tree
    if plugin:
        return tree.new_revision(name, own=False, plugin=_checked(tree, plugin, autogenerate=autogenerate))
    if not autogenerate:
        return tree.new_revision(name, own=own)
    tree.check_name(name)
    if not tree.has_own():
        with _made_by(installation, tree) as connection:
            return tree.new_revision(name, own=own, connection=connection)
    shipped = tree.shipped_only()
    with _made_by(installation, shipped) as of_shipped:
        if own:
            with _made_by(installation, tree) as connection:
                include = without_own(of_shipped)
                return tree.new_revision(name, own=True, connection=connection, include_object=include)
        made = shipped.new_revision(name, own=False, connection=of_shipped)
    installation.forget_trees()
    return made


def _checked(tree: Tree, plugin: str, *, autogenerate: bool) -> str:
    """Return the name of a plugin as its folder has it. Raises UnknownPlugin, InvalidInput."""
    known = {name.casefold(): name for name in tree.folders.plugins}
    if (name := known.get(plugin.casefold())) is None:
        raise UnknownPlugin(
            f"no plugin named {plugin[:80]!r} has a folder for migrations",
            hint=f"These have: {', '.join(sorted(known.values()))}.",
        )
    if name not in tree.folders.others and not is_checkout():
        raise InvalidInput(
            f"the migrations of {name} come with mpm-ops",
            hint="What you add to its tables goes into a migration of your own.",
        )
    if autogenerate:
        raise InvalidInput("a plugin's tables have no models to compare with", hint="Leave --autogenerate out.")
    return name


@contextmanager
def _made_by(installation: Installation, tree: Tree) -> Iterator[sa.Connection]:
    """Lend a connection to a scratch database that a tree has made."""
    owner = installation.settings.owner_role
    with installation.central() as connection, scratch_name(installation, connection) as scratch:
        databases.create(connection, scratch, owner=owner)
        apply(installation.server, scratch, tree.upgrade_plan(()), owner=owner)
        with installation.server.engine(scratch).connect() as opened:
            yield opened
