"""One table of one company: months that are in the database otherwise than in the lake are read and written anew."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from mpm_ops.analysis import stream
from mpm_ops.analysis.export import LIMITS, Writer, common
from mpm_ops.analysis.guard import Taken
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.atomic import replacing
from mpm_ops.errors import QueryError
from mpm_ops.lake import manifest, months
from mpm_ops.lake.layout import Place, private
from mpm_ops.lake.manifest import Basis, File, Manifest, Revision
from mpm_ops.lake.months import Mark, Month, Piece
from mpm_ops.lake.shapes import Shape
from mpm_ops.postgres.watched import WatchedConnection
from mpm_ops.records import ExportedTable, Question

#: How long a stamp may be that of a row which changes once more: MPM's have whole seconds.
_FRESH = dt.timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How tables are exported."""

    #: Write all anew, whatever the manifests say.
    full: bool
    #: Look into every file, whether it is as it was written.
    verify: bool
    #: Bytes that may wait to be written, for each company at a time.
    group: int
    stop: threading.Event


def by_stamp(shape: Shape, revision: Revision | None) -> bool:
    """Whether rows are told apart by id and updated_at, which are trusted from one migration to the next.

    A migration may change rows without a word in updated_at, so the revision has to be known.
    """
    return shape.is_stamped and revision is not None


class TableExport:
    """Brings what the lake has of one table of one company to what the database has."""

    def __init__(
        self,
        lake: Path,
        name: str,
        reader: CompanyReader,
        shape: Shape,
        *,
        revision: Revision | None,
        manner: Manner,
    ) -> None:
        self._place = Place(lake, name, reader.id)
        self._reader = reader
        self._shape = shape
        self._manner = manner
        self._by_stamp = by_stamp(shape, revision)
        basis = Basis(
            query=shape.query,
            is_table=shape.is_table,
            personal_data=reader.personal_data,
            masks=shape.masks,
            columns={column.name: str(column.type) for column in shape.schema},
            by_stamp=self._by_stamp,
            revision=revision,
        )
        self._manifest = Manifest(
            basis=basis, company_id=reader.id, company=reader.name, table=name, schema=shape.schema
        )
        self._written = set[Month]()
        #: The server's time before the first row was asked for.
        self._asked_at = dt.datetime.min.replace(tzinfo=dt.UTC)

    def run(self, there: Mapping[Month, Mark]) -> ExportedTable:
        """Do it where the database has these marks, and return what came of it.

        Each month is whole when it is there, and known as soon as it is: what breaks off, the next one goes on with.
        Raises what asking raises, and UsageError for files that cannot be written.
        """
        began, before = time.monotonic(), self._place.files()
        self._place.sweep()
        is_new = self._take_over()
        known = self._manifest.marks
        stale = {month for month in {*there, *known} if there.get(month) != known.get(month)}
        if stale or is_new or self._manifest.pending:
            self._manifest.pending |= stale
            self._renew({month: there[month].rows for month in stale if month in there}, every=not known)
        files = self._manifest.files.values()
        paths = {self._place.path / one.path for one in files}
        self._place.keep_only(paths)
        return ExportedTable(
            company_id=self._reader.id,
            company=self._reader.name,
            table=self._manifest.table,
            written=len(self._written),
            kept=len(paths) - len(self._written),
            removed=len(before - paths),
            rows=sum(file.mark.rows for file in files),
            bytes=sum(file.bytes for file in files),
            beyond=sum(file.beyond for file in files),
            seconds=time.monotonic() - began,
        )

    def _take_over(self) -> bool:
        """Take over from the last export what is still true, and tell whether that is less than its manifest says.

        What shows more or less of a row than it is to now is removed.
        """
        before, new = manifest.read(self._place.manifest), self._manifest
        if before is None or not before.basis.shows_as(new.basis):
            # Otherwise names would lie open beside masked ones, until the last month is written.
            # The manifest goes last: who is killed before leaves one that tells what lies there.
            self._place.keep_only(set())
            self._place.manifest.unlink(missing_ok=True)
            return True
        new.files = before.files
        anew = self._manner.full or not before.basis.compares_with(new.basis)
        if not anew:
            new.schema = before.schema
        doubtful = {month for month, file in before.files.items() if anew or file.fresh or not self._is_intact(file)}
        new.pending = before.pending | doubtful
        return (before.basis, before.company) != (new.basis, new.company)

    def _is_intact(self, file: File) -> bool:
        path = self._place.path / file.path
        if path.is_symlink() or not path.is_file() or path.stat().st_size != file.bytes:
            return False
        return not self._manner.verify or _sha256(path) == file.sha256

    def _renew(self, stale: Mapping[Month, int], *, every: bool) -> None:
        """Write months of so many rows anew, maybe every one that there is; forget those that are gone."""
        private(self._place.path)
        self._manifest.write(self._place.manifest)
        if self._by_stamp:
            self._asked_at = self._reader.ask("SELECT now()", limits=LIMITS, stop=self._manner.stop).rows[0][0]
        portions = months.portions(stale)
        for portion in portions:
            sort = len(portion) > 1 or stale[portion[0]] <= months.SORTED
            # Unsorted it has to be one month alone: another may have come since the marks were asked for.
            whole = (every and sort and len(portions) == 1) or not self._shape.has_months
            question = partial(
                months.rows_question, self._shape, None if whole else portion, by_stamp=self._by_stamp, sort=sort
            )
            try:
                self._ask(question())
            except QueryError as exc:
                if not (self._shape.moments and _is_beyond(exc)):
                    raise
                self._ask(question(held=True))
        # Nothing came of these: their rows are gone.
        for month in self._manifest.pending & set(self._manifest.files):
            del self._manifest.files[month]
        self._manifest.pending = set()
        self._manifest.write(self._place.manifest)

    def _ask(self, question: str) -> None:
        noted: list[Question] = []
        try:
            self._reader.noting(noted, question, partial(self._read, question=question))
        finally:
            self._reader.journal.write(noted)

    def _read(self, connection: WatchedConnection, question: str) -> Taken:
        """Write a file for each month of what the question is answered with."""
        rows, seen = 0, set[Month]()
        lent = stream.streamed(connection, question, limits=LIMITS, keep=False, stop=self._manner.stop)
        with lent as arriving:
            for month, pieces in groupby(self._pieces(arriving), key=lambda one: one.month):
                if month in seen:
                    raise QueryError(f"rows of {f'{month:%Y-%m}' if month else 'no month'} came apart from each other")
                seen.add(month)
                file, schema = self._write(month, pieces)
                self._manifest.files[month] = file
                self._manifest.pending.discard(month)
                self._manifest.schema = common([self._manifest.schema, schema])
                self._manifest.write(self._place.manifest)
                self._written.add(month)
                rows += file.mark.rows
        return Taken(count=rows)

    def _pieces(self, arriving: stream.Stream) -> Iterator[Piece]:
        names = self._shape.names
        for batch in arriving:
            yield from months.pieces(batch, names)
        if arriving.cut:
            size = LIMITS.bytes // 1024**2
            raise QueryError(f"a row takes more than {size} MB", hint="Ask for fewer columns.")

    def _write(self, month: Month, pieces: Iterator[Piece]) -> tuple[File, pa.Schema]:
        """Write the rows of a month; the file is there once it is whole."""
        path = self._place.file(month, has_months=self._shape.has_months)
        private(path.parent)
        mark, newest, beyond = Mark(rows=0, hashes=0), list[dt.datetime](), 0
        with replacing(path) as part:
            part.touch(mode=0o600)
            with closing(Writer(part, group=self._manner.group)) as writer:
                for piece in pieces:
                    writer.write(piece.rows)
                    mark += piece.mark
                    newest += _newest(piece.rows)
                    beyond += piece.beyond
                writer.finish()
            part.chmod(0o600)
            size, digest = part.stat().st_size, _sha256(part)
        return (
            File(
                path=path.relative_to(self._place.path).as_posix(),
                mark=mark,
                bytes=size,
                sha256=digest,
                updated_at=max(newest).isoformat() if newest else None,
                fresh=self._by_stamp and bool(newest) and max(newest) > self._asked_at - _FRESH,
                beyond=beyond,
            ),
            writer.schema,
        )


def _is_beyond(exc: QueryError) -> bool:
    """Whether a value came that Python has not, as it has no moment for infinity."""
    return isinstance(exc.__cause__, psycopg.DataError) and exc.__cause__.sqlstate is None


def _newest(rows: pa.Table) -> list[dt.datetime]:
    """Return the newest updated_at, which is UTC; none when there is none."""
    if "updated_at" not in rows.column_names or not pa.types.is_timestamp(rows["updated_at"].type):
        return []
    found = pc.max(rows["updated_at"]).as_py()
    return [] if found is None else [found.replace(tzinfo=dt.UTC)]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
