"""What there is to ask about in a company's database: tables and columns, and near misses of a misspelt one."""

from __future__ import annotations

import difflib

from psycopg import errors

from mpm_ops.errors import QueryError

#: Relations that a question may name without a schema: a masked view stands before the table of its name.
_VISIBLE = """
    SELECT c.oid, c.relname::text AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('masked', 'public') AND c.relkind IN ('r', 'p', 'v') AND c.relname <> 'alembic_version'
      AND pg_catalog.pg_table_is_visible(c.oid) AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
"""

#: Tables that the asking login may read, with the number of rows as the statistics know it.
TABLES = f"""
    SELECT v.name AS "table", greatest(c.reltuples, 0)::bigint AS estimated_rows
    FROM ({_VISIBLE}) AS v
    JOIN pg_catalog.pg_class c ON c.relname = v.name AND c.relnamespace = 'public'::regnamespace
    ORDER BY 1
"""  # noqa: S608 our own text

#: Columns of one table that the asking login may read, in their order.
COLUMNS = f"""
    SELECT a.attname::text AS "column", pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
           NOT coalesce(b.attnotnull, false) AS nullable
    FROM ({_VISIBLE}) AS v
    JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_class c ON c.relname = v.name AND c.relnamespace = 'public'::regnamespace
    LEFT JOIN pg_catalog.pg_attribute b ON b.attrelid = c.oid AND b.attname = a.attname
    WHERE v.name = %(table)s AND pg_catalog.has_column_privilege(v.oid, a.attnum, 'SELECT')
    ORDER BY a.attnum
"""  # noqa: S608 our own text

#: Every table with its columns in their order: types, and what tells one way of masking it from another.
SHAPES = f"""
    SELECT v.name, a.attname::text, a.atttypid::bigint, a.atttypmod,
           coalesce(pg_catalog.obj_description(v.oid, 'pg_class'), '') AS masks
    FROM ({_VISIBLE}) AS v JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0
    WHERE NOT a.attisdropped AND pg_catalog.has_column_privilege(v.oid, a.attnum, 'SELECT')
    ORDER BY v.name, a.attnum
"""  # noqa: S608 our own text

#: Every name that may be written in a question.
NAMES = f"""
    SELECT v.name, a.attname::text
    FROM ({_VISIBLE}) AS v JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0
    WHERE NOT a.attisdropped AND pg_catalog.has_column_privilege(v.oid, a.attnum, 'SELECT')
"""  # noqa: S608 our own text


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
