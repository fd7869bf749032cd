"""Indexes and foreign keys built after the rows are there: a row takes half the time that it takes with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString

import psycopg

#: What is dropped: foreign keys of the tables, then indexes that no constraint stands on. And what makes each again.
_FOUND: LiteralString = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', c.conrelid::regclass, c.conname),
       format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)),
       format('COMMENT ON CONSTRAINT %%I ON %%s IS %%L', c.conname, c.conrelid::regclass, d.description),
       d.description IS NOT NULL
FROM pg_constraint c
LEFT JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_constraint'::regclass
WHERE c.contype = 'f' AND c.conrelid = ANY(%(tables)s::text[]::regclass[])
UNION ALL
SELECT format('DROP INDEX %%s', i.indexrelid::regclass),
       pg_get_indexdef(i.indexrelid),
       format('COMMENT ON INDEX %%s IS %%L', i.indexrelid::regclass, d.description),
       d.description IS NOT NULL
FROM pg_index i
LEFT JOIN pg_description d ON d.objoid = i.indexrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE i.indrelid = ANY(%(tables)s::text[]::regclass[])
  AND NOT (i.indisunique OR i.indisclustered OR i.indisreplident)
  AND i.indisvalid
"""


@contextmanager
def deferred(connection: psycopg.Connection, tables: Sequence[str]) -> Iterator[None]:
    """Drop foreign keys and plain indexes of these tables for a block, and make them again at its end.

    In the caller's transaction: others see the tables as they were, or wait, and a failure leaves them so.
    """
    found = connection.execute(_FOUND, {"tables": list(tables)}).fetchall()
    for drop, *_ in found:
        connection.execute(drop)
    yield
    # The indexes first: a foreign key is looked up by the other table's key.
    for _, make, comment, commented in reversed(found):
        connection.execute(make)
        if commented:
            connection.execute(comment)
