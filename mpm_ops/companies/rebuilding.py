"""Where companies go that are rolled back to nothing: `reset`, and `refresh`, which migrates them again (D2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psycopg

from mpm_ops.companies.courses import Course, Planner, plot
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.killed import settle_all
from mpm_ops.companies.plugin_sets import Kept, kept_by
from mpm_ops.companies.states import Stamps
from mpm_ops.errors import MpmOpsError
from mpm_ops.records import Company
from mpm_ops.schema.plan import Plan

if TYPE_CHECKING:
    from mpm_ops.schema.trees import Tree


def reset(installation: Installation, companies: Sequence[Company]) -> Course:
    """Plan to roll every revision back: the databases end without tables, and their rows are gone.

    Which plugins they had is one of those rows: the notes tell.
    """
    tree = installation.tenant_tree

    def plan(_: Company, heads: tuple[str, ...]) -> Plan | str:
        back = [revision.id for revision in reversed(tree.applied(heads))]
        return tree.downgrade_plan(heads, back) if back else "nothing to roll back"

    course = plot(installation, "migrate-tenant-reset", companies, lambda *_: plan)
    return dataclasses.replace(course, notes=_lost_plugins(tree, course))


def _lost_plugins(tree: Tree, course: Course) -> list[str]:
    """Tell which plugins go, and from which companies."""
    having: dict[str, list[str]] = {}
    for company in course.companies:
        if company.id in course.plans:
            for plugin in tree.plugins(course.plans[company.id].before):
                having.setdefault(plugin, []).append(str(company.id))
    return [
        f"{plugin} goes with the rest, of company {', '.join(ids)}: mpm-ops plugin install brings it back"
        for plugin, ids in sorted(having.items())
    ]


def refresh(installation: Installation, companies: Sequence[Company]) -> Course:
    """Plan to roll every revision back and migrate again: the databases end as new ones, without their rows.

    They have the plugins that they had, as new ones too, and those that were switched off are.
    """
    kept: dict[int, Kept | MpmOpsError] = {}

    def planner(connection: psycopg.Connection, stamps: Stamps) -> Planner:
        settle_all(installation, connection)  # one that was killed tells what there was
        kept.update(kept_by(installation, companies, stamps))

        def plan(company: Company, heads: tuple[str, ...]) -> Plan | MpmOpsError:
            its = kept[company.id]
            return installation.tenant_tree.rebuild_plan(heads, plugins=its.names) if isinstance(its, Kept) else its

        return plan

    course = plot(installation, "migrate-tenant-refresh", companies, planner)
    known = {one: its for one, its in kept.items() if isinstance(its, Kept)}
    return dataclasses.replace(
        course,
        rows={one: its.rows for one, its in known.items()},
        plugins={one: its.found for one, its in known.items()},
    )
