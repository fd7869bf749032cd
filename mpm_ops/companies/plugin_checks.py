"""The audit's rules about plugins: a company has the tables of what it installed; and what uninstalling has kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mpm_ops.central import registry
from mpm_ops.companies.findings import REPAIR, AuditFinding, AuditKind
from mpm_ops.companies.installation import Installation, by_server
from mpm_ops.companies.plugin_sets import PluginSet, read_sets
from mpm_ops.companies.snapshots import OLD
from mpm_ops.errors import MpmOpsError, UnknownState
from mpm_ops.records import Company, Snapshot
from mpm_ops.schema.apply import at_work


def of_plugins(installation: Installation, companies: Sequence[Company]) -> Iterator[AuditFinding]:
    """Check the rows of plugins in the companies' databases against the branches that these have. Read-only.

    What another run is about to complete is no finding: it holds the lock of the database meanwhile. Of a database
    that cannot be read nothing is found here; `status` tells of it.
    """
    with installation.central() as connection:
        names = {one.id: one.name for one in registry.plugins(connection)}
    doubtful = _doubtful(installation, companies, names)
    # Twice: between the look and the lock a run may have ended.
    for company, its in _doubtful(installation, _at_rest(installation, [one for one, _ in doubtful]), names):
        branches, rows = _branches(installation, its), _installed(installation, its, names)
        yield from (_no_tables(company, name) for name in sorted(rows - branches))
        yield from (_no_row(company, name) for name in sorted(branches - rows))


def of_snapshots(old: Sequence[Snapshot]) -> Iterator[AuditFinding]:
    """Ask whether old copies are still needed; never one to repair: they hold rows of a company."""
    return map(_old_snapshot, old)


def _doubtful(
    installation: Installation, companies: Sequence[Company], names: dict[int, str]
) -> list[tuple[Company, PluginSet]]:
    """Return those whose rows and branches do not fit together, as far as both can be read."""
    found = []
    sets = read_sets(installation, companies)
    for company in companies:
        its = sets[company.id]
        if isinstance(its, MpmOpsError):
            continue
        try:
            if _branches(installation, its) != _installed(installation, its, names):
                found.append((company, its))
        except UnknownState:
            continue
    return found


def _branches(installation: Installation, its: PluginSet) -> set[str]:
    return set(installation.tenant_tree.plugins(its.heads))


def _installed(installation: Installation, its: PluginSet, names: dict[int, str]) -> set[str]:
    """Name the plugins that have a row and are to have a branch, whether they are switched on or not."""
    with_branch = installation.tenant_tree.folders.plugins
    return {names[one] for one in its.rows if one in names and names[one] in with_branch}


def _at_rest(installation: Installation, companies: Sequence[Company]) -> list[Company]:
    """Return those that no run is at."""
    found: list[Company] = []
    for server, there in by_server(companies).items():
        with installation.maintenance(server) as connection:
            busy = at_work(connection)
        found += [company for company in there if company.database not in busy]
    return found


def _no_tables(company: Company, plugin: str) -> AuditFinding:
    return AuditFinding(
        kind=AuditKind.NO_PLUGIN_TABLES,
        server=company.server,
        subject=company.database,
        what=f"a row says that {plugin} is installed, and its tables are not there",
        company_id=company.id,
        company=company.name,
        plugin=plugin,
        command=REPAIR,
        safe=True,
    )


def _no_row(company: Company, plugin: str) -> AuditFinding:
    return AuditFinding(
        kind=AuditKind.NO_PLUGIN_ROW,
        server=company.server,
        subject=company.database,
        what=f"the tables of {plugin} are there, and no row says that it is installed: install it, or uninstall it",
        company_id=company.id,
        company=company.name,
        plugin=plugin,
        # Which switches it on, so it is not for a repair of everything.
        command=f"mpm-ops plugin install {company.id} {plugin}",
    )


def _old_snapshot(one: Snapshot) -> AuditFinding:
    whose = f" {one.company_id}" if one.company else ""
    size = "" if one.size is None else f", {one.size / 1e6:,.1f} MB"
    return AuditFinding(
        kind=AuditKind.OLD_SNAPSHOT,
        server=one.server,
        subject=one.database,
        what=f"a database as it was before a plugin was uninstalled, {one.age.days} days ago{size}: still needed?",
        company_id=one.company_id,
        company=one.company,
        command=f"mpm-ops plugin snapshots{whose} --drop-older-than {OLD} --force",
    )
