"""The state of the fleet in one look: who is where, behind, busy, drifted, out of reach; what is running."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from mpm_ops.central import drift as memory
from mpm_ops.central import history, ledger
from mpm_ops.companies import drift, selection, states
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.errors import ServerError, UnknownState
from mpm_ops.postgres import databases
from mpm_ops.records import CompanyState, FleetStatus, Spread
from mpm_ops.schema.apply import at_work

if TYPE_CHECKING:
    from mpm_ops.schema.trees import Tree


def status(installation: Installation, *, verify: bool = False) -> FleetStatus:
    """Tell the state of the fleet.

    Without `verify` no company's database is opened: the stamps tell, and the last check for drift. With it every
    `alembic_version` is read, and drift is checked anew.
    """
    companies = selection.chosen(installation, None)
    if verify:
        drift.drift(installation, companies, workers=installation.settings.workers)
    found = states.states(installation, companies, verify=verify)
    held: set[str] = set()
    shut: set[str] = set()
    for server, there in by_server(companies).items():
        # One that does not answer is told already: its companies are unreachable.
        with suppress(ServerError), installation.maintenance(server) as connection:
            at_home = {company.database for company in there}  # not a copy of another server's
            held |= at_work(connection) & at_home
            shut |= databases.shut(connection, f"{installation.settings.prefix}company_") & at_home
    found = [dataclasses.replace(one, state="unreachable") if one.database in shut else one for one in found]
    with installation.central() as connection:
        failed = ledger.failed_last(connection)
        checks = memory.checks(connection, [company.id for company in companies])
        running = history.under_way(connection)
    return FleetStatus(
        newest=installation.tenant_tree.heads(),
        revisions=_spread(installation.tenant_tree, found),
        states=found,
        busy=[company.name for company in companies if company.database in held],
        failed_last=[company.name for company in companies if company.id in failed],
        drifted=[one.name for one in companies if one.id in checks and checks[one.id].differences],
        drift_checked_at=min(check.checked_at for check in checks.values()) if len(checks) == len(found) > 0 else None,
        running=running,
    )


def _spread(tree: Tree, found: Sequence[CompanyState]) -> list[Spread]:
    """Count who is where, whatever plugins each has: there may be as many sets of those as companies."""

    @cache
    def shared(heads: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tree.without_plugins(heads)
        except UnknownState:
            return heads

    counts = Counter((shared(one.heads), one.state == "current") for one in found if one.heads is not None)
    return [Spread(heads=at, companies=number, newest=newest) for (at, newest), number in counts.most_common()]
