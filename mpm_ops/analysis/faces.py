"""Faces of rows: a table as text and as HTML, in which data stays text."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from mpm_ops.harmless import harmless

#: Characters of a value that are shown.
_WIDTH = 200
_MUTED = "color: gray"


def text(table: pa.Table, footer: str) -> str:
    """Return the rows aligned under their names, and the footer below them."""
    names, rows = _cells(table)
    cells = [[harmless(name) for name in names], *([cell or "" for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = list(map(_is_number, table.schema))
    lines = [
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([*lines, harmless(footer)])


def as_html(table: pa.Table, footer: str) -> str:
    """Return the rows as a table, and the footer below it; every name and value is escaped."""
    names, rows = _cells(table)
    align = ["text-align: right" if _is_number(field) else "text-align: left" for field in table.schema]
    head = "".join(
        f'<th scope="col" style="{style}" title="{_escaped(str(field.type))}">{_escaped(name)}</th>'
        for name, style, field in zip(names, align, table.schema, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(_cell(cell, style) for cell, style in zip(row, align, strict=True))}</tr>" for row in rows
    )
    return (
        f'<table class="dataframe"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f'<div style="{_MUTED}">{_escaped(footer)}</div>'
    )


def _cell(cell: str | None, style: str) -> str:
    return f'<td style="{_MUTED}">NULL</td>' if cell is None else f'<td style="{style}">{_escaped(cell)}</td>'


def _escaped(value: str) -> str:
    return html.escape(harmless(value))


def _cells(table: pa.Table) -> tuple[Sequence[str], list[tuple[str | None, ...]]]:
    """Return the columns' names, and the rows as text; None is NULL."""
    columns = [[_shown(value) for value in column.to_pylist()] for column in table.columns]
    return table.column_names, list(zip(*columns, strict=True))


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    words = harmless(str(value).replace("\n", "\u240a").replace("\t", "\u2409"))
    return words if len(words) <= _WIDTH else f"{words[:_WIDTH]}…"


def _is_number(field: pa.Field) -> bool:
    kind = field.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
