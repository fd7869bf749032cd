"""A dry run as HTML: the SQL of each distinct plan, for whom it is, and what is to be known about it."""

from __future__ import annotations

from mpm_ops.notebook import markup
from mpm_ops.records import DryRun, counted

#: Characters of a plan's SQL that are shown, and names of companies.
_SQL, _NAMES = 20_000, 20


def plans(found: DryRun) -> str:
    """Return what a migration would do; nothing is changed by looking."""
    parts = [markup.heading("Dry run")]
    parts += [markup.paragraph(f"Note: {note}", "warn") for note in found.notes]
    for plan in found.plans:
        way = f"{', '.join(plan.before) or 'base'} to {', '.join(plan.after) or 'base'}"
        names = markup.few(plan.companies, _NAMES)
        parts.append(markup.paragraph(f"Plan {plan.hash}, from {way}"))
        parts.append(markup.paragraph(f"for {counted(len(plan.companies), 'company')}: {names}", "muted"))
        more = f"\n… and {len(plan.sql) - _SQL:,} characters more: mpm-ops migrate-tenant --dry-run"
        parts.append(markup.preformatted(plan.sql if len(plan.sql) <= _SQL else plan.sql[:_SQL] + more))
    alike: dict[str, list[str]] = {}
    for name, why in found.others.items():
        alike.setdefault(why, []).append(name)
    for why, who in alike.items():
        parts.append(markup.paragraph(f"{counted(len(who), 'company')}, {why}: {markup.few(who, _NAMES)}", "muted"))
    if not found.plans:
        parts.append(markup.said("There is nothing to apply.", "good"))
    return "".join(parts)
