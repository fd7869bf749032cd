"""What there is to ask about in a company's database: tables and columns, and near misses of a misspelt one."""

from __future__ import annotations

import difflib

from psycopg import errors

from mpm_ops.errors import QueryError

#: Tables that the asking login may read, with the number of rows as the statistics know it.
TABLES = """
    SELECT c.relname::text AS "table", greatest(c.reltuples, 0)::bigint AS estimated_rows
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relname <> 'alembic_version'
      AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
    ORDER BY 1
"""

#: Columns of one table that the asking login may read, in their order.
COLUMNS = """
    SELECT a.attname::text AS "column", pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
           NOT a.attnotnull AS nullable
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname = %(table)s
      AND a.attnum > 0 AND NOT a.attisdropped
      AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
    ORDER BY a.attnum
"""

#: Every name that may be written in a question.
NAMES = """
    SELECT c.relname::text, a.attname::text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0
      AND NOT a.attisdropped AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
"""


def near_misses(wanted: str, known: set[str]) -> str:
    """Return a hint with the names that look like `wanted`; empty when none does."""
    close = difflib.get_close_matches(wanted.lower(), sorted(known), n=3, cutoff=0.6)
    return f"Did you mean {', '.join(close)}?" if close else ""


def misspelt(error: QueryError) -> str:
    """Return the table or column name that the server did not find; empty when that was not the trouble."""
    if error.sqlstate not in (errors.UndefinedTable.sqlstate, errors.UndefinedColumn.sqlstate):
        return ""
    quoted = str(error).split('"')
    named = quoted[1] if len(quoted) > 2 else str(error).removeprefix("column ").split(" ")[0]
    return named.rsplit(".", 1)[-1]
