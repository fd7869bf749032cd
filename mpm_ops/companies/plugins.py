"""Plugins of companies: a branch and some rows, installed, switched and taken away, each as a run in the ledger."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mpm_ops.central import registry
from mpm_ops.central.ledger import Planned
from mpm_ops.companies.account import Account, Job, account
from mpm_ops.companies.groups import make_groups, outdated
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.migrations import summary
from mpm_ops.companies.plugin_rows import ACTIVE, disabling, enabling, installing, removing, switched
from mpm_ops.companies.plugin_sets import PluginSet, read_set
from mpm_ops.companies.rows import Rows
from mpm_ops.companies.snapshots import take, unless_written
from mpm_ops.errors import Refused, UnknownPlugin, UsageError
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change
from mpm_ops.postgres import databases
from mpm_ops.records import Company, CompanyPlugin, FleetReport, Outcome, Plugin, Status
from mpm_ops.schema.apply import Manner, apply
from mpm_ops.schema.plan import Plan
from mpm_ops.tenant.manifests import manifests

#: Classes of SQLSTATE after which nobody knows: none was told, the connection was lost, the server was stopped.
_LOST = ("", "08", "57")


def listed(installation: Installation, company: Company) -> list[CompanyPlugin]:
    """List all plugins by id, and how each stands with a company; those of other packages too. Read-only."""
    with installation.central() as connection:
        known = registry.plugins(connection)
    names = {plugin.name for plugin in known}
    known += [
        Plugin(id=0, name=one.name, usage_type=one.usage_type, description=one.description)
        for one in manifests().values()
        if one.name not in names
    ]
    its = read_set(installation, company)
    with_branch = set(installation.tenant_tree.plugins(its.heads))
    return [
        CompanyPlugin(
            id=plugin.id,
            name=plugin.name,
            usage_type=plugin.usage_type,
            state=_state(its.rows.get(plugin.id), has_branch=plugin.name in with_branch),
            tables=plugin.name in with_branch,
        )
        for plugin in known
    ]


def install(installation: Installation, company: Company, term: int | str) -> FleetReport:
    """Run the branch of a plugin on a company, if it has one, and write its rows; switched off, it is switched on.

    Both are one transaction, unless the branch ends with a revision that is none. Raises UnknownPlugin.
    """
    plugin = _known(installation, term)
    tree = installation.tenant_tree
    its = read_set(installation, company)
    plan = tree.plugin_plan(its.heads, plugin.name)
    done = its.rows.get(plugin.id) == ACTIVE and not plan.steps
    verb = _Verb(
        installation,
        company,
        f"plugin install {plugin.name}",
        Rows(plan=plan, after=installing(plugin, tree.folders.plugins.get(plugin.name))),
        skipped="it is installed already" if done else "",
    )
    return verb.go()


def complete(installation: Installation, company: Company, term: int | str) -> FleetReport:
    """Bring the branch of a plugin to a company that has its row, which stays as it is: on or off.

    Raises UnknownPlugin, UsageError when it has none.
    """
    plugin, its = _installed(installation, company, term)
    tree = installation.tenant_tree
    text = switched(plugin, tree.folders.plugins.get(plugin.name), its.rows[plugin.id])
    rows = Rows(plan=tree.plugin_plan(its.heads, plugin.name), after=text)
    skipped = "" if rows.plan.steps else "its tables are there"
    return _Verb(installation, company, f"plugin install {plugin.name}", rows, skipped=skipped).go()


def uninstall(installation: Installation, company: Company, term: int | str, *, drop_data: bool) -> FleetReport:
    """Take the branch of a plugin and its rows away; the tables are gone then, and a copy of the database is kept.

    The report's notes name the copy. Raises Refused where there are tables and `drop_data` does not say so,
    MigrationError where other revisions stand on the branch, ServerError where the database cannot be copied.
    """
    plugin = _known(installation, term)
    its = read_set(installation, company)
    plan = installation.tenant_tree.without_plugin_plan(its.heads, plugin.name)
    if plan.steps and not drop_data:
        raise Refused(
            f"to uninstall {plugin.name} drops its tables, and what {company.name} has in them",
            hint="Add --drop-data; or switch it off and keep them: mpm-ops plugin disable",
        )
    copy = take(installation, company) if plan.steps else ""
    verb = _Verb(
        installation,
        company,
        f"plugin uninstall {plugin.name}",
        Rows(plan=plan, before=removing(plugin)),
        notes=[_kept(company, copy)] if copy else [],
        skipped="" if plan.steps or plugin.id in its.rows else "it is not installed",
        first=unless_written(installation, company, copy, _tables(installation, plan)) if copy else [],
    )
    report = verb.go()
    if copy and all(map(is_refused, report.outcomes)):
        # Nothing was taken away, so nothing is to be kept.
        with installation.maintenance(company.server) as connection:
            databases.drop(connection, copy)
        report = dataclasses.replace(report, notes=[])
    return report


def is_refused(outcome: Outcome) -> bool:
    """Whether it is sure that nothing was done: another runner was at it, or the server has said no.

    After a lost connection it is not: the server may have committed what it could not tell of.
    """
    if outcome.failure is None:
        return outcome.status is Status.BUSY
    return outcome.before == outcome.after and outcome.failure.sqlstate[:2] not in _LOST


def enable(installation: Installation, company: Company, term: int | str) -> FleetReport:
    """Switch an installed plugin on. Raises UnknownPlugin, UsageError when it is not installed."""
    return _switch(installation, company, term, "enable", enabling, on=True)


def disable(installation: Installation, company: Company, term: int | str) -> FleetReport:
    """Switch an installed plugin off; its tables and their rows stay. Raises UnknownPlugin, UsageError."""
    return _switch(installation, company, term, "disable", disabling, on=False)


def _switch(
    installation: Installation,
    company: Company,
    term: int | str,
    word: str,
    rows_of: Callable[[Plugin], str],
    *,
    on: bool,
) -> FleetReport:
    plugin, its = _installed(installation, company, term)
    skipped = f"it is {word}d already" if (its.rows[plugin.id] == ACTIVE) is on else ""
    rows = Rows(plan=Plan(its.heads, ()), after=rows_of(plugin))
    return _Verb(installation, company, f"plugin {word} {plugin.name}", rows, skipped=skipped).go()


@dataclass(frozen=True)
class _Verb:
    """One thing that is done to one company: a plan, which may be empty, and rows."""

    installation: Installation
    company: Company
    action: str
    #: They hold the plan.
    rows: Rows
    notes: list[str] = field(default_factory=list)
    #: Why there is nothing to do.
    skipped: str = ""
    #: Statements for the beginning of the first transaction.
    first: Sequence[str] = ()

    def go(self) -> FleetReport:
        """Do it, with the ledger around it."""
        plan = self.rows.plan
        planned = Planned(company=self.company, before=plan.before, plan=plan.hash)
        idle = Outcome(
            company_id=self.company.id,
            company=self.company.name,
            status=Status.SKIPPED,
            reason=self.skipped,
            before=plan.before,
            after=plan.before,
        )
        job = Job(
            action=self.action,
            planned=[planned],
            work=self._work,
            idle=[idle] if self.skipped else [],
            plans=[summary(plan, apart=self.rows.apart)],
            notes=self.notes,
        )
        return account(self.installation, job, policy=Policy(), hooks=Hooks())

    def _work(self, company: Company, pages: Account) -> Change:
        if outdated(self.installation, [company]):
            make_groups(self.installation, company.server, company.database)
        server, owner = self.installation.server_of(company), self.installation.settings.owner_role
        plan, rows, reading = self.rows.plan, self.rows, self.installation.reading
        if plan.steps:
            manner = Manner(
                application=pages.application,
                # All of it or nothing, where that can be.
                one_transaction=all(step.transactional for step in plan.steps),
                before=lambda step: [
                    *(self.first if step is plan.steps[0] else ()),
                    *rows.before_step(step),
                    *reading.before_step(step),
                ],
                after=lambda step: [*reading.after_step(step, company.database), *rows.after_step(step)],
            )
            apply(server, company.database, plan, owner=owner, manner=manner)
        rows.write(server, company.database, owner=owner, application=pages.application)
        return Change(before=plan.before, after=plan.after)


def _known(installation: Installation, term: int | str) -> Plugin:
    """Return the plugin with this id or name; that of another package is entered among them when it is first named."""
    with installation.central() as connection:
        try:
            return registry.find_plugin(connection, term)
        except UnknownPlugin:
            brought = {name.casefold(): one for name, one in manifests().items()}
            if (one := brought.get(str(term).casefold())) is None:
                raise
            return registry.add_plugin(connection, one.name, one.usage_type, one.description)


def _installed(installation: Installation, company: Company, term: int | str) -> tuple[Plugin, PluginSet]:
    """Return a plugin of which a company has the row, and all that it has. Raises UnknownPlugin, UsageError."""
    plugin = _known(installation, term)
    its = read_set(installation, company)
    if plugin.id not in its.rows:
        raise UsageError(
            f"{plugin.name} is not installed",
            hint=f"mpm-ops plugin install {company.id} {plugin.name!r}",
            company=company.name,
        )
    return plugin, its


def _state(status: int | None, *, has_branch: bool) -> str:
    if status is None:
        return "unfinished" if has_branch else "not installed"
    return "enabled" if status == ACTIVE else "disabled"


def _tables(installation: Installation, plan: Plan) -> list[str]:
    """Return the tables that the revisions which a plan undoes have made."""
    undone = {step.revision for step in plan.steps}
    made = installation.tenant_tree.plan_to(plan.before).steps
    return sorted({table for step in made if step.revision in undone for table in step.creates})


def _kept(company: Company, copy: str) -> str:
    drop = f"mpm-ops plugin snapshots {company.id} --drop-older-than DAYS"
    return f"the database as it was is {copy}; when nobody needs it any more: {drop}"
