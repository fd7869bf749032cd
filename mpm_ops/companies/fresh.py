"""migrate-tenant-fresh: a company's database replaced by a new copy of the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg

from mpm_ops.central.ledger import Planned
from mpm_ops.companies.account import Account, Job, account
from mpm_ops.companies.grants import grant, reading_list
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.states import heads_of, read_stamps
from mpm_ops.companies.template import ensure_template, template_heads
from mpm_ops.errors import Busy, MpmOpsError, ServerError, ServerUnavailable
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.records import Company, FleetReport
from mpm_ops.schema.apply import try_alone

#: In the place of a plan's hash: all companies go through the same.
_EVERYBODY = "fresh"


def fresh(installation: Installation, companies: Sequence[Company], *, policy: Policy, hooks: Hooks) -> FleetReport:
    """Give every company a database as a new one has it; all rows are gone, hand-made tables too.

    The new database is made ready beside the old one and swapped in by two renames, both or none, so a failure
    leaves the old one.
    """
    templates: dict[str, str | MpmOpsError] = {}
    oids: dict[int, int] = {}
    for server, there in by_server(companies).items():
        try:
            with installation.maintenance(server) as connection:
                templates[server] = ensure_template(installation, connection, server=server)
                known = databases.oids(connection, [company.database for company in there])
                oids |= {company.id: known[company.database] for company in there if company.database in known}
        except ServerError as exc:
            if isinstance(exc, ServerUnavailable):
                exc.away = False  # it was asked before the run
            templates[server] = exc  # the outcome of those on it, and of nobody else
    heads = template_heads(installation)
    stamps = read_stamps(installation, companies)

    def work(company: Company, _: Account) -> Change:
        template = templates[company.server]
        if isinstance(template, MpmOpsError):
            raise template
        _replace(installation, company, template)
        return Change(before=heads_of(stamps, company), after=heads)

    planned = [Planned(company=one, before=heads_of(stamps, one), plan=_EVERYBODY) for one in companies]
    job = Job(action="migrate-tenant-fresh", planned=planned, work=work, plans=[_plan(heads, oids)])
    return account(installation, job, policy=policy, hooks=hooks)


def _plan(heads: tuple[str, ...], oids: Mapping[int, int]) -> dict[str, object]:
    """Return what the ledger has to know of a run: the heads of the new databases, and the OIDs of the old, by id.

    Heads may be the same before and after, OIDs never are: they tell what a killed run did.
    """
    return {"hash": _EVERYBODY, "to": heads, "steps": [], "oids": oids}


def _replace(installation: Installation, company: Company, template: str) -> None:
    name, server = company.database, installation.server_of(company)
    with (
        installation.maintenance(company.server) as connection,
        # Held to the end, outside of the company's database, which is replaced on the way.
        locks.try_lock(connection, f"fresh {name}") as alone,
    ):
        if not alone:
            raise Busy(hint="Wait for the other run to end, then run this again.")
        for leftover in (f"{name}_new", f"{name}_old"):  # of a run that was killed
            databases.drop(connection, leftover)
        with server.connect(name) as held, try_alone(held) as got:
            if not got:
                raise Busy(hint="Wait for the other run to end, then run this again.")
            _prepare(installation, connection, company, template)
        databases.end_sessions(connection, name)
        with connection.transaction():
            databases.rename(connection, name, f"{name}_old")
            databases.rename(connection, f"{name}_new", name)
            roles.note(connection, roles.personal_group(name), reading_list())
            connection.execute(databases.stamp(name, template_heads(installation)))
        databases.drop(connection, f"{name}_old")


def _prepare(installation: Installation, connection: psycopg.Connection, company: Company, template: str) -> None:
    owner, name = installation.settings.owner_role, company.database
    new = f"{name}_new"
    databases.create(connection, new, owner=owner, template=template)
    groups = roles.groups(name)
    for group in groups:
        roles.ensure_group(connection, group)  # it may be older than one of them
    databases.close_to_public(connection, new, admit=groups)
    with installation.server_of(company).connect(new, role=owner) as tenant, tenant.transaction():
        grant(tenant, owner=owner, database=name)
