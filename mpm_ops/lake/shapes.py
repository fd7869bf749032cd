"""What there is to export of a company: its tables and the answers to queries, with columns of types that all share."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from psycopg import sql

from mpm_ops.analysis import catalog
from mpm_ops.analysis.arrays import declared
from mpm_ops.analysis.cursor import Column
from mpm_ops.analysis.decode import DECODERS
from mpm_ops.analysis.guard import Limits
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.errors import QueryError

_JSON, _NUMERIC = 114, 1700
#: Whose values are a moment that lies in a month: date, timestamp, timestamptz.
_MOMENTS = (1082, 1114, 1184)
#: Of those, what tells one change of a row from the next: a day does not.
_STAMPS = (1114, 1184)
#: The levels of folders that a reader of the lake sees as columns.
LEVELS = ("company", "month")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A table, or the answer to a query, as one company has it."""

    #: What the rows come from: a SELECT without its parameters.
    query: str
    columns: Sequence[Column]
    #: Whether it is a table, whose id and updated_at tell one version of a row from another.
    is_table: bool
    #: What tells one way of masking it from another; empty when nothing is masked.
    masks: str

    @property
    def has_months(self) -> bool:
        """Whether its rows lie in months."""
        return any(one.name == "created_at" and one.oid in _MOMENTS for one in self.columns)

    @property
    def is_stamped(self) -> bool:
        """Whether a change of a row shows in its id and updated_at."""
        names = {one.name: one.oid for one in self.columns}
        return self.is_table and "id" in names and names.get("updated_at") in _STAMPS

    @property
    def names(self) -> list[str]:
        """The columns' names in the lake, where `company` and `month` are levels of folders."""
        taken = {one.name.casefold() for one in self.columns} | set(LEVELS)
        names = []
        for one in self.columns:
            name = one.name
            while name.casefold() in LEVELS or (name != one.name and name.casefold() in taken):
                name += "_"
            names.append(name)
        return names

    @property
    def schema(self) -> pa.Schema:
        """The columns in the lake; a value beyond its type, such as infinity, makes that wider in its file."""
        return pa.schema([(name, declared(taken(one))) for name, one in zip(self.names, self.columns, strict=True)])

    @property
    def moments(self) -> list[str]:
        """The columns whose values are moments."""
        return [one.name for one in self.columns if one.oid in _MOMENTS]

    @property
    def selected(self) -> sql.Composed:
        """The rows, each column of a type that does not hang on its values."""
        columns = sql.SQL(", ").join(map(_selected, self.columns))
        return sql.SQL("SELECT {} FROM ({}\n) AS q").format(columns, sql.SQL(self.query))


def taken(column: Column) -> Column:
    """Return a column as the lake takes it.

    What Arrow has no type for is text; a numeric without a declared number of places is a float, for a decimal would
    have one number of them in one file and another in the next, which most readers do not take for one column.
    """
    if column.oid == _NUMERIC:
        return column if _fits(column) else Column(name=column.name, oid=701, precision=None, scale=None)
    if column.oid in DECODERS and column.oid != _JSON:
        return column
    return Column(name=column.name, oid=25, precision=None, scale=None)


def shapes(reader: CompanyReader) -> dict[str, Shape]:
    """Return what each table looks like to those who read with this login, by name."""
    found: dict[str, list[Column]] = {}
    masks: dict[str, str] = {}
    for table, name, oid, modifier, mask in reader.ask(catalog.SHAPES, limits=Limits(rows=None)).rows:
        found.setdefault(table, []).append(_column(name, oid, modifier))
        masks[table] = mask
    return {
        table: Shape(query=_select(table, columns), columns=columns, is_table=True, masks=masks[table])
        for table, columns in found.items()
    }


def answer(reader: CompanyReader, query: str, tables: Mapping[str, Shape]) -> Shape:
    """Return what the answer to a query looks like. Raises QueryError, also for columns with the same name."""
    query = query.strip().rstrip(";")
    described = sql.SQL("SELECT * FROM ({}\n) AS q LIMIT 0").format(sql.SQL(query)).as_string()
    columns = reader.ask(described).columns
    twice = [name for name, number in Counter(one.name.casefold() for one in columns).items() if number > 1]
    if twice or not columns:
        told = f"two columns are called {twice[0]!r}" if twice else "the query has no columns"
        raise QueryError(told, hint="Give each column a name of its own: … AS name.")
    return Shape(query=query, columns=columns, is_table=False, masks=masks_of_all(tables))


def masks_of_all(tables: Mapping[str, Shape]) -> str:
    """Return what tells how a query is masked: which tables it reads nobody tells, so it is otherwise when any is."""
    masks = sorted((name, one.masks) for name, one in tables.items() if one.masks)
    return hashlib.sha256(repr(masks).encode()).hexdigest()


def _select(table: str, columns: Sequence[Column]) -> str:
    names = sql.SQL(", ").join(sql.Identifier(one.name) for one in columns)
    return sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(table)).as_string()


def _column(name: str, oid: int, modifier: int) -> Column:
    """Return a column as the catalog has it: of a numeric its modifier tells the digits and the places."""
    if oid != _NUMERIC or modifier < 0:
        return Column(name=name, oid=oid, precision=None, scale=None)
    places = (modifier - 4) & 0x7FF
    return Column(name=name, oid=oid, precision=(modifier - 4) >> 16, scale=(places ^ 1024) - 1024)


def _fits(column: Column) -> bool:
    digits, places = column.precision, column.scale
    return digits is not None and places is not None and 0 <= places <= digits <= 38


def _selected(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    kind = taken(column)
    if kind == column:
        return name
    return sql.SQL("{}::{} AS {}").format(name, sql.SQL("float8" if kind.oid == 701 else "text"), name)
