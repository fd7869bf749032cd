"""Which companies are meant: by terms, and by what a policy leaves out."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from mpm_ops.central import registry
from mpm_ops.companies.installation import Installation
from mpm_ops.errors import InvalidInput, MpmOpsError, UnknownServer
from mpm_ops.fleet.policy import Policy, named
from mpm_ops.records import MAIN, Company


def chosen(
    installation: Installation, terms: Sequence[int | str] | int | str | None, policy: Policy | None = None
) -> list[Company]:
    """Return the companies that `terms` name, a list or one alone, or all active ones when it is None.

    As far as `policy` lets them. Raises UnknownCompany for a term, in `terms` or in `policy.skip`, that names nobody,
    and InvalidInput for a canary that is none of them. Read-only.
    """
    with installation.central() as connection:
        found = registry.companies(connection) if terms is None else registry.find_all(connection, terms)
        if policy is None:
            return found
        skipped = {company.id for company in registry.find_all(connection, policy.skip)} if policy.skip else set()
    kept = [company for company in found if company.id not in skipped]
    for pattern in policy.match:
        kept = _matching(installation, kept, pattern)
    if strangers := named(policy.canary) - {company.id for company in kept}:
        ids = ", ".join(f"#{number}" for number in sorted(strangers))
        raise InvalidInput(f"the canary {ids} is not among the companies that are chosen")
    return kept


def _matching(installation: Installation, companies: list[Company], pattern: str) -> list[Company]:
    kind, _, value = pattern.partition("=") if "=" in pattern else ("name", "", pattern)
    if kind == "name":
        return [company for company in companies if fnmatch.fnmatchcase(company.name.casefold(), value.casefold())]
    if kind == "plugin":
        return [company for company in companies if _has_plugin(installation, company, value)]
    if kind == "server":
        known = (MAIN, *installation.settings.servers)
        if value not in known:
            raise UnknownServer(f"the settings have no server {value!r}", hint=f"They have {', '.join(known)}.")
        return [company for company in companies if company.server == value]
    raise InvalidInput(
        f"{pattern!r} matches nothing", hint="Write a name pattern, Solar*, or plugin=NAME, or server=NAME."
    )


def _has_plugin(installation: Installation, company: Company, name: str) -> bool:
    """Whether the company has the plugin installed; its own database says so, and one that cannot be asked has not."""
    with installation.central() as connection:
        wanted = [plugin.id for plugin in registry.plugins(connection) if plugin.name.casefold() == name.casefold()]
    if not wanted:
        raise InvalidInput(f"there is no plugin {name!r}", hint="`mpm-ops plugins` lists them.")
    try:
        server = installation.server_of(company)
        with server.connect(company.database, role=installation.settings.owner_role) as tenant:
            row = tenant.execute("SELECT EXISTS (SELECT FROM plugins WHERE mpm_plugin_id = ANY(%s))", [wanted])
            return bool((row.fetchone() or [False])[0])
    except MpmOpsError:
        return False
