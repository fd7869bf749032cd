"""What an export into a lake has come to: table by table, company by company."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mpm_ops.records.report import counted


@dataclass(frozen=True, kw_only=True)
class ExportedTable:
    """What became of one table, or of one query's rows, of one company."""

    company_id: int
    company: str
    #: Name of the table or the query; empty when the company could not be asked at all.
    table: str
    #: Files that were written (anew), that were left as they are, and that are gone with their rows.
    written: int = 0
    kept: int = 0
    removed: int = 0
    #: Rows and bytes that the lake has of it now.
    rows: int = 0
    bytes: int = 0
    #: Moments that no file holds, infinity or the year 10000, and that are NULL there.
    beyond: int = 0
    seconds: float = 0.0
    #: Why nothing is there; empty when it was exported.
    skipped: str = ""
    #: Why the lake may be behind; empty when it is as the database.
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The account of one export."""

    #: Where the lake is.
    lake: str
    #: By company, in the order that they were asked for.
    tables: Sequence[ExportedTable] = field(repr=False)
    seconds: float
    #: Companies, by id, that the lake still has though all were exported that may be read: they are gone, or the grant
    #: is. Their files stay until somebody removes them.
    strays: Sequence[int] = ()

    @property
    def errors(self) -> Mapping[str, str]:
        """The companies whose part of the lake may be behind, by name, and the first reason of each."""
        found: dict[str, str] = {}
        for one in self.tables:
            if one.error:
                found.setdefault(one.company, one.error)
        return found

    @property
    def ok(self) -> bool:
        """Whether the lake is as the databases are."""
        return not self.errors

    def rows(self) -> list[dict[str, str]]:
        """Return a row of text per company: what a table shows."""
        of_company: dict[int, list[ExportedTable]] = {}
        for one in self.tables:
            of_company.setdefault(one.company_id, []).append(one)
        return [_row(its) for its in of_company.values()]

    def __str__(self) -> str:
        companies = {one.company_id for one in self.tables}
        written, kept, removed = (sum(getattr(one, name) for one in self.tables) for name in _FILES)
        failed = f"; {counted(len(self.errors), 'company')} failed" if self.errors else ""
        strays = (
            f"; still there, and not to be read any more: {', '.join(map(str, self.strays))}" if self.strays else ""
        )
        beyond = sum(one.beyond for one in self.tables)
        told = f"; {counted(beyond, 'moment')} that no file holds, NULL there" if beyond else ""
        return (
            f"{counted(written, 'file')} written, {kept} kept, {removed} removed; "
            f"{sum(one.rows for one in self.tables):,} rows, {_megabytes(self.tables)} "
            f"of {counted(len(companies), 'company')} in {self.seconds:.1f} s{failed}{strays}{told}"
        )


_FILES = ("written", "kept", "removed")


def _row(its: Sequence[ExportedTable]) -> dict[str, str]:
    errors = [f"{one.table}: {one.error}" if one.table else one.error for one in its if one.error]
    skipped = [f"{one.table}: {one.skipped}" for one in its if one.skipped]
    beyond = [
        f"{one.table}: {counted(one.beyond, 'moment')} that no file holds, NULL there" for one in its if one.beyond
    ]
    there = [one for one in its if one.table and not one.skipped and not one.error]
    return {
        "id": str(its[0].company_id),
        "company": its[0].company,
        "tables": str(len(there)),
        **{name: f"{sum(getattr(one, name) for one in its):,}" for name in _FILES},
        "rows": f"{sum(one.rows for one in its):,}",
        "size": _megabytes(its),
        "seconds": f"{sum(one.seconds for one in its):.2f}",
        "what": "; ".join([*errors, *skipped, *beyond]),
    }


def _megabytes(its: Sequence[ExportedTable]) -> str:
    return f"{sum(one.bytes for one in its) / 1024**2:,.1f} MB"
