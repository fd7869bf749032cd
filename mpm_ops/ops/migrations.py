"""Migrations of company databases, and what state they leave the fleet in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from mpm_ops.companies import (
    alone,
    courses,
    drift,
    fresh,
    lint,
    migrations,
    missing_databases,
    new_migration,
    rebuilding,
    safety,
    states,
    status,
    usage,
)
from mpm_ops.companies import audit as auditing
from mpm_ops.companies import rehearse as rehearsing
from mpm_ops.companies.findings import AuditFinding, Repaired
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.rehearsal import Rehearsal
from mpm_ops.fleet.policy import Policy
from mpm_ops.ops.opened import Companies, Opened
from mpm_ops.records import (
    CompanyDrift,
    CompanyState,
    Deviation,
    DryRun,
    FleetReport,
    FleetStatus,
    Hardened,
    Hardening,
    Linted,
    Revision,
    Usage,
)
from mpm_ops.shipped import is_checkout


class MigrationVerbs(Opened):
    """Verbs that migrate, check and repair databases."""

    def make_migration(self, name: str, *, autogenerate: bool = False, own: bool = not is_checkout()) -> Revision:
        """Write a new revision file of the central database: into the tree, or into the installation's own folder."""
        return new_migration.central(self._installation, name, autogenerate=autogenerate, own=own)

    def make_migration_tenant(
        self, name: str, *, autogenerate: bool = False, own: bool = not is_checkout(), plugin: str = ""
    ) -> Revision:
        """Write a new revision file of the company databases: into the tree, or into the installation's own folder.

        With the name of a `plugin` it goes on that plugin's branch, into its folder. Raises UnknownPlugin.
        """
        return new_migration.tenant(self._installation, name, autogenerate=autogenerate, own=own, plugin=plugin)

    def migrate_tenant(
        self,
        companies: Companies = None,
        *,
        policy: Policy | None = None,
        hooks: Hooks | None = None,
        verify: bool = False,
        create_missing: bool = False,
    ) -> FleetReport:
        """Apply what is pending to all companies, or to those named. `verify` does not trust the stamps.

        With `create_missing` a company whose database is gone gets an empty new one first.
        """
        chosen = self._chosen(companies, policy)
        made: Sequence[str] = ()
        if create_missing:
            made = missing_databases.create(self._installation, chosen)
        course = courses.upgrade(self._installation, chosen, verify=verify, notes=made)
        return self._go(course, policy, hooks)

    def alone(self) -> AbstractContextManager[None]:
        """Be the only one at the fleet for a `with` block, so that an overlong night does not meet the next one.

        Raises Busy, at once, with who is at it: another such block, or a run that is under way. The lock goes with the
        process, however that ends. Runs that others begin meanwhile without it are not held off.
        """
        return alone.alone(self._installation)

    def dry_run(self, companies: Companies = None, *, policy: Policy | None = None, verify: bool = False) -> DryRun:
        """Tell what `migrate_tenant` would do: the SQL of each distinct plan, and who would go through it.

        Its notes hold what `lint_migrations` has against that SQL.
        """
        course = courses.upgrade(self._installation, self._chosen(companies, policy), verify=verify)
        return migrations.dry_run(course, notes=lint.notes(self._installation, course.distinct.values()))

    def lint_migrations(self, revisions: Sequence[str] | None = None, *, every: bool = False) -> Linted:
        """Tell what in tenant revisions stops users, breaks running code or fails half-way. Read-only.

        Without `revisions` (ids, the first characters of ids, paths of files) it is about those that some company has
        yet to get; with them, or with `every`, no server is needed. Raises InvalidInput, LinterMissing.
        """
        return lint.lint(self._installation, revisions, every=every)

    def rehearse(
        self, companies: Companies = None, *, count: int, policy: Policy | None = None, hooks: Hooks | None = None
    ) -> Rehearsal:
        """Try what `migrate_tenant` would do on clones of the `count` riskiest companies: the largest and the oldest.

        The clones are dropped again; neither the companies' databases nor the ledger are written to.
        """
        chosen = self._chosen(companies, policy)
        return rehearsing.rehearse(
            self._installation, chosen, count=count, policy=self._policy(policy), hooks=hooks or Hooks()
        )

    def tenant_states(
        self, companies: Companies = None, *, policy: Policy | None = None, verify: bool = False
    ) -> list[CompanyState]:
        """Tell where each company's database is and what is pending; of those that a policy chooses. Read-only."""
        return states.states(self._installation, self._chosen(companies, policy), verify=verify)

    def forget_revisions(self) -> None:
        """Read the migration files again at the next use: they were edited."""
        self._installation.forget_trees()

    def tenant_revisions(self, heads: Sequence[str] = ()) -> list[Revision]:
        """List the revisions that a company at `heads` has or is to get, oldest first. Read-only.

        Those of plugins that it does not have are not among them. Raises UnknownState.
        """
        return self._installation.tenant_tree.revisions_for(tuple(heads))

    def rollback_tenant(
        self,
        companies: Companies = None,
        *,
        step: int | None = None,
        policy: Policy | None = None,
        hooks: Hooks | None = None,
    ) -> FleetReport:
        """Undo the last `step` revisions, or what the last migrate-tenant run applied to each company."""
        chosen = self._chosen(companies, policy)
        return self._go(courses.rollback(self._installation, chosen, step=step), policy, hooks)

    def reset_tenant(
        self, companies: Companies = None, *, policy: Policy | None = None, hooks: Hooks | None = None
    ) -> FleetReport:
        """Roll everything back: the databases end without tables, and their rows and plugins are lost."""
        return self._go(rebuilding.reset(self._installation, self._chosen(companies, policy)), policy, hooks)

    def refresh_tenant(
        self, companies: Companies = None, *, policy: Policy | None = None, hooks: Hooks | None = None
    ) -> FleetReport:
        """Roll everything back and migrate again, plugins too: the rows are lost."""
        return self._go(rebuilding.refresh(self._installation, self._chosen(companies, policy)), policy, hooks)

    def fresh_tenant(
        self, companies: Companies = None, *, policy: Policy | None = None, hooks: Hooks | None = None
    ) -> FleetReport:
        """Replace the databases by new ones with the same plugins: all rows and hand-made tables are lost."""
        chosen = self._chosen(companies, policy)
        return fresh.fresh(self._installation, chosen, policy=self._policy(policy), hooks=hooks or Hooks())

    def drift(self, companies: Companies = None, *, full: bool = False) -> list[CompanyDrift]:
        """Compare each company's database with what its own revision makes: added, missing, changed objects.

        One whose catalog has not changed since its last comparison is not compared again, unless `full`.
        """
        chosen = self._chosen(companies)
        return drift.drift(self._installation, chosen, workers=self.settings.workers, full=full)

    def status(self, *, verify: bool = False) -> FleetStatus:
        """Tell the state of the fleet: who is at which revision, behind, busy, failed last, out of reach. Read-only."""
        return status.status(self._installation, verify=verify)

    def usage_snapshot(self, *, keep_days: int = 400, dry_run: bool = False) -> Sequence[Usage]:
        """Measure what every company's database holds and does, and write it to `ops.usage`; return it, by company id.

        Bytes and counters are asked of each server at once, rows (estimated) of each company. What could not be asked
        is None, with the reason in `error`. Snapshots older than `keep_days` are deleted; with `dry_run` nothing is
        written. Raises InvalidInput.
        """
        return usage.snapshot(self._installation, keep_days=keep_days, write=not dry_run)

    def usage(self, company: int | str | None = None, *, days: int = 90) -> Sequence[Usage]:
        """List what the snapshots of the last `days` know, oldest first; of one company or of all. Read-only.

        `mpm_ops.records.growth` tells what became of each in between. Raises UnknownCompany, InvalidInput.
        """
        chosen = None if company is None else self.get_company(company)
        return usage.history(self._installation, chosen, days=days)

    def doctor(self) -> list[Deviation]:
        """Look for what lets an analyst do more than read what was granted, on every server. Read-only."""
        return safety.doctor(self._installation)

    def harden(self, level: Hardening | None = None) -> list[Hardened]:
        """Close every database to logins that were granted nothing; default: as far as the settings say.

        Raises ServerError when the login may not.
        """
        return safety.harden(self._installation, level or self.settings.level)

    def audit(self) -> list[AuditFinding]:
        """Compare the servers with the central database and the rules of the house. Read-only."""
        return auditing.audit(self._installation)

    def repair(self, findings: Sequence[AuditFinding]) -> list[Repaired]:
        """Put right those of an audit's findings by which nothing of anybody's is lost."""
        return auditing.repair(self._installation, findings)
