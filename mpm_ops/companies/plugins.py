"""Plugins of companies: a branch and some rows, installed, switched and taken away, each as a run in the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from mpm_ops.central import registry
from mpm_ops.central.ledger import Planned
from mpm_ops.companies.account import Account, Job, account
from mpm_ops.companies.clone import clone
from mpm_ops.companies.grants import after_step, before_step
from mpm_ops.companies.groups import make_groups, outdated
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.migrations import summary
from mpm_ops.companies.plugin_rows import ACTIVE, disabling, enabling, installing, removing
from mpm_ops.errors import Busy, Refused, UnknownPlugin, UsageError
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change
from mpm_ops.records import Company, CompanyPlugin, FleetReport, Outcome, Plugin, Status
from mpm_ops.schema.apply import Manner, apply, read_heads, try_alone
from mpm_ops.schema.plan import Plan, Step
from mpm_ops.tenant.manifests import manifests


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
    heads, rows = _found(installation, company)
    with_branch = set(installation.tenant_tree.plugins(heads))
    return [
        CompanyPlugin(
            id=plugin.id,
            name=plugin.name,
            usage_type=plugin.usage_type,
            state=_state(rows.get(plugin.id), has_branch=plugin.name in with_branch),
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
    heads, rows = _found(installation, company)
    plan = tree.plugin_plan(heads, plugin.name)
    done = rows.get(plugin.id) == ACTIVE and not plan.steps
    verb = _Verb(
        installation,
        company,
        f"plugin install {plugin.name}",
        plan,
        rows_after=installing(plugin, tree.folders.plugins.get(plugin.name)),
        skipped="it is installed already" if done else "",
    )
    return verb.go()


def uninstall(installation: Installation, company: Company, term: int | str, *, drop_data: bool) -> FleetReport:
    """Take the branch of a plugin and its rows away; the tables are gone then, and a copy of the database is kept.

    The report's notes name the copy. Raises Refused where there are tables and `drop_data` does not say so,
    MigrationError where other revisions stand on the branch, ServerError where the database cannot be copied.
    """
    plugin = _known(installation, term)
    heads, rows = _found(installation, company)
    plan = installation.tenant_tree.without_plugin_plan(heads, plugin.name)
    if plan.steps and not drop_data:
        raise Refused(
            f"to uninstall {plugin.name} drops its tables, and what {company.name} has in them",
            hint="Add --drop-data; or switch it off and keep them: mpm-ops plugin disable",
        )
    verb = _Verb(
        installation,
        company,
        f"plugin uninstall {plugin.name}",
        plan,
        rows_before=removing(plugin),
        notes=_snapshot(installation, company) if plan.steps else [],
        skipped="" if plan.steps or plugin.id in rows else "it is not installed",
    )
    return verb.go()


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
    plugin = _known(installation, term)
    heads, rows = _found(installation, company)
    if plugin.id not in rows:
        raise UsageError(
            f"{plugin.name} is not installed",
            hint=f"mpm-ops plugin install {company.id} {plugin.name!r}",
            company=company.name,
        )
    skipped = f"it is {word}d already" if (rows[plugin.id] == ACTIVE) is on else ""
    plan = Plan(heads, ())
    action = f"plugin {word} {plugin.name}"
    return _Verb(installation, company, action, plan, rows_after=rows_of(plugin), skipped=skipped).go()


@dataclass(frozen=True)
class _Verb:
    """One thing that is done to one company: a plan, which may be empty, and rows."""

    installation: Installation
    company: Company
    action: str
    plan: Plan
    #: Statements that go with the first step of the plan, and with the last.
    rows_before: str = ""
    rows_after: str = ""
    notes: list[str] = field(default_factory=list)
    #: Why there is nothing to do.
    skipped: str = ""

    def go(self) -> FleetReport:
        """Do it, with the ledger around it."""
        planned = Planned(company=self.company, before=self.plan.before, plan=self.plan.hash)
        idle = Outcome(
            company_id=self.company.id,
            company=self.company.name,
            status=Status.SKIPPED,
            reason=self.skipped,
            before=self.plan.before,
            after=self.plan.before,
        )
        job = Job(
            action=self.action,
            planned=[planned],
            work=self._work,
            idle=[idle] if self.skipped else [],
            plans=[summary(self.plan)],
            notes=self.notes,
        )
        return account(self.installation, job, policy=Policy(), hooks=Hooks())

    def _work(self, company: Company, pages: Account) -> Change:
        if outdated(self.installation, [company]):
            make_groups(self.installation, company.server, company.database)
        server, owner = self.installation.server_of(company), self.installation.settings.owner_role
        if self.plan.steps:
            manner = Manner(application=pages.application, before=self._before, after=self._after)
            apply(server, company.database, self.plan, owner=owner, manner=manner)
        if not self._joined:
            with (
                server.connect(company.database, role=owner, application=pages.application) as tenant,
                try_alone(tenant) as alone,
                tenant.transaction(),
            ):
                if not alone:
                    raise Busy(hint="Wait for the other run to end, then run this again.")
                tenant.execute((self.rows_before + self.rows_after).encode())
        return Change(before=self.plan.before, after=self.plan.after)

    @property
    def _joined(self) -> bool:
        """Whether the rows are written in a step's own transaction: all of it or nothing."""
        if not self.plan.steps:
            return False
        step = self.plan.steps[-1 if self.rows_after else 0]
        return step.transactional and len(step.parts) == 1

    def _before(self, step: Step) -> list[str]:
        rows = [self.rows_before] if self.rows_before and self._joined and step is self.plan.steps[0] else []
        return [*rows, *before_step(step)]

    def _after(self, step: Step) -> list[str]:
        rows = [self.rows_after] if self.rows_after and self._joined and step is self.plan.steps[-1] else []
        return [*after_step(step, self.company.database), *rows]


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


def _found(installation: Installation, company: Company) -> tuple[tuple[str, ...], dict[int, int]]:
    """Return the heads of a company's database, and the status of its plugins by id. Read-only."""
    owner = installation.settings.owner_role
    with installation.server_of(company).connect(company.database, role=owner) as tenant:
        heads = read_heads(tenant)
        there = tenant.execute("SELECT to_regclass('public.plugins') IS NOT NULL").fetchone()
        if there is None or not there[0]:
            return heads, {}  # at base
        return heads, dict(tenant.execute("SELECT mpm_plugin_id, status FROM plugins").fetchall())


def _state(status: int | None, *, has_branch: bool) -> str:
    if status is None:
        return "unfinished" if has_branch else "not installed"
    return "enabled" if status == ACTIVE else "disabled"


def _snapshot(installation: Installation, company: Company) -> list[str]:
    """Copy a company's database, closed to everybody; return what to tell of the copy."""
    name = f"{installation.settings.prefix}snapshot_{company.id}_{dt.datetime.now(dt.UTC):%Y%m%d%H%M%S}"
    with installation.maintenance(company.server) as connection:
        clone(installation, connection, company, name)
    return [f"the database as it was is {name}; when nobody needs it any more: DROP DATABASE {name}"]
