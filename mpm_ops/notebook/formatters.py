"""Faces of our records in a notebook: HTML tables in which data stays text. Their text is as it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from IPython.core.formatters import BaseFormatter
from IPython.core.interactiveshell import InteractiveShell
from IPython.lib.pretty import RepresentationPrinter

from mpm_ops import records
from mpm_ops.analysis import faces
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.analysis.result import SHOWN, few
from mpm_ops.harmless import harmless
from mpm_ops.records import Exported, FleetReport, FleetStatus, Status, counted

#: What a list that is shown as a table may hold. A NewLogin is none of them: its URL is for nobody else's eyes.
_ROWS = (
    *(records.Analyst, records.Applied, records.Asked, records.Company, records.CompanyDrift, records.CompanyState),
    *(
        records.Deviation,
        records.ExportedTable,
        records.Finding,
        records.Hardened,
        records.Outcome,
        records.Plugin,
        records.Reaped,
    ),
    *(records.Revision, records.Run),
)
#: Long ones that are looked at in the record itself.
_LEFT_OUT = ("plans", "policy")


def register(shell: InteractiveShell) -> None:
    """Have a shell show fleets and lists of records as tables, and companies as harmless text."""
    for mime, kind, face in _faces():
        _formatter(shell, mime).for_type(kind, face)


def unregister(shell: InteractiveShell) -> None:
    """Have a shell show them as it did before; what somebody registered since stays."""
    for mime, kind, face in _faces():
        formatter = _formatter(shell, mime)
        found = formatter.pop(kind, None)
        if found is not None and found is not face:
            formatter.for_type(kind, found)


def _formatter(shell: InteractiveShell, mime: str) -> BaseFormatter:
    assert shell.display_formatter is not None  # noqa: S101 every shell has one, once it is made
    formatter: BaseFormatter = shell.display_formatter.formatters[mime]
    return formatter


def _faces() -> list[tuple[str, type, Callable[..., Any]]]:
    return [
        ("text/html", FleetReport, report),
        ("text/html", FleetStatus, status),
        ("text/html", Exported, exported),
        ("text/html", list, listed),
        ("text/plain", CompanyReader, _reader),
    ]


def report(found: FleetReport) -> str:
    """Return the outcomes as a table, failures first, and what the run says of itself below it."""
    failed = [row for row in found.rows() if row["outcome"] == Status.FAILED.value]
    others = [row for row in found.rows() if row["outcome"] != Status.FAILED.value]
    return _table([*failed, *others], "; ".join([str(found), *found.notes, *filter(None, [found.go_on])]))


def status(found: FleetStatus) -> str:
    """Return how many companies are at which revision, and who needs attention below it."""
    rows = [
        {"at": _cell(one.heads) or "base", "companies": one.companies, "": "newest" if one.newest else ""}
        for one in found.revisions
    ]
    told: dict[str, Sequence[str]] = {"busy": found.busy, "failed last": found.failed_last, "drifted": found.drifted}
    for state in sorted({one.state for one in found.astray}):
        told[state] = [one.company for one in found.astray if one.state == state]
    said = [f"{what}: {len(who)} ({few(who)})" for what, who in told.items() if who]
    runs = [f"run {run.id} {run.action} is {run.state}" for run in found.running]
    return _table(rows, "; ".join([counted(len(found.states), "company"), *said, *runs]))


def exported(found: Exported) -> str:
    """Return what became of each company, those that failed first, and the sum below it."""
    rows = sorted(found.rows(), key=lambda row: row["company"] not in found.errors)
    return _table(rows, str(found))


def listed(found: list[Any]) -> str | None:
    """Return a list of records of one kind as a table; None for every other list, which goes on looking as it does."""
    kind = type(found[0]) if found else None
    if kind not in _ROWS or any(type(one) is not kind for one in found):
        return None
    names = [one.name for one in dataclasses.fields(found[0]) if one.repr and one.name not in _LEFT_OUT]
    rows = [{name: _cell(getattr(one, name)) for name in names} for one in found[:SHOWN]]
    return _table(rows, "", total=len(found))


def _reader(found: CompanyReader, printer: RepresentationPrinter, _cycle: bool) -> None:
    """Write a company's repr without what a terminal would take for a command."""
    printer.text(harmless(repr(found)))


def _table(rows: Sequence[Mapping[str, Any]], said: str, *, total: int | None = None) -> str:
    total = len(rows) if total is None else total
    shown = rows[:SHOWN]
    columns = {name: _column([row[name] for row in shown]) for name in (shown[0] if shown else {})}
    cut = f"{SHOWN} of {counted(total, 'row')}" if total > SHOWN else "" if said else counted(total, "row")
    return faces.as_html(pa.table(columns), "; ".join(filter(None, (cut, said))))


def _column(values: Sequence[Any]) -> pa.Array:
    if all(value is None or type(value) in (int, float) for value in values):
        return pa.array(values)
    return pa.array([None if value is None else str(value) for value in values], type=pa.string())


def _cell(value: Any) -> Any:
    """Return what a cell shows of a field: numbers as they are, the rest as text."""
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{number} {name}" for name, number in value.items() if number)
    if isinstance(value, (list, tuple)):
        return ", ".join(value) if all(isinstance(one, str) for one in value) else len(value)
    return str(value)
