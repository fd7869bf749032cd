"""What there is to ask a company about, and the question that shows a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.notebook import markup

#: Characters of a line of SQL, and rows of a table that are shown for a first look.
_WIDTH, _FIRST = 72, 100
#: The server knows its reserved words.
_QUOTED = """
    SELECT pg_catalog.quote_ident(name)
    FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS given (name, place) ORDER BY place
"""


@dataclass(frozen=True, kw_only=True)
class Described:
    """A table as the app shows it."""

    name: str
    #: Each column with its type and whether it can be NULL.
    columns: Sequence[tuple[str, str, bool]]
    #: A question that shows its first rows.
    sql: str

    @property
    def html(self) -> str:
        """The columns and their types."""
        rows = [(name, kind, "yes" if nullable else "") for name, kind, nullable in self.columns]
        return markup.heading(self.name) + markup.table(["column", "type", "NULL"], rows, most=400)


def described(reader: CompanyReader, table: str) -> Described:
    """Return a table's columns, and the question that shows its first rows, quoted where that is needed."""
    found = reader.columns(table)
    names = [str(name) for name in found["column"]]
    quoted = [str(name) for (name,) in reader.ask(_QUOTED, params={"names": [table, *names]}).rows]
    columns = list(zip(names, map(str, found["type"]), map(bool, found["nullable"]), strict=True))
    return Described(name=table, columns=columns, sql=select(quoted[0], quoted[1:]))


def select(table: str, columns: Sequence[str]) -> str:
    """Return a question for the first rows of a table; the names come quoted, and no line breaks one."""
    lines, line = [], "SELECT"
    for number, name in enumerate(columns):
        piece = f" {name}" + ("," if number < len(columns) - 1 else "")
        if len(line) + len(piece) > _WIDTH and line.strip() not in ("", "SELECT"):
            lines.append(line)
            line = "      "
        line += piece
    return "\n".join([*lines, line, f"FROM {table}", f"LIMIT {_FIRST}"])
