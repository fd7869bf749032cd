"""Chunks as PostgreSQL's binary COPY wants them: the server parses nothing, and nothing is done row by row here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from mpm_ops.demo.book import Array, Chunk
from mpm_ops.errors import MpmOpsError

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
#: Rows that are put together at a time.
_ROWS = 20_000

#: How the server sends and takes what has the same width in every row.
_PLAIN = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "bool": "?"}
_TEXTS = {"text", "citext", "jsonb"}
#: Its time begins with the year 2000.
_EPOCH = np.datetime64("2000-01-01", "us")
#: Base 10 000: so many digits, the weight of the first, sign, digits behind the point, the digits.
_NUMERIC = np.dtype([("count", ">i2"), ("weight", ">i2"), ("sign", ">u2"), ("scale", ">i2"), ("digits", ">i2", 4)])


def encoded(chunk: Chunk, types: Mapping[str, str]) -> Iterator[bytes]:
    """Return the rows of a chunk in pieces, without header and trailer. `types` tells pg_type's name by column."""
    for first in range(0, chunk.rows, _ROWS):
        rows = slice(first, min(first + _ROWS, chunk.rows))
        yield _piece(chunk, types, rows)


def _piece(chunk: Chunk, types: Mapping[str, str], rows: slice) -> bytes:
    fields = [
        _field(value[rows] if isinstance(value, np.ndarray) else np.array([_plain(value)]), types[name], name)
        for name, value in chunk.columns.items()
    ]
    count = rows.stop - rows.start
    width = 2 + sum(4 + field.shape[1] for field, _ in fields)
    out = np.empty((count, width), np.uint8)
    out[:, :2] = 0, len(fields)
    used = np.ones((count, width), bool)
    ragged = False
    at = 2
    for field, lengths in fields:
        end = at + 4 + field.shape[1]
        out[:, at : at + 4] = lengths.astype(">i4").view(np.uint8).reshape(-1, 4)
        out[:, at + 4 : end] = field
        if (lengths != field.shape[1]).any():
            # What is shorter than the longest is closed up.
            used[:, at + 4 : end] = np.arange(field.shape[1]) < lengths[:, None]
            ragged = True
        at = end
    return (out[used] if ragged else out).tobytes()


def _plain(value: object) -> object:
    return value.encode() if isinstance(value, str) else value


def _field(values: Array, kind: str, name: str) -> tuple[Array, Array]:
    """Return the bytes of values, as wide as the widest, and their lengths."""
    if kind in _TEXTS:
        return _texts(values, prefix=b"\x01" if kind == "jsonb" else b"")
    if kind in _PLAIN:
        fixed = values.astype(_PLAIN[kind])
    elif kind == "numeric":
        fixed = _numeric(values.astype(np.int64))
    elif kind == "timestamptz":
        fixed = (values.astype("M8[us]") - _EPOCH).astype(">i8")
    elif kind == "date":
        fixed = (values.astype("M8[D]") - _EPOCH.astype("M8[D]")).astype(">i4")
    else:
        raise MpmOpsError(f"column {name} is of type {kind}, which made-up rows do not have")
    width = fixed.dtype.itemsize
    return np.ascontiguousarray(fixed).view(np.uint8).reshape(-1, width), np.array([width])


def _texts(values: Array, *, prefix: bytes) -> tuple[Array, Array]:
    held = np.ascontiguousarray(np.char.add(prefix, values) if prefix else values)
    return held.view(np.uint8).reshape(len(held), -1), np.char.str_len(held)


def _numeric(values: Array) -> Array:
    found = np.empty(len(values), _NUMERIC)
    found["count"], found["weight"], found["scale"] = 4, 3, 0
    found["sign"] = np.where(values < 0, 0x4000, 0)
    found["digits"] = np.abs(values)[:, None] // 10_000 ** np.arange(3, -1, -1, dtype=np.int64) % 10_000
    return found
