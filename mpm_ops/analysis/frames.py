"""Rows to Arrow to DataFrame: NULL-able integers stay integers, numeric stays exact, timestamps keep their zone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import chain, count
from typing import Any

import pandas as pd
import pyarrow as pa

from mpm_ops.analysis.guard import Answer, Column

#: PostgreSQL type oid -> Arrow type. What is not listed arrives as text.
_TYPES: dict[int, pa.DataType] = {
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    26: pa.int64(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", tz="UTC"),
    1186: pa.duration("us"),
}
_NUMERIC = 1700
#: Arrow's times have no zone, and would drop it.
_TIMETZ_ARRAY = 1270
#: How pyarrow says that it has no type for some values; a bare TypeError, for infinity in a list of decimals.
_NO_SUCH_TYPE = (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError)


def table(answer: Answer) -> pa.Table:
    """Return the answer as an Arrow table; columns of the same name get a number behind it."""
    names = _unique([column.name for column in answer.columns])
    arrays = [_array(column, values) for column, values in zip(answer.columns, _columns(answer), strict=True)]
    return pa.table(arrays, names=names)


def frame(found: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a DataFrame of Arrow-backed columns."""
    converted: pd.DataFrame = found.to_pandas(types_mapper=pd.ArrowDtype)
    return converted


def together(answers: Sequence[tuple[str, Answer]]) -> tuple[pa.Table, dict[str, list[str]]]:
    """Stack the answers of companies under each other, with the company's name in a first column `company`.

    A column of theirs with that name becomes `company_`; what one company lacks is NULL. Who lacks which column is
    returned beside the table.
    """
    parts: dict[str, dict[int, tuple[Column, Sequence[Any]]]] = {}
    for number, (_, answer) in enumerate(answers):
        renamed = ["company_" if column.name == "company" else column.name for column in answer.columns]
        for name, column, values in zip(_unique(renamed), answer.columns, _columns(answer), strict=True):
            parts.setdefault(name, {})[number] = (column, values)
    counts = [len(answer.rows) for _, answer in answers]
    labels = [company for (company, _), count in zip(answers, counts, strict=True) for _ in range(count)]
    stacked = {"company": pa.array(labels, type=pa.string())}
    stacked |= {name: _stacked(found, counts) for name, found in parts.items()}
    lacking = {
        name: [label for number, (label, _) in enumerate(answers) if number not in found]
        for name, found in parts.items()
        if len(found) < len(answers)
    }
    return pa.table(stacked), lacking


def _columns(answer: Answer) -> Sequence[Sequence[Any]]:
    """Return the values of an answer by column."""
    return list(zip(*answer.rows, strict=True)) or [()] * len(answer.columns)


def _stacked(found: Mapping[int, tuple[Column, Sequence[Any]]], counts: Sequence[int]) -> pa.Array | pa.ChunkedArray:
    """Return one column of all companies, by their number those that have it; no type for all of them makes it text."""
    values = [found[number][1] if number in found else [None] * count for number, count in enumerate(counts)]
    columns = [column for column, _ in found.values()]
    if len({column.oid for column in columns}) == 1:
        alike = len({(column.precision, column.scale) for column in columns}) == 1
        column = columns[0] if alike else replace(columns[0], precision=None, scale=None)
        return _array(column, list(chain.from_iterable(values)))
    arrays = [
        _array(found[number][0], part) if number in found else pa.nulls(len(part)) for number, part in enumerate(values)
    ]
    try:
        schemas = [pa.schema({"": array.type}) for array in arrays]
        kind = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        return pa.chunked_array([array.cast(kind) for array in arrays])
    except _NO_SUCH_TYPE:
        return _texts(list(chain.from_iterable(values)))


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    if column.oid == _NUMERIC:
        return _numeric(column, values)
    kind = _TYPES.get(column.oid)
    if kind is None and (column.oid == _TIMETZ_ARRAY or not any(isinstance(value, list) for value in values)):
        return _texts(values)
    try:
        return pa.array(values, type=kind)
    except _NO_SUCH_TYPE:
        # Intervals of more than 292 000 years, arrays of mixed depth or of types that Arrow lacks.
        return _texts(values)


def _numeric(column: Column, values: Sequence[Decimal | None]) -> pa.Array:
    declared = column.precision is not None and column.scale is not None and 0 <= column.scale <= column.precision <= 38
    kind = pa.decimal128(column.precision, column.scale) if declared else _inferred(values)
    if kind is not None:
        with suppress(*_NO_SUCH_TYPE):
            return pa.array(values, type=kind)
    # NaN, infinity and more than 38 digits do not fit a decimal, and some do not fit a float either.
    floats = [None if value is None else float(value) for value in values]
    lost = any(
        v is not None and f is not None and math.isinf(f) and v.is_finite() for v, f in zip(values, floats, strict=True)
    )
    return _texts(values) if lost else pa.array(floats, type=pa.float64())


def _inferred(values: Sequence[Decimal | None]) -> pa.DataType | None:
    """The smallest decimal with two places or more that holds the values exactly; None when they have too many digits.

    Counted here: given 500 places, pyarrow 26 makes 0 of 1.
    """
    present = [value for value in values if value is not None]
    exponents = {value.as_tuple().exponent for value in present}
    powers = [exponent for exponent in exponents if isinstance(exponent, int)]
    if len(powers) < len(exponents):
        return None  # NaN, infinity
    places = max(2, -min(powers, default=0))
    whole = 1 + max(value.adjusted() for value in (max(present), min(present))) if present else 0
    return pa.decimal128(38, places) if whole + places <= 38 else None


def _texts(values: Sequence[Any]) -> pa.Array:
    return pa.array([None if value is None else _text(value) for value in values], type=pa.string())


_AS_TEXT: dict[type, Callable[[Any], str]] = {
    dict: lambda value: json.dumps(value, ensure_ascii=False),
    list: lambda value: json.dumps(value, ensure_ascii=False, default=str),
}


def _text(value: object) -> str:
    return _AS_TEXT.get(type(value), str)(value)


def _unique(names: Sequence[str]) -> list[str]:
    """Put a number behind each name that came before, one with which it is like no other."""
    taken, unique = set(names), dict[str, str]()
    numbers: dict[str, Iterator[int]] = {}
    for name in names:
        new = name
        while new in unique or (new != name and new in taken):
            new = f"{name}_{next(numbers.setdefault(name, count(2)))}"
        unique[new] = name
    return list(unique)
