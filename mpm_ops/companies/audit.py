"""Audit: the central rows beside what the servers have, and the rules of the house beside both; and its repairs."""

from __future__ import annotations

from collections.abc import Sequence

from mpm_ops.central import registry
from mpm_ops.companies import plugins
from mpm_ops.companies.checks import Checks
from mpm_ops.companies.findings import RECONCILE, REPAIR, AuditFinding, AuditKind, Repaired
from mpm_ops.companies.groups import make_groups
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.inventory import Look, Rows
from mpm_ops.companies.plugin_checks import of_plugins, of_snapshots
from mpm_ops.companies.reconcile import reconcile
from mpm_ops.errors import MpmOpsError, ServerError
from mpm_ops.records import MAIN, Status


def audit(installation: Installation) -> list[AuditFinding]:
    """Look for what is not as it should be, on every server of the settings. Read-only.

    What another process is about to make or to drop is no finding: it holds a lock meanwhile.
    """
    # Twice, before the servers are looked at and after: what is registered or undone meanwhile is in one of them.
    before = Rows.read(installation)
    found: list[AuditFinding] = []
    looks: dict[str, Look] = {}
    for server in (MAIN, *installation.settings.servers):
        try:
            with installation.maintenance(server) as connection:
                looks[server] = Look.at(installation, connection, server)
        except ServerError as exc:
            if server == MAIN:
                raise  # nothing is known without the central database
            found.append(AuditFinding(kind=AuditKind.UNREACHABLE, server=server, subject="", what=str(exc)))
    checks = Checks(installation.settings, installation.reading.name, before, Rows.read(installation), looks)
    found += checks.of_the_centre()
    for look in looks.values():
        found += checks.of_companies(look)
        found += checks.of_leftovers(look)
        found += of_snapshots(look.old_snapshots)
    found += of_plugins(installation, checks.readable())
    return found


def repair(installation: Installation, findings: Sequence[AuditFinding]) -> list[Repaired]:
    """Put right those findings by which nothing of anybody's is lost; one that cannot be does not stop the others."""
    results = []
    reconciled: str | None = None
    for finding in findings:
        if not finding.safe:
            continue
        if finding.command == RECONCILE:
            # Once for all of them.
            reconciled = _reconciled(installation) if reconciled is None else reconciled
            results.append(Repaired(finding=finding, error=reconciled))
        else:
            results.append(Repaired(finding=finding, error=_repaired(installation, finding)))
    return results


def _reconciled(installation: Installation) -> str:
    try:
        reconcile(installation)
    except MpmOpsError as exc:
        return str(exc)
    return ""


def _repaired(installation: Installation, finding: AuditFinding) -> str:
    """Put one thing right; return why that could not be done, if so."""
    try:
        with installation.maintenance(finding.server) as connection:
            for statement in finding.sql:
                connection.execute(statement.encode())
        if finding.kind is AuditKind.NO_PLUGIN_TABLES:
            return _completed(installation, finding)
        if finding.command == REPAIR:
            make_groups(installation, finding.server, finding.subject)
    except MpmOpsError as exc:
        return str(exc)
    return ""


def _completed(installation: Installation, finding: AuditFinding) -> str:
    """Bring the tables that a plugin's row speaks of; return why that could not be done, if so."""
    with installation.central() as connection:
        company = registry.find(connection, finding.company_id or 0)
    (outcome,) = plugins.complete(installation, company, finding.plugin).outcomes
    if outcome.status in (Status.DONE, Status.SKIPPED):
        return ""
    return outcome.failure.message if outcome.failure else outcome.reason or outcome.status
