"""The state of the fleet as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from mpm_ops.notebook import markup
from mpm_ops.notebook.markup import escaped
from mpm_ops.records import FleetStatus, Run, Status, counted


def state(found: FleetStatus, runs: Sequence[Run]) -> str:
    """Return the spread of revisions, who needs attention, and the runs."""
    parts = [_summary(found), _spread(found), _under_way(found), _astray(found)]
    told = {"Failed last": (found.failed_last, "bad"), "Drifted": (found.drifted, "warn"), "Busy": (found.busy, "warn")}
    parts += [
        markup.paragraph(f"{what}: {len(who)} ({markup.few(who)})", kind) for what, (who, kind) in told.items() if who
    ]
    return "".join([*parts, _drift(found), _last(runs)])


def _summary(found: FleetStatus) -> str:
    total = counted(len(found.states), "company")
    if not found.astray:
        return markup.said(f"{total}, all at the newest revision", "good" if found.ok else "muted")
    return markup.said(f"{len(found.astray)} of {total} not at the newest revision", "warn")


def _spread(found: FleetStatus) -> str:
    rows = []
    for one in found.revisions:
        drawn = markup.bar(one.companies / max(1, len(found.states)), kind="" if one.newest else "behind")
        rows.append(
            f"<tr><td>{escaped(', '.join(one.heads) or 'base')}</td><td>{one.companies:,}</td><td>{drawn}</td>"
            f"<td>{'newest' if one.newest else ''}</td></tr>"
        )
    head = '<tr><th scope="col">at revision</th><th scope="col">companies</th><th scope="col">share</th><th></th></tr>'
    return f"{markup.heading('Revisions')}<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _astray(found: FleetStatus) -> str:
    if not found.astray:
        return ""
    rows = [
        (f"{one.company} ({one.company_id})", one.state, ", ".join(one.heads or ()) or "-", len(one.pending))
        for one in found.astray
    ]
    return markup.heading("Not at the newest") + markup.table(["company", "state", "at", "pending revisions"], rows)


def _under_way(found: FleetStatus) -> str:
    if not found.running:
        return ""
    rows = []
    for run in found.running:
        total = sum(run.counts.values())
        settled = total - run.counts.get(Status.UNTOUCHED, 0)
        failed = run.counts.get(Status.FAILED, 0)
        said = f"run {run.id}, {run.action}, {run.state}: {settled} of {total}" + (
            f", {failed} failed" if failed else ""
        )
        rows.append(f"<tr><td>{escaped(said)}</td><td>{markup.bar(settled / max(1, total))}</td></tr>")
    return f"{markup.heading('Under way')}<table><tbody>{''.join(rows)}</tbody></table>"


def _drift(found: FleetStatus) -> str:
    if found.drift_checked_at is None:
        return markup.paragraph("Drift: not all companies have been checked: mpm-ops drift", "muted")
    return markup.paragraph(f"Drift: checked {found.drift_checked_at:%Y-%m-%d %H:%M %Z}", "muted")


def _last(runs: Sequence[Run]) -> str:
    rows = [
        (
            run.id,
            run.action,
            run.state,
            ", ".join(f"{count} {status}" for status, count in run.counts.items() if count),
            f"{run.started_at:%Y-%m-%d %H:%M}",
            run.operator,
            run.reason,
        )
        for run in runs
    ]
    heads = ["run", "action", "state", "companies", "began (UTC)", "by", "why"]
    return markup.heading("Last runs") + (markup.table(heads, rows) if rows else markup.paragraph("none yet", "muted"))
