"""Drift: does the catalog of a database hold what its revision makes? Compared line by line, no OID in any line."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from mpm_ops.records import Difference

#: What is looked at: everything in `public` that no extension brought, but the table that Alembic keeps.
_LINES = """
    WITH relations AS MATERIALIZED (
        SELECT c.oid, c.relname, c.relkind, c.relpersistence
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND c.relname <> 'alembic_version'
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.deptype IN ('e', 'i'))
    )
    SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                        ELSE 'table' END AS kind,
           relname::text AS name,
           CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) ELSE relpersistence::text END AS definition
    FROM relations
    UNION ALL
    SELECT 'column', r.relname || '.' || a.attname,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                     nullif('identity ' || a.attidentity::text, 'identity '),
                     nullif('generated ' || a.attgenerated::text, 'generated '),
                     'default ' || pg_get_expr(d.adbin, d.adrelid),
                     CASE WHEN a.attcollation <> t.typcollation THEN 'collation ' || a.attcollation::regcollation END)
    FROM relations r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p')
    UNION ALL
    SELECT 'constraint', r.relname || '.' || c.conname, pg_get_constraintdef(c.oid)
    FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid WHERE c.contype IN ('p', 'u', 'f', 'c', 'x')
    UNION ALL
    SELECT 'index', i.indexrelid::regclass::text,
           pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
    FROM relations r JOIN pg_index i ON i.indrelid = r.oid
    WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid)
    UNION ALL
    SELECT 'trigger', r.relname || '.' || t.tgname, pg_get_triggerdef(t.oid)
    FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid)
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                      AND d.deptype = 'e')
"""

#: Kind and name of an object to its definition.
Catalog = Mapping[tuple[str, str], str]


def read_catalog(connection: psycopg.Connection) -> Catalog:
    """Read what a database holds: tables, columns, constraints, indexes, views, triggers, functions. Read-only."""
    with connection.transaction():
        _settle(connection)
        rows = connection.execute(_LINES.encode())
        return {(kind, name): definition for kind, name, definition in rows}


def fingerprint(connection: psycopg.Connection) -> str:
    """Return a hash of `read_catalog`, made on the server: equal ones need not be fetched. Read-only."""
    with connection.transaction():
        _settle(connection)
        row = connection.execute(
            f"""
            SELECT count(*) || ':' || coalesce(sum(hashtextextended(concat_ws('|', kind, name, definition), 0)), 0)
            FROM ({_LINES}) AS lines
            """.encode()  # noqa: S608 our own text
        ).fetchone()
        return str(row[0]) if row else ""


def differences(expected: Catalog, found: Catalog) -> list[Difference]:
    """Return what was added, is missing or was changed, by kind and name."""
    return [
        Difference(
            change="changed" if key in expected and key in found else "added" if key in found else "missing",
            kind=key[0],
            name=key[1],
            expected=expected.get(key, ""),
            found=found.get(key, ""),
        )
        for key in sorted({*expected, *found})
        if expected.get(key) != found.get(key)
    ]


def _settle(connection: psycopg.Connection) -> None:
    """Make the texts independent of the session: names qualified, dates in one style; and leave the compiler out."""
    connection.execute(
        "SET TRANSACTION READ ONLY; SET LOCAL search_path = pg_catalog; SET LOCAL datestyle = ISO;"
        "SET LOCAL intervalstyle = postgres; SET LOCAL jit = off"
    )
