"""Drift: does the catalog of a database hold what its revision makes? Compared line by line, no OID in any line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import psycopg
from psycopg import sql

from mpm_ops.errors import QueryError
from mpm_ops.postgres.script import run_script
from mpm_ops.records import Difference

#: Catalogs whose rows are what a database is made of, and the column that holds the OID of whom they are about.
_CATALOGS = {
    "class": "oid",
    "attribute": "attrelid",
    "attrdef": "oid",
    "constraint": "oid",
    "index": "indexrelid",
    "inherits": "inhrelid",
    "sequence": "seqrelid",
    "statistic_ext": "oid",
    "trigger": "oid",
    "rewrite": "oid",
    "policy": "oid",
    "proc": "oid",
    "type": "oid",
    "enum": "oid",
    "extension": "oid",
    "namespace": "oid",
}
#: The first OID that is not the server's own.
_FIRST_OID = 16_384
# Whatever changes a row of a catalog writes it anew, and the new version has the number of its transaction, which no
# row had before. What VACUUM and ANALYZE count up in place keeps the old one. Hashed as text: of a bigint only the two
# halves, one XORed into the other, would count.
_VERSIONS = " UNION ALL ".join(
    f"SELECT xmin AS version FROM pg_catalog.pg_{name} WHERE {key} >= {_FIRST_OID}"  # noqa: S608 ours
    for name, key in _CATALOGS.items()
)
_MARKER = f"""
    SELECT count(*) || ':' || coalesce(sum(hashtextextended(version::text, 0)), 0) FROM ({_VERSIONS}) AS rows
"""  # noqa: S608 ours
# Sorted here: to sort so few rows the server would first have to read much of its catalog.
_HEADS = "SELECT version_num FROM public.alembic_version"

#: Kind and name of an object to its definition.
Catalog = Mapping[tuple[str, str], str]


@dataclass(frozen=True, kw_only=True)
class Glance:
    """What one round trip tells of a database."""

    heads: tuple[str, ...]
    #: Changes with any change of the catalog; one that stays the same needs no comparison.
    marker: str


def glance(connection: psycopg.Connection, *, owner: str) -> Glance:
    """Read the heads of a database and the marker of its catalog, as role `owner`. Read-only."""
    role = sql.SQL("SET ROLE {}").format(sql.Identifier(owner)).as_string()
    try:
        rows = run_script(connection, [role, _MARKER, _HEADS])
    except QueryError as exc:
        if exc.sqlstate not in ("42P01", "3F000"):
            raise
        rows = run_script(connection, [role, _MARKER])  # a database at base has no alembic_version
    (marker,), *heads = rows
    return Glance(heads=tuple(sorted(str(head) for (head,) in heads)), marker=str(marker))


def read_catalog(connection: psycopg.Connection) -> Catalog:
    """Read what a database holds: tables, columns, constraints, indexes, views, triggers, functions ... Read-only."""
    with connection.transaction():
        _settle(connection)
        rows = connection.execute(_lines().encode())
        return {(kind, name): definition for kind, name, definition in rows}


def query_hash() -> str:
    """Return a hash of the question that `read_catalog` asks: another question has other answers."""
    return hashlib.sha256(_lines().encode()).hexdigest()[:12]


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


@cache
def _lines() -> str:
    return resources.files("mpm_ops.schema").joinpath("catalog.sql").read_text(encoding="utf-8")


def _settle(connection: psycopg.Connection) -> None:
    """Make the texts independent of the session, and of what somebody has set for the database; no compiler."""
    connection.execute(
        "SET TRANSACTION READ ONLY; SET LOCAL search_path = pg_catalog; SET LOCAL datestyle = ISO;"
        "SET LOCAL intervalstyle = postgres; SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = hex;"
        "SET LOCAL quote_all_identifiers = off; SET LOCAL extra_float_digits = 1; SET LOCAL jit = off"
    )
