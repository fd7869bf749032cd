"""The account of a run as HTML: how it came out, and its failures by cause."""

from __future__ import annotations

from mpm_ops.notebook import markup
from mpm_ops.records import FleetReport, counted


def account(report: FleetReport) -> str:
    """Return how a migrate-tenant run came out, with the commands that try again what failed."""
    parts = [
        markup.heading("The run"),
        markup.said(report, "good" if report.ok else "bad" if report.failed else "warn"),
    ]
    parts += [markup.paragraph(f"Note: {note}", "warn") for note in report.notes]
    causes = report.causes
    if causes:
        parts.append(markup.paragraph(f"{counted(len(report.failed), 'failure')}, {counted(len(causes), 'cause')}:"))
    for number, cause in enumerate(causes, 1):
        where = f" in revision {cause.revision}" if cause.revision else ""
        state = f" [{cause.sqlstate}]" if cause.sqlstate else ""
        lines = [f"{counted(len(cause.company_ids), 'company')}: {cause.message}{state}{where}"]
        lines += [f"  {line}" for line in cause.statement.splitlines()[:4]]
        lines += [f"Hint: {cause.hint}"] if cause.hint else []
        lines.append(f"Companies: {markup.few(cause.companies)}")
        if report.run_id is not None:
            lines.append(f"Try again: mpm-ops migrate-tenant --resume {report.run_id} --cause {number}")
        parts.append(markup.preformatted("\n".join(lines), "error"))
    if report.go_on:
        parts.append(markup.paragraph("To go on with those that were not begun:", "muted"))
        parts.append(markup.preformatted(report.go_on))
    return "".join(parts)
