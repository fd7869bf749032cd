"""The report as one HTML page: to look at, to send, to print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mpm_ops.records import Cause, FleetReport, FleetStatus, Outcome, Status, counted
from mpm_ops.reports import parts
from mpm_ops.reports.chart import over_time
from mpm_ops.reports.escaping import as_html, name_as_html
from mpm_ops.reports.style import page

#: Rows of the table of companies; those who need attention come first.
_LISTED = 500
#: Companies of a cause that are named.
_OF_CAUSE = 50
#: From whom needs attention most to whom least.
_ORDER = (Status.FAILED, Status.BUSY, Status.UNTOUCHED, Status.DONE, Status.SKIPPED)


def html(report: FleetReport, status: FleetStatus | None = None) -> str:
    """Return the report as one page that needs nothing else: totals, progress, causes, the slowest, who was left.

    With `status` it shows how many companies are at which revision now, too.
    """
    title = parts.heading(report)
    sections = [
        *_head(report),
        *_progress(report),
        *_causes(report),
        *_left(report),
        *_slowest(report),
        *(_spread(status) if status else []),
        *_moves(report),
        *_companies(report),
        *_foot(report),
    ]
    return page(title, "\n".join(sections))


def _head(report: FleetReport) -> Iterator[str]:
    yield f"<h1>{as_html(parts.heading(report))}</h1>"
    began = f"begun {report.started_at:%Y-%m-%d %H:%M:%S %Z}, " if report.started_at else ""
    total = counted(len(report.outcomes), "company")
    yield f'<p class="soft">{as_html(f"{began}{report.seconds:.1f} s, {total}")}</p>'
    if not report.outcomes:
        yield f"<p>{as_html(report.reason or 'no companies')}</p>"
    elif report.ended != "finished":
        reason = f": {as_html(report.reason)}" if report.reason else ""
        yield f'<p class="bad"><strong>{as_html(report.ended)}</strong>{reason}</p>'
    yield from (f"<p>Note: {as_html(note)}</p>" for note in report.notes)
    if report.go_on:
        yield f"<p>To go on: <code>{as_html(report.go_on)}</code></p>"
    tiles = [
        f'<div class="tile {status.value}"><b>{count:,}</b>{parts.called(status, report)}</div>'
        for status, count in parts.totals(report).items()
    ]
    yield f'<div class="tiles">{"".join(tiles)}</div>' if tiles else ""


def _progress(report: FleetReport) -> Iterator[str]:
    if picture := over_time(report):
        came_out = [status for status in parts.totals(report) if status is not Status.UNTOUCHED]
        keys = "".join(f'<span class="key {status.value}"></span>{status.value}' for status in came_out)
        yield f"<h2>Companies that had come out, over time</h2>{picture}<p>{keys}</p>"


def _causes(report: FleetReport) -> Iterator[str]:
    if causes := report.causes:
        yield f"<h2>{counted(len(report.failed), 'failure')}, {counted(len(causes), 'cause')}</h2>"
        yield from (_cause(report, cause) for cause in causes)


def _cause(report: FleetReport, cause: Cause) -> str:
    facts = [
        f"SQLSTATE {cause.sqlstate}" if cause.sqlstate else "",
        f"revision {cause.revision}" if cause.revision else "",
    ]
    named = [f"{name_as_html(name)} ({one})" for name, one in zip(cause.companies, cause.company_ids, strict=True)]
    more = f" and {len(named) - _OF_CAUSE} more" if len(named) > _OF_CAUSE else ""
    lines = [
        f"<h3>{len(cause.company_ids)} × {as_html(cause.message)}</h3>",
        f'<p class="soft">{as_html("; ".join(filter(None, facts)))}</p>',
        f"<p>{as_html(cause.hint)}</p>" if cause.hint else "",
        f"<p>{', '.join(named[:_OF_CAUSE])}{more}</p>",
        f"<p>Try again: <code>{as_html(report.retry(cause))}</code></p>",
        f"<details><summary>The statement</summary><pre>{as_html(cause.statement)}</pre></details>"
        if cause.statement
        else "",
    ]
    return f'<div class="card">{"".join(lines)}</div>'


def _left(report: FleetReport) -> Iterator[str]:
    for status, outcomes in parts.left(report).items():
        names = ", ".join(f"{name_as_html(one.company)} ({one.company_id})" for one in outcomes[: parts.OF_LEFT])
        more = f" and {len(outcomes) - parts.OF_LEFT} more" if len(outcomes) > parts.OF_LEFT else ""
        yield f"<h2>{len(outcomes):,} {parts.called(status, report)}</h2><p>{names}{more}</p>"


def _slowest(report: FleetReport) -> Iterator[str]:
    if slow := parts.slowest(report):
        rows = [[*_told(one), _bar(one.status.value, one.seconds / slow[0].seconds)] for one in slow]
        yield f"<h2>The slowest</h2>{_table(['company', '#id', 'outcome', '#attempts', '#seconds', ''], rows)}"


def _told(one: Outcome) -> Sequence[object]:
    return [name_as_html(one.company), one.company_id, one.status.value, one.attempts, f"{one.seconds:.2f}"]


def _spread(status: FleetStatus) -> Iterator[str]:
    bars = parts.spread(status)
    most = max((bar.companies for bar in bars), default=1)
    rows = [
        [as_html(bar.revision), f"{bar.companies:,}", _bar(bar.kind, bar.companies / most), bar.kind] for bar in bars
    ]
    yield f"<h2>The fleet when this was made</h2>{_table(['revision', '#companies', '', ''], rows)}"


def _moves(report: FleetReport) -> Iterator[str]:
    if moves := parts.moves(report):
        rows = [[as_html(before), as_html(after), count] for before, after, count in moves]
        yield f"<h2>What was moved</h2>{_table(['from', 'to', '#companies'], rows)}"


def _companies(report: FleetReport) -> Iterator[str]:
    outcomes = sorted(report.outcomes, key=lambda one: _ORDER.index(one.status))
    if not outcomes:
        return
    rows = [_company(one, report) for one in outcomes[:_LISTED]]
    table = _table(["#id", "company", "outcome", "from", "to", "#seconds", "why"], rows)
    left = len(outcomes) - _LISTED
    more = f'<p class="soft">and {left:,} more</p>' if left > 0 else ""
    # What many are told in is looked at when somebody wants to.
    shown = " open" if len(outcomes) <= parts.OF_LEFT else ""
    yield f"<h2>Companies</h2><details{shown}><summary>All of them</summary>{table}{more}</details>"


def _company(one: Outcome, report: FleetReport) -> Sequence[object]:
    key = f'<span class="key {one.status.value}"></span>{parts.called(one.status, report)}'
    at = [as_html(heads) for heads in one.moved]
    return [one.company_id, name_as_html(one.company), key, *at, f"{one.seconds:.2f}", as_html(one.why)]


def _foot(report: FleetReport) -> Iterator[str]:
    if shows := parts.shows(report):
        yield f"<footer>In the ledger: <code>{as_html(shows)}</code></footer>"


def _bar(kind: str, share: float) -> str:
    return f'<div class="bar {kind}" style="width: {100 * share:.1f}%"></div>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table of cells that are HTML; a head that begins with # is over numbers."""
    kinds = [' class="number"' if head.startswith("#") else "" for head in heads]
    head = "".join(f'<th scope="col"{kind}>{name.lstrip("#")}</th>' for name, kind in zip(heads, kinds, strict=True))
    lines = ["".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
