"""A snapshot of usage: what every company's database holds and does, written to the central database for trends."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from contextlib import closing

from mpm_ops.central import usage
from mpm_ops.companies import selection
from mpm_ops.companies.assertions import asked
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.watch import Watch
from mpm_ops.errors import InvalidInput, MpmOpsError, NoDatabase, ServerUnavailable
from mpm_ops.fleet.policy import Policy
from mpm_ops.postgres.counters import Counters, counters, rows
from mpm_ops.records import Company, Usage

#: Seconds that a server may be away once it has told its counters: the next snapshot is not far.
_OUTAGE = 10
#: What a server tells of a database.
_COUNTED = ("size", "connections", "transactions", "inserted", "updated", "deleted", "counted_since")


def snapshot(installation: Installation, *, keep_days: int, write: bool) -> list[Usage]:
    """Measure the databases of all companies, by company id; write that unless told not to.

    What could not be asked is None and told in `error`: nobody is left out. Raises InvalidInput.
    """
    if keep_days < 1:
        raise InvalidInput(f"keep_days is {keep_days}", hint="Give a number of days, 1 at least.")
    companies = selection.chosen(installation, None)
    with installation.central() as connection:
        taken_at = usage.now(connection)
        questions = usage.questions_since_last(connection, taken_at)
    told = _counters(installation, companies)
    counts = _rows(installation, [company for company in companies if isinstance(told[company.id], Counters)])
    found = [
        _usage(company, told[company.id], counts.get(company.id), taken_at, questions.get(company.id, 0))
        for company in companies
    ]
    if write:
        with installation.central() as connection:
            usage.save(connection, found, keep_days=keep_days)
    return found


def history(installation: Installation, company: Company | None, *, days: int) -> list[Usage]:
    """List what the snapshots of the last so many days know, oldest first. Raises InvalidInput. Read-only."""
    if days < 1:
        raise InvalidInput(f"days is {days}", hint="Give a number of days, 1 at least.")
    with installation.central() as connection:
        return usage.history(connection, company_id=company.id if company else None, days=days)


def _counters(installation: Installation, companies: Sequence[Company]) -> dict[int, Counters | MpmOpsError]:
    """Return what the servers know of the companies' databases, one query each, or why they did not tell."""
    found: dict[int, Counters | MpmOpsError] = {}
    for server, there in by_server(companies).items():
        try:
            with installation.maintenance(server) as connection:
                known = counters(connection, [company.database for company in there])
        except MpmOpsError as exc:
            found |= {company.id: exc for company in there}
        else:
            found |= {company.id: known.get(company.database) or _missing(company) for company in there}
    return found


def _missing(company: Company) -> MpmOpsError:
    return ServerUnavailable("its database is gone") if company.database else NoDatabase(company.name)


def _rows(installation: Installation, companies: Sequence[Company]) -> dict[int, int | MpmOpsError]:
    """Return about how many rows each company has, which only its own database knows, or why it did not tell."""
    application = f"mpm_ops/usage {secrets.token_hex(4)}"
    owner = installation.settings.owner_role

    def ask(company: Company) -> int:
        server = installation.server_of(company)
        with server.connect(company.database, role=owner, application=application) as connection:
            return rows(connection)

    policy = Policy(workers=installation.settings.workers, outage=_OUTAGE)
    with closing(Watch(installation, by_server(companies), application)) as watch:
        return asked(companies, ask, policy=policy, limits=watch.limits, cancel=watch.cancel)


def _usage(
    company: Company,
    told: Counters | MpmOpsError,
    counted: int | MpmOpsError | None,
    taken_at: dt.datetime,
    questions: int,
) -> Usage:
    error = next((str(one) for one in (told, counted) if isinstance(one, MpmOpsError)), "")
    if isinstance(told, Counters) and told.size is None:
        error = error or "this login may not know the size"
    return Usage(
        taken_at=taken_at,
        company_id=company.id,
        company=company.name,
        rows=counted if isinstance(counted, int) else None,
        questions=questions,
        error=error.replace("\0", ""),
        **{name: getattr(told, name, None) for name in _COUNTED},
    )
