"""Rows to Arrow to DataFrame: NULL-able integers stay integers, numeric stays exact, timestamps keep their zone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
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
#: Digits of numeric values without a declared precision, such as those of sum() and avg().
_WIDEST = pa.decimal128(38, 10)


def table(answer: Answer) -> pa.Table:
    """Return the answer as an Arrow table; columns of the same name get a number behind it."""
    columns: Sequence[Sequence[Any]] = list(zip(*answer.rows, strict=True)) or [()] * len(answer.columns)
    arrays = [_array(column, values) for column, values in zip(answer.columns, columns, strict=True)]
    return pa.table(arrays, names=_unique([column.name for column in answer.columns]))


def frame(answer: Answer) -> pd.DataFrame:
    """Return the answer as a DataFrame of Arrow-backed columns.

    `attrs["truncated"]` tells whether it was cut, and `attrs["cut"]` by which limit: "rows", "bytes", or "".
    """
    return _frame(table(answer), [answer])


def together(answers: Sequence[tuple[str, Answer]]) -> pd.DataFrame:
    """Stack the answers of companies under each other, with the company's name in a first column `company`.

    A column of theirs with that name becomes `company_`; what one company lacks is NA.
    """
    labelled = []
    for company, answer in answers:
        part = table(answer)
        part = part.rename_columns(["company_" if name == "company" else name for name in part.column_names])
        labelled.append(part.add_column(0, "company", pa.array([company] * part.num_rows, type=pa.string())))
    empty = pa.table({"company": pa.array([], type=pa.string())})
    stacked = pa.concat_tables(labelled, promote_options="permissive") if labelled else empty
    return _frame(stacked, [answer for _, answer in answers])


def _frame(found: pa.Table, answers: Sequence[Answer]) -> pd.DataFrame:
    converted: pd.DataFrame = found.to_pandas(types_mapper=pd.ArrowDtype)
    cuts = {answer.cut.value for answer in answers if answer.cut}
    converted.attrs["truncated"] = bool(cuts)
    # Of the two, bytes is the one that max_rows does not lift.
    converted.attrs["cut"] = min(cuts, default="")
    return converted


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    if column.oid == _NUMERIC:
        return _numeric(column, values)
    kind = _TYPES.get(column.oid)
    if kind is not None:
        return pa.array(values, type=kind)
    if any(isinstance(value, list) for value in values):
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pass  # arrays of mixed depth or of types that Arrow lacks are shown as text
    return pa.array([None if value is None else _text(value) for value in values], type=pa.string())


def _numeric(column: Column, values: Sequence[Decimal | None]) -> pa.Array:
    declared = column.precision is not None and column.scale is not None and 0 <= column.scale <= column.precision <= 38
    kind = pa.decimal128(column.precision, column.scale) if declared else _inferred(values)
    try:
        return pa.array(values, type=kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # NaN, infinity and more than 38 digits do not fit a decimal.
        return pa.array([None if value is None else float(value) for value in values], type=pa.float64())


def _inferred(values: Sequence[Decimal | None]) -> pa.DataType:
    """The smallest decimal with two places or more that holds the values exactly."""
    places = 2
    for value in values:
        exponent = value.as_tuple().exponent if value is not None else 0
        if isinstance(exponent, int):
            places = max(places, -exponent)
    return pa.decimal128(38, places) if places <= 20 else _WIDEST


_AS_TEXT: dict[type, Callable[[Any], str]] = {
    dict: lambda value: json.dumps(value, ensure_ascii=False),
    list: lambda value: json.dumps(value, ensure_ascii=False, default=str),
}


def _text(value: object) -> str:
    return _AS_TEXT.get(type(value), str)(value)


def _unique(names: Sequence[str]) -> list[str]:
    taken: dict[str, int] = {}
    unique = []
    for name in names:
        count = taken.get(name, 0)
        taken[name] = count + 1
        unique.append(name if not count else f"{name}_{count + 1}")
    return unique
