"""Arrow tables from batches and from several companies, and DataFrames from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import pandas as pd
import pyarrow as pa

from mpm_ops.analysis.arrays import NO_SUCH_TYPE, floats, texts


def frame(found: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a DataFrame of Arrow-backed columns."""
    converted: pd.DataFrame = found.to_pandas(types_mapper=pd.ArrowDtype)
    return converted


def stacked(names: Sequence[str], batches: Sequence[Sequence[pa.Array]]) -> pa.Table:
    """Return batches, each a list of arrays, as one table: a column gets the type that holds all of its arrays."""
    columns = [_chunked([batch[number] for batch in batches]) for number in range(len(names))]
    return pa.table(columns, names=unique(names))


def together(tables: Sequence[tuple[str, pa.Table]]) -> tuple[pa.Table, dict[str, list[str]]]:
    """Stack the tables of companies under each other, with the company's name in a first column `company`.

    A column of theirs with that name becomes `company_`; what one company lacks is NULL. Who lacks which column is
    returned beside the table.
    """
    named = [(company, table.rename_columns(beside_company(table.column_names))) for company, table in tables]
    names = list(dict.fromkeys(name for _, table in named for name in table.column_names))
    columns = [pa.chunked_array([labels(company, table.num_rows) for company, table in named], type=pa.string())]
    columns += [
        _chunked(
            [
                array
                for _, table in named
                for array in (table[name].chunks if name in table.column_names else [pa.nulls(table.num_rows)])
            ]
        )
        for name in names
    ]
    lacking = {name: [company for company, table in named if name not in table.column_names] for name in names}
    return pa.table(columns, names=["company", *names]), {name: who for name, who in lacking.items() if who}


def beside_company(names: Sequence[str]) -> list[str]:
    """Return names of columns that go beside one called `company`."""
    return unique(["company_" if name == "company" else name for name in names])


def labels(company: str, rows: int) -> pa.Array:
    """Return a column that says whose so many rows are."""
    return pa.repeat(pa.scalar(company, pa.string()), rows)


def unified(kinds: Sequence[pa.DataType]) -> pa.DataType:
    """Return the type that holds values of all these; text where none does."""
    found = list(dict.fromkeys(kind for kind in kinds if not pa.types.is_null(kind)))
    if len(found) <= 1:
        return found[0] if found else pa.null()
    if all(map(pa.types.is_decimal, found)):
        return pa.decimal128(38, max(kind.scale for kind in found))
    try:
        return pa.unify_schemas([pa.schema({"": kind}) for kind in found], promote_options="permissive").field(0).type
    except NO_SUCH_TYPE:
        return pa.string()


def cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array as one of a type that `unified` has found. Raises pyarrow's errors for what does not fit."""
    if array.type == kind:
        return array
    if kind == pa.string() and not pa.types.is_null(array.type):
        return texts(array.to_pylist())
    if kind == pa.float64() and pa.types.is_decimal(array.type):
        return floats(array)
    return array.cast(kind)


def _chunked(arrays: Sequence[pa.Array]) -> pa.ChunkedArray:
    kind = unified([array.type for array in arrays])
    # Decimals of more digits than 38 together are floats, and what is too long for those is text.
    for candidate in (kind, pa.float64(), pa.string()) if pa.types.is_decimal(kind) else (kind, pa.string()):
        try:
            return pa.chunked_array([cast(array, candidate) for array in arrays], type=candidate)
        except NO_SUCH_TYPE:
            continue
    raise AssertionError("everything is text at last")


def unique(names: Sequence[str]) -> list[str]:
    """Put a number behind each name that came before, one with which it is like no other."""
    taken, unique = set(names), dict[str, str]()
    numbers: dict[str, Iterator[int]] = {}
    for name in names:
        new = name
        while new in unique or (new != name and new in taken):
            new = f"{name}_{next(numbers.setdefault(name, count(2)))}"
        unique[new] = name
    return list(unique)
