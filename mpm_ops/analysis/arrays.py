"""Python's values to Arrow: integers with NULLs stay integers, numeric exact, what Arrow has no type for is text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pyarrow as pa
from psycopg.postgres import types

from mpm_ops.analysis.cursor import Column

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
#: How pyarrow says that it has no type for some values; a bare TypeError, for infinity in a list of decimals.
NO_SUCH_TYPE = (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError)


def array(column: Column, values: Sequence[Any]) -> pa.Array:
    """Return the values of a column of the server's as Arrow's."""
    if column.oid == _NUMERIC:
        return _numeric(column, values)
    kind = _TYPES.get(column.oid)
    if _is_list(column.oid) and all(value is None for value in values):
        return pa.nulls(len(values))  # of what, other batches tell
    if kind is None and not any(isinstance(value, list) for value in values):
        return texts(values)
    try:
        return pa.array(values, type=kind)
    except NO_SUCH_TYPE:
        # Intervals of more than 292 000 years, arrays of mixed depth or of types that Arrow lacks.
        return texts(values)


def declared(column: Column) -> pa.DataType:
    """Return the type that a column's values have unless one is beyond it; text for what is not listed."""
    if column.oid == _NUMERIC and column.precision is not None and column.scale is not None:
        return pa.decimal128(column.precision, column.scale)
    return _TYPES.get(column.oid, pa.string())


def _is_list(oid: int) -> bool:
    info = types.get(oid)
    return info is not None and info.array_oid == oid


def _numeric(column: Column, values: Sequence[Decimal | None]) -> pa.Array:
    declared = column.precision is not None and column.scale is not None and 0 <= column.scale <= column.precision <= 38
    kind = pa.decimal128(column.precision, column.scale) if declared else _inferred(values)
    if kind is not None:
        with suppress(*NO_SUCH_TYPE):
            return pa.array(values, type=kind)
    # NaN, infinity and more than 38 digits do not fit a decimal, and some do not fit a float either.
    found = [None if value is None else float(value) for value in values]
    lost = any(
        v is not None and f is not None and math.isinf(f) and v.is_finite() for v, f in zip(values, found, strict=True)
    )
    return texts(values) if lost else pa.array(found, type=pa.float64())


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


def floats(decimals: pa.Array) -> pa.Array:
    """Return decimals as the floats next to them, by way of their text.

    Arrow's own cast makes 1234567.8900000001 of 1234567.89.
    """
    return decimals.cast(pa.string()).cast(pa.float64())


def texts(values: Sequence[Any]) -> pa.Array:
    """Return values as text, lists and documents as JSON."""
    return pa.array([None if value is None else _text(value) for value in values], type=pa.string())


_AS_TEXT: dict[type, Callable[[Any], str]] = {
    dict: lambda value: json.dumps(value, ensure_ascii=False),
    list: lambda value: json.dumps(value, ensure_ascii=False, default=str),
}


def _text(value: object) -> str:
    return _AS_TEXT.get(type(value), str)(value)
