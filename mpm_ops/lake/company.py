"""One company's part of an export: its tables and queries, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mpm_ops.analysis.export import LIMITS
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.errors import MpmOpsError, QueryError, UsageError
from mpm_ops.lake import layout, months
from mpm_ops.lake.manifest import Manifest, Revision
from mpm_ops.lake.months import Mark, Month
from mpm_ops.lake.shapes import Shape, answer, masks_of_all, shapes
from mpm_ops.lake.table import Manner, TableExport, by_stamp
from mpm_ops.lake.wanted import Wanted
from mpm_ops.records import ExportedTable


@dataclass(kw_only=True)
class Part:
    """What came of one company."""

    tables: list[ExportedTable] = field(default_factory=list)
    #: The first thing that went wrong.
    error: MpmOpsError | None = None


class CompanyExport:
    """Exports what is wanted of one company; with None, all tables that may be read."""

    def __init__(
        self,
        lake: Path,
        reader: CompanyReader,
        wanted: Wanted | None,
        *,
        there: Mapping[str, Manifest | None],
        revision: Revision | None,
        manner: Manner,
    ) -> None:
        self._lake = lake
        self._reader = reader
        self._wanted = wanted
        #: What the lake has of the company.
        self._there = there
        self._revision = revision
        self._manner = manner
        self._part = Part()
        #: What the database has, as far as it is known, by table and month.
        self._marks: dict[str, dict[Month, Mark]] = {}

    def run(self) -> Part:
        """Do it. What the server refuses of one table or query keeps no other one back; all else ends it."""
        try:
            with layout.writable(self._lake):
                self._all()
        except MpmOpsError as exc:
            self._failed("", exc)
        return self._part

    def _all(self) -> None:
        tables = self._tables()
        wanted = dict.fromkeys(tables) if self._wanted is None else self._wanted
        # Asked at once, for most of them have nothing new; when one is refused, each is asked by itself.
        at_once = [name for name, query in wanted.items() if query is None and layout.NAME.match(name)]
        with suppress(QueryError):
            self._marks |= self._asked({name: tables[name] for name in at_once if name in tables})
        for name, query in wanted.items():
            began = time.monotonic()
            try:
                self._part.tables.append(self._one(name, query, tables))
            except QueryError as exc:
                if self._manner.stop.is_set():
                    raise
                self._failed(name, exc, seconds=time.monotonic() - began)
        for name in sorted(self._there.keys() - wanted.keys()):
            self._leave(name, self._there[name], tables)

    def _tables(self) -> dict[str, Shape]:
        """Return the tables that may be read; what the lake would lose for the lack of one is asked for twice.

        A question that meets a migration sees neither the view that was dropped nor the one that took its place: it
        reads the catalog as it was, and privileges as they are.
        """
        tables = shapes(self._reader)
        if self._wanted is None:
            needed = {name for name, said in self._there.items() if said and said.basis.is_table}
        else:
            needed = {name for name, query in self._wanted.items() if query is None} & self._there.keys()
        return tables if needed <= tables.keys() else tables | shapes(self._reader)

    def _one(self, name: str, query: str | None, tables: Mapping[str, Shape]) -> ExportedTable:
        if not layout.NAME.match(name):
            return self._skipped(name, "its name cannot be a folder's")
        if query is not None and name in tables:
            raise QueryError(f"{name} is the name of a table", hint="Give the query another one.")
        shape = tables.get(name) if query is None else answer(self._reader, query, tables)
        if shape is None:
            return self._skipped(name, "there is no such table that may be read", removed=self._remove(name))
        marks = self._marks[name] if name in self._marks else self._asked({name: shape})[name]
        one = TableExport(self._lake, name, self._reader, shape, revision=self._revision, manner=self._manner)
        return one.run(marks)

    def _asked(self, wanted: Mapping[str, Shape]) -> dict[str, dict[Month, Mark]]:
        """Ask the server for the marks of all months of some tables, or of a query."""
        if not wanted:
            return {}
        stamped = [name for name, shape in wanted.items() if by_stamp(shape, self._revision)]
        question = months.marks_question(wanted, by_stamp=stamped)
        answered = self._reader.ask(question, limits=LIMITS, stop=self._manner.stop).rows
        return {name: {} for name in wanted} | months.marks(answered)

    def _leave(self, name: str, said: Manifest | None, tables: Mapping[str, Shape]) -> None:
        """See to what the lake has and this export does not write.

        Of all tables, those that the company has no more, or that may no more be read, are removed. What shows more
        than is shown today, or may do so, is told.
        """
        if self._wanted is None and said is not None and said.basis.is_table:
            gone = self._skipped(name, "there is no such table any more", removed=self._remove(name))
            self._part.tables.append(gone)
        elif not self._reader.personal_data and (said is None or said.basis.masks != _masks(said, tables)):
            why = "what it shows is not known" if said is None else "it was masked in another way than today"
            hint = "Export it, too, or remove its folder."
            self._failed(name, UsageError(f"{why}, and this export does not write it. {hint}"))

    def _remove(self, name: str) -> int:
        place = layout.Place(self._lake, name, self._reader.id)
        files = len(place.files())
        place.remove()
        return files

    def _skipped(self, name: str, why: str, *, removed: int = 0) -> ExportedTable:
        return ExportedTable(
            company_id=self._reader.id, company=self._reader.name, table=name, skipped=why, removed=removed
        )

    def _failed(self, name: str, exc: MpmOpsError, *, seconds: float = 0.0) -> None:
        exc.company = self._reader.name
        self._part.error = self._part.error or exc
        self._part.tables.append(
            ExportedTable(
                company_id=self._reader.id, company=self._reader.name, table=name, error=str(exc), seconds=seconds
            )
        )


def _masks(said: Manifest, tables: Mapping[str, Shape]) -> str:
    """Return how what the lake has would be masked today; as it is, where nobody knows."""
    if not said.basis.is_table:
        return masks_of_all(tables)
    return tables[said.table].masks if said.table in tables else said.basis.masks
