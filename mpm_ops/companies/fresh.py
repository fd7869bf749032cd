"""migrate-tenant-fresh: a company's database replaced by a new copy of the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg

from mpm_ops.central.ledger import Planned
from mpm_ops.companies.account import Account, Job, account
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.killed import settle_all
from mpm_ops.companies.plugin_sets import Kept, kept_by
from mpm_ops.companies.rows import Rows
from mpm_ops.companies.states import heads_of, read_stamps
from mpm_ops.companies.template import ensure_template, template_heads
from mpm_ops.errors import Busy, MpmOpsError, ServerError, ServerUnavailable
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.records import Company, FleetReport
from mpm_ops.schema.apply import Manner, apply, try_alone
from mpm_ops.schema.plan import Plan

#: In the place of a plan's hash: all companies without plugins go through the same.
_PLAIN = "fresh"


def fresh(installation: Installation, companies: Sequence[Company], *, policy: Policy, hooks: Hooks) -> FleetReport:
    """Give every company a database as a new one has it; all rows are gone, hand-made tables too.

    It has the plugins that it had, as a new one has them, and those that were switched off are.

    The new database is made ready beside the old one and swapped in by two renames, both or none, so a failure
    leaves the old one.
    """
    templates, oids = _templates(installation, companies)
    stamps = read_stamps(installation, companies)
    with installation.central() as connection:
        settle_all(installation, connection)  # a refresh that was killed tells which plugins there were
    kept = kept_by(installation, companies, stamps)
    rows = {one: _rows(installation, its) for one, its in kept.items()}

    def work(company: Company, pages: Account) -> Change:
        for found in (templates[company.server], kept[company.id]):
            if isinstance(found, MpmOpsError):
                raise found
        its = rows[company.id]
        _replace(installation, company, str(templates[company.server]), its, application=pages.application)
        return Change(before=heads_of(stamps, company), after=its.plan.after)

    planned = [Planned(company=one, before=heads_of(stamps, one), plan=_hash(rows[one.id].plan)) for one in companies]
    job = Job(action="migrate-tenant-fresh", planned=planned, work=work, plans=_plans(rows, oids))
    return account(installation, job, policy=policy, hooks=hooks)


def _templates(
    installation: Installation, companies: Sequence[Company]
) -> tuple[dict[str, str | MpmOpsError], dict[int, int]]:
    """Return the template on each server, or why there is none, and the OIDs of the databases, by company id."""
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
    return templates, oids


def _rows(installation: Installation, kept: Kept | MpmOpsError) -> Rows:
    """Return what follows upon the copy of the template: the branches of a company's plugins, and their rows."""
    its = kept if isinstance(kept, Kept) else Kept()
    plan = installation.tenant_tree.upgrade_plan(template_heads(installation), plugins=its.names)
    return Rows(plan=plan, after=its.rows)


def _hash(plan: Plan) -> str:
    return plan.hash if plan.steps else _PLAIN


def _plans(rows: Mapping[int, Rows], oids: Mapping[int, int]) -> list[dict[str, object]]:
    """Return what the ledger has to know of a run: the heads of the new databases, and the OIDs of the old, by id.

    Heads may be the same before and after, OIDs never are: they tell what a killed run did.
    """
    plans = {_hash(its.plan): its.plan for its in rows.values()}
    return [
        {
            "hash": digest,
            "to": plan.after,
            "steps": [],
            "oids": {one: oid for one, oid in oids.items() if _hash(rows[one].plan) == digest},
        }
        for digest, plan in plans.items()
    ]


def _replace(installation: Installation, company: Company, template: str, rows: Rows, *, application: str) -> None:
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
            _prepare(installation, connection, company, template, rows, application=application)
        databases.end_sessions(connection, name)
        with connection.transaction():
            databases.rename(connection, name, f"{name}_old")
            databases.rename(connection, f"{name}_new", name)
            roles.note(connection, roles.personal_group(name), installation.reading.name)
            connection.execute(databases.stamp(name, rows.plan.after))
        databases.drop(connection, f"{name}_old")


def _prepare(
    installation: Installation,
    connection: psycopg.Connection,
    company: Company,
    template: str,
    rows: Rows,
    *,
    application: str,
) -> None:
    owner, name = installation.settings.owner_role, company.database
    new = f"{name}_new"
    databases.create(connection, new, owner=owner, template=template)
    groups = roles.groups(name)
    for group in groups:
        roles.ensure_group(connection, group)  # it may be older than one of them
    databases.close_to_public(connection, new, admit=groups)
    server, reading = installation.server_of(company), installation.reading
    with server.connect(new, role=owner) as tenant, tenant.transaction():
        reading.grant(tenant, owner=owner, database=name)
    if rows.plan.steps:
        manner = Manner(
            application=application, after=lambda step: [*reading.after_step(step, name), *rows.after_step(step)]
        )
        apply(server, new, rows.plan, owner=owner, manner=manner)
    rows.write(server, new, owner=owner, application=application)
