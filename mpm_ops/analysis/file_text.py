"""Answers as text for files: whole, and every value as it is."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def csv_text(found: pd.DataFrame) -> str:
    """Return an answer as CSV, the values as they are; NULL is an empty field."""
    written = plain(found)
    text = written.to_csv(index=False)
    # A carriage return ends a row for most readers, and pandas leaves it bare.
    return written.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC) if "\r" in text else text


def json_text(found: pd.DataFrame) -> str:
    """Return an answer as a JSON array of objects.

    Decimals are texts, intervals ISO 8601's, bytes are as PostgreSQL writes them; NULL, NaN and infinity are null.
    """
    import pyarrow as pa

    columns = [map(_sendable, pa.array(found.iloc[:, number]).to_pylist()) for number in range(found.shape[1])]
    rows = zip(*columns, strict=True)
    names = [str(name) for name in found.columns]
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], ensure_ascii=False, indent=2)


def plain(found: pd.DataFrame) -> pd.DataFrame:
    """Return an answer with its arrays as JSON and its bytes as PostgreSQL writes them.

    pandas would write an array as numpy does, without commas and of 1 001 items only the first and last three.
    """
    import pandas as pd
    import pyarrow as pa

    written = found.copy(deep=False)
    for number, kind in enumerate(found.dtypes):
        held = kind.pyarrow_dtype if isinstance(kind, pd.ArrowDtype) else pa.null()
        if pa.types.is_list(held) or pa.types.is_binary(held):
            values = map(_sendable, pa.array(found.iloc[:, number]).to_pylist())
            texts = [json.dumps(one, ensure_ascii=False) if isinstance(one, list) else one for one in values]
            array = pd.Series(texts, dtype=pd.ArrowDtype(pa.string())).array
            written.isetitem(number, array)
    return written


def _sendable(value: Any) -> Any:
    """Return a value as JSON has it."""
    import pandas as pd

    match value:
        case list():
            return [_sendable(one) for one in value]
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return f"\\x{value.hex()}"
        case dt.datetime():
            return value.isoformat().replace("+00:00", "Z")
        case dt.date() | dt.time():
            return value.isoformat()
        case Decimal():
            return str(value)
        case dt.timedelta():
            return pd.Timedelta(value).isoformat()
    return value
