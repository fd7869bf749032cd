"""Where the company databases are: one query for the whole fleet (D3), or every `alembic_version` read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.errors import MigrationError, MpmOpsError, NoDatabase, UnknownState
from mpm_ops.postgres import databases
from mpm_ops.records import MAIN, Company, CompanyState
from mpm_ops.schema.apply import read_heads, try_alone

#: Heads by database, or why they cannot be read; a database that does not exist is not in it.
Stamps = Mapping[str, tuple[str, ...] | MpmOpsError]


def states(installation: Installation, companies: Sequence[Company], *, verify: bool = False) -> list[CompanyState]:
    """Tell where each company's database is and what is pending; `verify` trusts no stamp. Read-only."""
    stamps = read_stamps(installation, companies, verify=verify)
    wrong = mistaken(installation, companies, stamps) if verify else {}
    tree = installation.tenant_tree

    @cache  # a fleet is in few states
    def pending(heads: tuple[str, ...]) -> tuple[str, ...] | None:
        try:
            return tuple(revision.id for revision in tree.pending(heads))
        except UnknownState:
            return None

    found = [_state(company, stamps.get(company.database), pending) for company in companies]
    return [dataclasses.replace(one, state="wrong stamp") if one.company_id in wrong else one for one in found]


def read_stamps(installation: Installation, companies: Sequence[Company], *, verify: bool = False) -> Stamps:
    """Return the heads of every database that exists, or the error that reading them met. Read-only.

    Only a database without a stamp is opened, and with `verify` every one.
    """
    stamps = stamped(installation, companies)
    present = [company for company in companies if company.database in stamps]
    found: dict[str, tuple[str, ...] | MpmOpsError] = {
        company.database: heads for company in present if (heads := stamps[company.database]) is not None
    }
    doubtful = [
        company
        for company in present
        if company.database not in found or (verify and not isinstance(found[company.database], MpmOpsError))
    ]
    with ThreadPoolExecutor(installation.settings.workers) as pool:
        answers = pool.map(lambda one: _read(installation, one), doubtful)
        found |= {company.database: answer for company, answer in zip(doubtful, answers, strict=True)}
    return found


def stamped(
    installation: Installation, companies: Sequence[Company]
) -> dict[str, tuple[str, ...] | MpmOpsError | None]:
    """Return what the stamps say, by database; None where there is none. One query for each server. Read-only.

    A server that does not answer is the error of all databases on it, and no reason for the others to go without.
    """
    found: dict[str, tuple[str, ...] | MpmOpsError | None] = {}
    for server, there in by_server(companies).items():
        try:
            with installation.maintenance(server) as connection:
                stamps = databases.stamps(connection, f"{installation.settings.prefix}company_")
                # Another server may have a database of the same name: an old copy, a restored one.
                found |= {company.database: stamps[company.database] for company in there if company.database in stamps}
        except MpmOpsError as exc:
            if server == MAIN:
                raise  # nothing is known without the central database
            found |= {company.database: exc for company in there}
    return found


def known_heads(installation: Installation, companies: Sequence[Company]) -> dict[int, tuple[str, ...]]:
    """Return the heads by company id, as the stamps say, of those that have one. Read-only."""
    found = stamped(installation, companies)
    return {company.id: heads for company in companies if isinstance(heads := found.get(company.database), tuple)}


def mistaken(installation: Installation, companies: Sequence[Company], verified: Stamps) -> dict[int, str]:
    """Return, by company id, how its stamp differs from what its `alembic_version` says. Read-only."""
    stamps = stamped(installation, companies)
    return {
        company.id: f"its stamp says {_listed(stamp)} and its alembic_version {_listed(heads)}"
        for company in companies
        if isinstance(heads := verified.get(company.database), tuple)
        and not isinstance(stamp := stamps.get(company.database), MpmOpsError)
        and stamp != heads
    }


def put_right(installation: Installation, company: Company) -> bool:
    """Stamp a database with what its `alembic_version` says; False when a runner is at it, which stamps it itself.

    Under that runner's lock: what was read before may be the past by now. Raises what the server has against it.
    """
    owner = installation.settings.owner_role
    with (
        installation.server_of(company).connect(company.database, role=owner) as connection,
        try_alone(connection) as alone,
    ):
        if alone:
            connection.execute(databases.stamp(company.database, read_heads(connection)))
        return alone


def _listed(heads: tuple[str, ...] | None) -> str:
    return "nothing" if heads is None else ", ".join(heads) or "base"


def heads_of(stamps: Stamps, company: Company) -> tuple[str, ...]:
    """Return the heads of a company's database; none where they are not known."""
    found = stamps.get(company.database)
    return found if isinstance(found, tuple) else ()


def missing(company: Company) -> MpmOpsError:
    """Return the error for a company whose database is not there."""
    if not company.database:
        return NoDatabase(company.name)
    return MigrationError(
        f"its database {company.database} does not exist",
        hint="Restore it from a backup, or make an empty one: mpm-ops migrate-tenant --create-missing",
        company=company.name,
    )


def _read(installation: Installation, company: Company) -> tuple[str, ...] | MpmOpsError:
    try:
        with installation.server_of(company).connect(company.database) as connection:
            return read_heads(connection)
    except MpmOpsError as exc:
        # This company's outcome, and no reason for the others to go without theirs.
        return exc


def _state(
    company: Company,
    found: tuple[str, ...] | MpmOpsError | None,
    pending_from: Callable[[tuple[str, ...]], tuple[str, ...] | None],
) -> CompanyState:
    heads = found if isinstance(found, tuple) else None
    pending = None if heads is None else pending_from(heads)
    if found is None:
        state = "no database"
    elif heads is None:
        state = "unreachable"
    elif pending is None:
        state = "unknown revision"
    else:
        state = "behind" if pending else "current"
    return CompanyState(
        company_id=company.id,
        company=company.name,
        database=company.database,
        heads=heads,
        pending=pending or (),
        state=state,
    )
