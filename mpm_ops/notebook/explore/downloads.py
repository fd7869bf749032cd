"""An answer as a file, inside of a link: it goes through no server, and no path is written to."""

from __future__ import annotations

import base64
import datetime as dt
import io
from typing import Literal

from mpm_ops.analysis.file_text import csv_text
from mpm_ops.analysis.result import Result
from mpm_ops.errors import UsageError
from mpm_ops.notebook.markup import escaped

Form = Literal["csv", "parquet"]

#: Bytes of a file that a page can hold without suffering.
LIMIT = 10 * 1024 * 1024
_TYPES: dict[Form, str] = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def link(result: Result, form: Form, *, name: str, now: dt.datetime) -> str:
    """Return HTML with a link that is the file, of the rows that are here. Raises UsageError when it is too large."""
    content = _content(result, form)
    if len(content) > LIMIT:
        size = f"{len(content) / 1024**2:.0f} MB"
        raise UsageError(
            f"{size} are too much for a link, which holds {LIMIT // 1024**2} MB",
            hint="In Python: result.to_parquet(path), or result.df.to_csv(path).",
        )
    file = f"{name}_{now:%Y%m%d-%H%M%S}.{form}"
    data = base64.b64encode(content).decode()
    cut = " (cut short, as the answer above)" if result.truncated else ""
    return (
        f'<a download="{escaped(file)}" href="data:{_TYPES[form]};base64,{data}">Save {escaped(file)}</a>'
        f' <span class="mpm-muted">{len(result):,} rows{cut}</span>'
    )


def _content(result: Result, form: Form) -> bytes:
    if form == "csv":
        return csv_text(result.df).encode()
    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(result.arrow, buffer)
    return buffer.getvalue()
