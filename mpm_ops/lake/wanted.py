"""What an export is asked for, and what of that cannot be meant: told before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from mpm_ops.analysis.catalog import near_misses
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.errors import MpmOpsError, UsageError
from mpm_ops.lake import layout
from mpm_ops.lake.manifest import Manifest
from mpm_ops.lake.shapes import shapes

#: What to export, by the name that it gets: a query, or None for the table of that name.
Wanted: TypeAlias = Mapping[str, str | None]


def check(wanted: Wanted | None, readers: Sequence[CompanyReader], lake: Path) -> None:
    """Raise UsageError for names that are none, tables that no company has, and queries that are called as a table.

    A table that the lake has of the companies may be one that was taken from them: it is to be removed.
    """
    if wanted is None:
        return
    if not wanted:
        raise UsageError("nothing is to be exported", hint="Name tables or queries, or leave them out for all tables.")
    for name in wanted:
        if not layout.NAME.match(name):
            raise UsageError(f"{name[:60]!r} cannot be a folder's name", hint="Write it in a to z, 0 to 9 and _.")
    tables = {name for name, query in wanted.items() if query is None}
    _check_against(readers, tables - layout.tables(lake, {reader.id for reader in readers}), wanted.keys() - tables)


def _check_against(readers: Sequence[CompanyReader], tables: set[str], queries: set[str]) -> None:
    """Compare names with the companies' tables; mostly the first one has all of them.

    A company that does not answer may have it: that is told by the export.
    """
    known, missing = set[str](), set(tables)
    for reader in readers:
        if not missing and (known or not queries):
            break
        try:
            known |= shapes(reader).keys()
        except MpmOpsError:
            missing.clear()
            break
        missing -= known
    if missing and readers:
        name = min(missing)
        hint = near_misses(name, known) or "company.tables() lists them."
        raise UsageError(f"no company has a table {name!r} that may be read", hint=hint)
    if taken := queries & known:
        raise UsageError(f"{min(taken)!r} is the name of a table", hint="Give the query another one.")


def refuse_open(
    readers: Sequence[CompanyReader], wanted: Wanted | None, there: Mapping[int, Mapping[str, Manifest | None]]
) -> None:
    """Raise UsageError for what shows personal data in the lake and is not written by an export that masks it.

    Otherwise the mask of one table could be told from the name in another.
    """
    for reader in readers:
        for name, said in there[reader.id].items():
            if reader.personal_data or said is None or not said.basis.personal_data:
                continue
            if name not in wanted if wanted is not None else not said.basis.is_table:
                raise UsageError(
                    f"the lake has {name} of company {reader.id} with personal data, which this export masks",
                    hint=f"Export {name}, too, or remove its folder, or use another lake.",
                )
