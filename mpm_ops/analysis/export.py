"""Rows into a Parquet file while they arrive: in bounded memory, and the file is there once it is whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from mpm_ops.analysis import frames, stream
from mpm_ops.analysis.arrays import NO_SUCH_TYPE
from mpm_ops.analysis.guard import Limits, Taken
from mpm_ops.analysis.journal import Journal
from mpm_ops.analysis.params import Params
from mpm_ops.analysis.progress import progress
from mpm_ops.atomic import replacing
from mpm_ops.errors import QueryError
from mpm_ops.postgres.watched import WatchedConnection
from mpm_ops.records import Question

#: Bytes of a row group; and what a question may take that goes into a file, of rows and of seconds.
GROUP = 32 * 1024 * 1024
LIMITS = Limits(rows=None, bytes=256 * 1024 * 1024, deadline=4 * 3600, statement=600_000)


class Source(Protocol):
    """A company as far as its rows go into a file: see CompanyReader."""

    journal: Journal

    @property
    def name(self) -> str:
        """The company's name."""

    def noting(self, noted: list[Question], statement: str, ask: Callable[[WatchedConnection], Taken]) -> Taken:
        """Return what `ask` does, and leave in `noted` what came of it."""


class Writer:
    """A Parquet file that grows by batches; a batch that does not fit its schema widens that."""

    def __init__(self, path: Path, *, group: int | None = None) -> None:
        self._path = path
        self._group = GROUP if group is None else group
        self._file: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._size = 0
        #: Rows so far.
        self.rows = 0

    def write(self, batch: pa.Table) -> None:
        """Add rows."""
        self._waiting.append(batch)
        self._size += batch.nbytes
        self.rows += batch.num_rows
        if self._size >= self._group:
            self._flush()

    @property
    def schema(self) -> pa.Schema:
        """What the rows have that are written so far."""
        return self._file.schema if self._file is not None else common([one.schema for one in self._waiting])

    def finish(self) -> None:
        """Write what is waiting."""
        self._flush()
        self.close()

    def close(self) -> None:
        """Write the end of the file; what is waiting is left out."""
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        schema = common([*([self._file.schema] if self._file else []), *(one.schema for one in self._waiting)])
        if self._file is not None and schema != self._file.schema:
            self._widen(schema)
        if self._file is None:
            self._file = pq.ParquetWriter(self._path, schema)
        if self._waiting:
            self._file.write_table(pa.concat_tables([_as(one, schema) for one in self._waiting]))
        self._waiting, self._size = [], 0

    def _widen(self, schema: pa.Schema) -> None:
        """Write what is there anew with another schema, a row group at a time."""
        assert self._file is not None  # noqa: S101 or there is nothing to widen
        self._file.close()
        old = self._path.with_name(f"{self._path.name}.narrow")
        self._path.rename(old)
        try:
            self._file = pq.ParquetWriter(self._path, schema)
            with pq.ParquetFile(old) as narrow:
                for number in range(narrow.num_row_groups):
                    self._file.write_table(_as(narrow.read_row_group(number), schema))
        finally:
            old.unlink()


def to_parquet(
    path: Path,
    sources: Sequence[Source],
    sql: str,
    *,
    params: Params,
    numeric: stream.Numeric,
    whole: pa.Table | None,
    stop: threading.Event | None,
    label: bool = False,
) -> int:
    """Write the rows of all companies, one after the other, and return their number; `whole` is what is here already.

    With `label` a first column `company` says whose they are. Raises UsageError when the file cannot be written, and
    what asking raises: there is no file then, or the one of before.
    """
    with _written(path) as writer:
        if whole is not None:
            writer.write(whole)
        else:
            with progress(None, "rows") as step:
                for source in sources:
                    _export(source, writer, sql, params, numeric=numeric, stop=stop, label=label, step=step)
    return writer.rows


def _export(
    source: Source,
    writer: Writer,
    sql: str,
    params: Params,
    *,
    numeric: stream.Numeric,
    stop: threading.Event | None,
    label: bool,
    step: Callable[[int], None],
) -> None:
    """Write the rows of one company."""

    def ask(connection: WatchedConnection) -> Taken:
        rows = 0
        lent = stream.streamed(connection, sql, params, limits=LIMITS, keep=False, numeric=numeric, stop=stop)
        with lent as arriving:
            for batch in arriving:
                names = frames.unique([column.name for column in arriving.columns])
                table = pa.table(batch, names=frames.beside_company(names) if label else names)
                if label:
                    table = table.add_column(0, "company", frames.labels(source.name, table.num_rows))
                writer.write(table)
                rows += table.num_rows
                step(table.num_rows)
            if arriving.cut:
                size = LIMITS.bytes // 1024**2
                raise QueryError(f"a row takes more than {size} MB", statement=sql, hint="Ask for fewer columns.")
        return Taken(count=rows)

    noted: list[Question] = []
    try:
        source.noting(noted, sql, ask)
    finally:
        source.journal.write(noted)


@contextmanager
def _written(path: Path) -> Iterator[Writer]:
    """Lend a writer; the file takes its name at the end of the block, and is gone after an error."""
    with replacing(path) as part, closing(Writer(part)) as writer:
        yield writer
        writer.finish()


def common(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return the schema that holds rows of all of them."""
    names = dict.fromkeys(name for schema in schemas for name in schema.names)
    return pa.schema(
        [(name, frames.unified([one.field(name).type for one in schemas if name in one.names])) for name in names]
    )


def _as(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with all columns of a schema; NULL where it has none. Raises QueryError."""
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
            continue
        try:
            chunks = [frames.cast(chunk, field.type) for chunk in table[field.name].chunks]
        except NO_SUCH_TYPE as exc:
            hint = 'Round them, or ask with numeric="float".'
            raise QueryError(f"no one type holds all numbers of {field.name}", hint=hint) from exc
        columns.append(pa.chunked_array(chunks, type=field.type))
    return pa.table(columns, schema=schema)
