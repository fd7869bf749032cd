"""The rows of a question as Arrow: in batches while they arrive, and as one table."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal, TypeAlias

import pyarrow as pa
from psycopg.abc import AdaptContext
from psycopg.adapt import Transformer
from psycopg.pq import Format

from mpm_ops.analysis import arrays, frames
from mpm_ops.analysis.cursor import Column, OpenQuestion
from mpm_ops.analysis.decode import DECODERS, Declined, Raw
from mpm_ops.analysis.guard import FIRST, Cut, Limits, Taken, next_count, opened
from mpm_ops.analysis.params import Params
from mpm_ops.postgres.watched import TooLarge, WatchedConnection

#: What becomes of numeric: exact decimals, or floats.
Numeric: TypeAlias = Literal["decimal", "float"]
_NUMERIC = 1700


@dataclass(frozen=True, kw_only=True)
class Gathered(Taken):
    """All rows of one question, or those before a limit cut them."""

    table: pa.Table


class Stream:
    """The rows of one question while they arrive."""

    def __init__(
        self, question: OpenQuestion, limits: Limits, context: AdaptContext, *, keep: bool, numeric: Numeric
    ) -> None:
        self._question = question
        self._limits = limits
        self._context = context
        self._keep = keep
        self._numeric = numeric
        #: Whether all of its types are decoded from binary; else the server sends texts.
        self._is_binary = True
        #: The limit that cut them; None while none did.
        self.cut: Cut | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the rows have; known once the first batch is here."""
        return self._question.columns

    def __iter__(self) -> Iterator[list[pa.Array]]:
        """Yield batches, an array for each column; one without rows, when there is none."""
        rows, size, count = 0, 0, FIRST
        wanted = sys.maxsize if self._limits.rows is None else self._limits.rows
        while True:
            # One more than the cap tells whether there was more.
            count = min(count, wanted - rows + 1)
            try:
                length, values = self._fetched(count, first=not rows)
            except TooLarge:
                self.cut = Cut.BYTES
                return
            following = min(next_count(rows, size), wanted - rows - length + 1) if rows else 0
            if following > 0 and length == count and self._is_binary:
                self._question.ahead(following)
            batch = [self._array(column, one) for column, one in zip(self.columns, values, strict=True)]
            weight = sum(array.nbytes for array in batch)
            if rows + length > wanted:
                self.cut, kept = Cut.ROWS, wanted - rows
            elif self._keep and size + weight > self._limits.bytes:
                self.cut, kept = Cut.BYTES, length * max(0, self._limits.bytes - size) // weight
            else:
                kept = length
            yield batch if kept == length else [array.slice(0, kept) for array in batch]
            if self.cut or length < count:
                return
            rows, size = rows + length, size + weight
            count = following or next_count(rows, size)

    def _fetched(self, count: int, *, first: bool) -> tuple[int, Sequence[Sequence[Any]]]:
        """Return how many rows came, and the values of each column: as they came, or where that cannot be, Python's."""
        # Told before the first row is made: that may be what takes the time.
        if first and not all(kind in DECODERS for kind in self._question.kinds()):
            self._is_binary = False
            self._question.as_written()
        if self._is_binary:
            result = self._question.raw(count)
            get, numbers = result.get_value, range(result.ntuples)
            return len(numbers), [list(map(get, numbers, repeat(one))) for one in range(len(self.columns))]
        rows = self._question.rows(count)
        return len(rows), list(zip(*rows, strict=True)) or [()] * len(self.columns)

    def _array(self, column: Column, values: Sequence[Any]) -> pa.Array:
        found = self._decoded(column, values) if self._is_binary else arrays.array(column, values)
        wanted = self._numeric == "float" and column.oid == _NUMERIC and pa.types.is_decimal(found.type)
        return arrays.floats(found) if wanted else found

    def _decoded(self, column: Column, values: Raw) -> pa.Array:
        try:
            return DECODERS[column.oid](column, values)
        except Declined:
            load = Transformer(self._context).get_loader(column.oid, Format.BINARY).load
            return arrays.array(
                column, self._question.loaded(lambda: [None if value is None else load(value) for value in values])
            )


@contextmanager
def streamed(
    connection: WatchedConnection,
    query: str,
    params: Params = None,
    *,
    limits: Limits,
    keep: bool,
    numeric: Numeric = "decimal",
    stop: threading.Event | None = None,
) -> Iterator[Stream]:
    """Ask one question, and lend its rows while they arrive. Unless they are kept, `limits.bytes` is for one batch.

    Raises what `guard.opened` raises.
    """
    with opened(connection, query, params, limits=limits, stop=stop) as question:
        yield Stream(question, limits, connection, keep=keep, numeric=numeric)


def gather(
    connection: WatchedConnection,
    query: str,
    params: Params = None,
    *,
    limits: Limits,
    numeric: Numeric = "decimal",
    stop: threading.Event | None = None,
) -> Gathered:
    """Ask one question and return its rows as a table. Raises what `guard.opened` raises."""
    with streamed(connection, query, params, limits=limits, keep=True, numeric=numeric, stop=stop) as stream:
        batches = list(stream)
    table = frames.stacked([column.name for column in stream.columns], batches)
    return Gathered(table=table, count=table.num_rows, cut=stream.cut)
