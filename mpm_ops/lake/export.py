"""An export: tables and queries of companies into a lake, so many companies at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mpm_ops.analysis import fanout
from mpm_ops.analysis.export import GROUP, common
from mpm_ops.analysis.progress import progress
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.analysis.result import unanswered
from mpm_ops.atomic import replacing
from mpm_ops.errors import FleetFailed
from mpm_ops.lake import layout, manifest
from mpm_ops.lake.company import CompanyExport, Part
from mpm_ops.lake.manifest import Revision
from mpm_ops.lake.shapes import LEVELS
from mpm_ops.lake.table import Manner
from mpm_ops.lake.wanted import Wanted, check, refuse_open
from mpm_ops.records import Exported, ExportedTable

#: Bytes that may wait to be written, of all companies together, and of one at least.
_WAITING, _LEAST = 2 * GROUP, GROUP // 8


def export(
    readers: Sequence[CompanyReader],
    wanted: Wanted | None,
    lake: Path,
    *,
    heads: Mapping[int, tuple[str, ...]],
    runs: Mapping[int, int],
    workers: int,
    everyone: bool = False,
    full: bool = False,
    verify: bool = False,
    collect: bool = False,
    stop: threading.Event | None = None,
    on_company: Callable[[], None] | None = None,
) -> Exported:
    """Bring a lake to what the companies' databases have; with `wanted` None, all tables that may be read.

    `heads` are those of the companies' databases by id, left out where the login may not know them, and `runs` the last
    that moved them. With `everyone` the readers are all that there are, so that who else is in the lake is told.

    Raises UsageError, before anything is touched, for names that cannot be meant, and for what shows personal
    data in the lake and would go on to beside what this export masks; Busy while another export writes into
    it. Raises FleetFailed, whose report is the account, for companies that were not exported whole, unless told to
    `collect` their errors.
    """
    began, stop = time.monotonic(), stop or threading.Event()
    check(wanted, readers, lake)
    revisions = {number: Revision(heads=found, run=runs.get(number, 0)) for number, found in heads.items()}
    manner = Manner(full=full, verify=verify, group=max(_LEAST, min(GROUP, _WAITING // workers)), stop=stop)
    with layout.locked(lake), progress(len(readers), "companies") as step:
        told = on_company or (lambda: step(1))
        there = {reader.id: manifest.of_company(lake, reader.id) for reader in readers}
        refuse_open(readers, wanted, there)

        def one(reader: CompanyReader) -> Part:
            export = CompanyExport(
                lake, reader, wanted, there=there[reader.id], revision=revisions.get(reader.id), manner=manner
            )
            part = export.run()
            told()
            return part

        parts = fanout.each(one, readers, stop, workers)
        tables = [one for part in parts for one in part.tables]
        with layout.writable(lake):
            _tell_columns(lake, tables)
        strays = layout.companies(lake) - {reader.id for reader in readers} if everyone else ()
    account = Exported(lake=str(lake), tables=tables, seconds=time.monotonic() - began, strays=sorted(strays))
    failed = {reader.name: part.error for reader, part in zip(readers, parts, strict=True) if part.error}
    if failed and not collect:
        hint = next(iter(failed.values())).hint
        raise FleetFailed(unanswered(failed, len(readers)), report=account, hint=hint)
    return account


def _tell_columns(lake: Path, exported: Sequence[ExportedTable]) -> None:
    anew = {one.table for one in exported if one.written or one.removed}
    for table in sorted({one.table for one in exported if layout.NAME.match(one.table)}):
        _tell_columns_of(lake, table, anew=table in anew)


def _tell_columns_of(lake: Path, table: str, *, anew: bool) -> None:
    """Write what columns a table has in all companies together, for readers that would take those of its first file.

    With the levels of folders, which such readers have to be told as well. Without `anew`, only where a killed export
    did not come to it.
    """
    paths, told = layout.manifests(lake, table=table), layout.schema_file(lake, table)
    layout.sweep(told.parent)
    newest = max((path.stat().st_mtime_ns for path in paths), default=0)
    if not anew and told.exists() and told.stat().st_mtime_ns > newest:
        return
    found = [said.schema for path in paths if (said := manifest.read(path))]
    if not found:
        told.unlink(missing_ok=True)
        return
    columns = common(found)
    levels = [pa.field(LEVELS[0], pa.int64())]
    if "created_at" in columns.names:
        levels.append(pa.field(LEVELS[1], pa.string()))
    with replacing(told) as part:
        part.touch(mode=0o600)
        pq.write_metadata(pa.schema([*columns, *levels]), part)
