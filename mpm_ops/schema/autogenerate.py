"""What autogenerate may propose to drop: the models know nothing of what an installation's own revisions made."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.sql.schema import SchemaItem

#: Alembic's hook: the object, its name and kind, whether it is the database's, and what it is compared with.
IncludeObject = Callable[[SchemaItem, str | None, str, bool, SchemaItem | None], bool]


def without_own(shipped: sa.Connection) -> IncludeObject:
    """Return the hook that proposes to drop only what is in `shipped`, a database of the shipped revisions. Read-only.

    What is in the models, too, is compared as ever.
    """
    found = sa.MetaData()
    found.reflect(shipped)
    known: set[tuple[str, str, str]] = set()
    for table in found.tables.values():
        known.add(("table", table.name, table.name))
        known |= {("column", table.name, column.name) for column in table.columns}
        known |= {("", table.name, str(index.name)) for index in table.indexes}
        known |= {("", table.name, str(constraint.name)) for constraint in table.constraints}

    def include(item: SchemaItem, name: str | None, kind: str, reflected: bool, compare_to: SchemaItem | None) -> bool:
        if not reflected or compare_to is not None:
            return True
        table = item if isinstance(item, sa.Table) else getattr(item, "table", None)
        key = kind if kind in ("table", "column") else ""
        return isinstance(table, sa.Table) and (key, table.name, str(name)) in known

    return include
