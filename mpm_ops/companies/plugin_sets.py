"""Which plugins companies have: by the branches that their databases are at, and by the rows in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from mpm_ops.central import history, registry
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.plugin_rows import switched
from mpm_ops.companies.states import Stamps
from mpm_ops.errors import MpmOpsError, ServerUnavailable, UnknownState
from mpm_ops.records import Company, Plugin
from mpm_ops.schema.apply import read_heads


@dataclass(frozen=True, kw_only=True)
class PluginSet:
    """What a company's database says of plugins."""

    heads: tuple[str, ...]
    #: `plugins.status` by the plugin's id.
    rows: Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a company is to have of plugins again, once its database is made anew."""

    #: Those that own tables.
    names: Collection[str] = ()
    #: Statements that write what each begins with, and switch it as it was.
    rows: str = ""
    #: For the ledger: a run that makes the database anew in steps may break off between them.
    found: Mapping[str, object] = field(default_factory=dict)


def read_set(installation: Installation, company: Company) -> PluginSet:
    """Read the heads of a company's database, and its rows of plugins; none at base. Read-only."""
    owner = installation.settings.owner_role
    with installation.server_of(company).connect(company.database, role=owner) as tenant:
        heads = read_heads(tenant)
        there = tenant.execute("SELECT to_regclass('public.plugins') IS NOT NULL").fetchone()
        if there is None or not there[0]:
            return PluginSet(heads=heads, rows={})
        rows = tenant.execute("SELECT mpm_plugin_id, status FROM plugins").fetchall()
    return PluginSet(heads=heads, rows=dict(rows))


def read_sets(installation: Installation, companies: Sequence[Company]) -> dict[int, PluginSet | MpmOpsError]:
    """Read those of many companies at a time, by id; one that cannot be read has the reason. Read-only."""

    def read(company: Company) -> PluginSet | MpmOpsError:
        try:
            return read_set(installation, company)
        except MpmOpsError as exc:
            if isinstance(exc, ServerUnavailable):
                exc.away = False  # it was asked before the run
            return exc

    with ThreadPoolExecutor(installation.settings.workers) as pool:
        return dict(zip([one.id for one in companies], pool.map(read, companies), strict=True))


def kept_by(installation: Installation, companies: Sequence[Company], stamps: Stamps) -> dict[int, Kept | MpmOpsError]:
    """Return, by company id, what each has of plugins and is to have again, or why that cannot be read. Read-only.

    A plugin counts that has its branch, its row or both. What has no row gets none: nobody has switched it on. Where a
    refresh broke off, what counts is what it had found.
    """
    with installation.central() as connection:
        known = registry.plugins(connection)
        broken = history.broken_refreshes(connection)
    sets = read_sets(installation, [company for company in companies if company.database in stamps])
    found: dict[int, Kept | MpmOpsError] = {}
    for company in companies:
        its = sets.get(company.id, PluginSet(heads=(), rows={}))
        if isinstance(its, PluginSet):
            found[company.id] = _kept(installation, known, _completed(its, broken.get(company.id)))
        else:
            found[company.id] = its
    return found


def _completed(its: PluginSet, before: Mapping[str, Any] | None) -> PluginSet:
    """Return what a database has, or had before a refresh broke off: its rows come last, so then there are none."""
    if before is None or its.rows:
        return its
    rows = {int(one): int(status) for one, status in before["rows"].items()}
    return PluginSet(heads=tuple(dict.fromkeys([*before["heads"], *its.heads])), rows=rows)


def _branches(installation: Installation, heads: tuple[str, ...]) -> Collection[str]:
    """Name the plugins that have their branch; of a revision that nobody knows, nobody knows that either."""
    tree = installation.tenant_tree
    found: set[str] = set()
    for head in heads:
        try:
            found.update(tree.plugins((head,)))
        except UnknownState:
            continue
    return found


def _kept(installation: Installation, known: Sequence[Plugin], its: PluginSet) -> Kept:
    folders = installation.tenant_tree.folders.plugins
    has = [plugin for plugin in known if plugin.id in its.rows]
    texts = [switched(plugin, folders.get(plugin.name), its.rows[plugin.id]) for plugin in has]
    names = {*_branches(installation, its.heads), *(plugin.name for plugin in has if plugin.name in folders)}
    return Kept(names=tuple(sorted(names)), rows="\n;\n".join(texts), found=dataclasses.asdict(its))
