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
from psycopg.pq.abc import PGresult

from mpm_ops.analysis import arrays, frames
from mpm_ops.analysis.decode import DECODERS, Declined, Raw
from mpm_ops.analysis.guard import FIRST, Column, Cut, Limits, Opened, Taken, next_count, opened
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
        self, question: Opened, limits: Limits, context: AdaptContext, *, keep: bool, numeric: Numeric
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
                length, batch = self._batch(count, first=not rows)
            except TooLarge:
                self.cut = Cut.BYTES
                return
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
            count = next_count(rows, size)

    def _batch(self, count: int, *, first: bool) -> tuple[int, list[pa.Array]]:
        if first:
            result = self._question.raw(count)
            self._is_binary = all(column.oid in DECODERS for column in self.columns)
            if not self._is_binary:
                self._question.again()
        elif self._is_binary:
            result = self._question.raw(count)
        if not self._is_binary:
            rows = self._question.rows(count)
            values: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(self.columns)
            return len(rows), [self._array(column, one) for column, one in zip(self.columns, values, strict=True)]
        raw = [self._decoded(column, taken(result, number)) for number, column in enumerate(self.columns)]
        return result.ntuples, raw

    def _decoded(self, column: Column, values: Raw) -> pa.Array:
        try:
            return self._as_wanted(column, DECODERS[column.oid](column, values))
        except Declined:
            load = Transformer(self._context).get_loader(column.oid, Format.BINARY).load
            return self._array(
                column, self._question.loaded(lambda: [None if value is None else load(value) for value in values])
            )

    def _array(self, column: Column, values: Sequence[Any]) -> pa.Array:
        return self._as_wanted(column, arrays.array(column, values))

    def _as_wanted(self, column: Column, array: pa.Array) -> pa.Array:
        wanted = self._numeric == "float" and column.oid == _NUMERIC and pa.types.is_decimal(array.type)
        return array.cast(pa.float64()) if wanted else array


def taken(result: PGresult, number: int) -> Raw:
    """Return the values of one column of a result."""
    return list(map(result.get_value, range(result.ntuples), repeat(number)))


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
