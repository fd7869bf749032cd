"""The report as Markdown, for Prefect's UI, a ticket or a chat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mpm_ops.records import Cause, FleetReport, FleetStatus, Outcome, Status, counted
from mpm_ops.reports import parts
from mpm_ops.reports.escaping import as_markdown, code_as_markdown

#: Causes that are told.
_CAUSES = 20
#: Characters of a revision's bar.
_BAR = 20


def markdown(report: FleetReport, status: FleetStatus | None = None) -> str:
    """Return the report as Markdown: totals, causes with the commands that try again, the slowest, who was left.

    Of companies it names the first few, so it is as short for a large fleet.
    With `status` it tells how many companies are at which revision now.
    """
    blocks = [f"# {as_markdown(parts.heading(report))}", _totals(report), *_ended(report)]
    blocks += [f"> {as_markdown(note)}" for note in report.notes]
    blocks += [*_causes(report), *_left(report), *_slowest(report), *_moves(report)]
    blocks += _spread(status) if status else []
    if shows := parts.shows(report):
        blocks.append(f"The whole account: {code_as_markdown(shows)}")
    return "\n\n".join(blocks) + "\n"


def _totals(report: FleetReport) -> str:
    total = len(report.outcomes)
    if not total:
        return as_markdown(report.reason or "no companies")
    told = [f"**{count} {parts.called(status, report)}**" for status, count in parts.totals(report).items()]
    began = f", begun {report.started_at:%Y-%m-%d %H:%M:%S %Z}" if report.started_at else ""
    return f"{', '.join(told)} of {counted(total, 'company')} in {report.seconds:.1f} s{began}"


def _ended(report: FleetReport) -> Iterator[str]:
    if report.ended != "finished" and report.outcomes:
        yield f"**{as_markdown(report.ended)}**" + (f": {as_markdown(report.reason)}" if report.reason else "")
    if report.go_on:
        yield f"To go on: {code_as_markdown(report.go_on)}"


def _causes(report: FleetReport) -> Iterator[str]:
    causes = report.causes
    if causes:
        yield f"## {counted(len(report.failed), 'failure')}, {counted(len(causes), 'cause')}"
        yield "\n".join(_cause(report, cause) for cause in causes[:_CAUSES])
    if len(causes) > _CAUSES:
        yield f"and {len(causes) - _CAUSES} more"


def _cause(report: FleetReport, cause: Cause) -> str:
    """Return an item of a list, with a line for each fact."""
    facts = [
        f"SQLSTATE {cause.sqlstate}" if cause.sqlstate else "",
        f"revision {cause.revision}" if cause.revision else "",
    ]
    where = "".join(f", {as_markdown(fact)}" for fact in facts if fact)
    named = [f"{name} ({one})" for name, one in zip(cause.companies, cause.company_ids, strict=True)]
    number = f"{cause.number}. "
    told = [f"companies: {_few(named, parts.OF_CAUSE)}"]
    told += [f"hint: {as_markdown(cause.hint)}"] if cause.hint else []
    told.append(f"try again: {code_as_markdown(report.retry(cause))}")
    # What belongs to an item stands under its text, however wide its number is.
    lines = [f"{' ' * len(number)}- {one}" for one in told]
    return "\n".join([f"{number}**{len(cause.company_ids)} ×** {as_markdown(cause.message)}{where}", *lines])


def _left(report: FleetReport) -> Iterator[str]:
    for status, outcomes in parts.left(report).items():
        why = {one.why for one in outcomes}
        said = f" ({as_markdown(why.pop())})" if len(why) == 1 and status is Status.BUSY else ""
        yield f"**{parts.called(status, report).capitalize()}**{said}: {_few(_named(outcomes), parts.OF_LEFT)}"


def _slowest(report: FleetReport) -> Iterator[str]:
    if slow := parts.slowest(report):
        yield "## The slowest"
        rows = [[one.company, one.company_id, one.status.value, f"{one.seconds:.2f}", one.attempts] for one in slow]
        yield _table(["company", "id", "outcome", "seconds", "attempts"], rows)


def _moves(report: FleetReport) -> Iterator[str]:
    if moves := parts.moves(report):
        yield "## What was moved"
        yield _table(["from", "to", "companies"], moves[: parts.OF_SLOWEST])


def _spread(status: FleetStatus) -> Iterator[str]:
    bars = parts.spread(status)
    total = sum(bar.companies for bar in bars) or 1
    yield "## The fleet now"
    rows = [[bar.revision, bar.companies, "█" * max(1, round(_BAR * bar.companies / total)), bar.kind] for bar in bars]
    yield _table(["revision", "companies", "share", ""], rows[: parts.OF_LEFT])


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *([as_markdown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _named(outcomes: Sequence[Outcome]) -> list[str]:
    return [f"{one.company} ({one.company_id})" for one in outcomes]


def _few(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(map(as_markdown, names[:most]))}{more}"
