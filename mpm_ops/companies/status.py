"""The state of the fleet in one look: who is where, behind, busy, failed last, out of reach."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from mpm_ops.central import ledger
from mpm_ops.companies import selection, states
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.errors import ServerError
from mpm_ops.postgres import locks
from mpm_ops.records import FleetStatus
from mpm_ops.schema.apply import LOCK


def status(installation: Installation, *, verify: bool = False) -> FleetStatus:
    """Tell the state of the fleet. Without `verify` no company's database is opened. Read-only."""
    companies = selection.chosen(installation, None)
    found = states.states(installation, companies, verify=verify)
    held: set[str] = set()
    for server in by_server(companies):
        # One that does not answer is told already: its companies are unreachable.
        with suppress(ServerError), installation.maintenance(server) as connection:
            held |= locks.holders(connection, LOCK)
    with installation.central() as connection:
        failed = ledger.failed_last(connection)
    newest = installation.tenant_tree.heads()
    return FleetStatus(
        newest=newest,
        revisions=dict(Counter(state.heads for state in found if state.heads is not None).most_common()),
        states=found,
        busy=[company.name for company in companies if company.database in held],
        failed_last=[company.name for company in companies if company.id in failed],
    )
