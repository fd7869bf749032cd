"""How much company databases take on disk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.errors import MpmOpsError
from mpm_ops.postgres import databases
from mpm_ops.records import Company


def sizes_of(installation: Installation, companies: Sequence[Company]) -> dict[str, int]:
    """Return the bytes of the companies' databases, by name, as far as they can be had. Read-only."""
    found: dict[str, int] = {}
    for server, there in by_server(companies).items():
        # A size only orders what is to be done: one that is not known stops nobody.
        with suppress(MpmOpsError), installation.maintenance(server) as connection:
            found |= databases.sizes(connection, [company.database for company in there])
    return found
