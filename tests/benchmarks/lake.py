"""Exports into a lake: a million rows, against a file of CSV and raw psycopg, and exports that find nothing to do."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from mpm_ops import Company, Ops
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.postgres import roles
from tests.benchmarks.comparison import AtMost, Comparison, milliseconds
from tests.benchmarks.fleet import Fleet

ROWS, MONTHS, TURNS = 1_000_000, 36, 3

#: What payments look like: ids, a serial number, money, energy, a flag, and the two time stamps, over three years.
_TABLE = f"""
    CREATE TABLE measured AS
    SELECT n AS id, 'SM-' || (n * 7919 % 1000003) AS serial, (n * 37 % 1000000 / 100.0)::numeric(12, 2) AS amount,
           CASE WHEN n % 10 > 0 THEN n % 5000 END::int AS agent, n % 977 * 1.37::float8 AS energy, n % 3 = 0 AS settled,
           at AS created_at, at AS updated_at
    FROM (SELECT n, timestamptz '2023-01-01' + n * interval '94 s' AS at FROM generate_series(1::bigint, {ROWS}) n) m
"""
_BATCH = 20_000


def compare(fleet: Fleet) -> Iterator[Comparison]:
    """Best of some turns, in this process; all read with the same login."""
    ops, company = fleet.ops, fleet.companies[0]
    _made(ops, company)
    reader = ops.company(company.id)
    took: dict[str, list[float]] = {"ours": [], "csv": [], "raw": [], "nothing": []}
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as folder:
            lake = Path(folder, "lake")
            work = {
                "ours": partial(_export, ops, company, lake, written=MONTHS),
                "csv": partial(_csv, reader, Path(folder, "rows.csv")),
                "raw": partial(_raw, reader, Path(folder, "rows.parquet")),
                "nothing": partial(_export, ops, company, lake, written=0),
            }
            for name, times in took.items():
                times.append(milliseconds(work[name]))
    best = {name: min(times) for name, times in took.items()}
    row = partial(Comparison, what=f"{ROWS // 10**6} 000 000 rows × 8 columns into a lake of {MONTHS} months")
    yield row(against="COPY … TO a file of CSV", ours=best["ours"], other=best["csv"], target=AtMost())
    raw = "raw psycopg named cursor, pyarrow, one Parquet file"
    yield row(against=raw, ours=best["ours"], other=best["raw"], target=AtMost(1))
    what = "an export that finds nothing to do"
    yield Comparison(what=what, against="the first one", ours=best["nothing"], other=best["ours"], target=AtMost(0.2))
    _drop(ops, company)
    yield _fleet(fleet)


def _fleet(fleet: Fleet) -> Comparison:
    """All tables of all companies, which have hardly a row: what the questions and the manifests take."""
    ids = [company.id for company in fleet.companies]
    with tempfile.TemporaryDirectory() as folder:
        first, again = (milliseconds(lambda: fleet.ops.export(None, ids, to=folder)) for _ in range(2))
    what = f"an export of all tables of {len(ids)} companies that finds nothing to do"
    return Comparison(what=what, against="the first one", ours=again, other=first, target=AtMost(1))


def _export(ops: Ops, company: Company, lake: Path, *, written: int) -> None:
    (account,) = ops.export(["measured"], [company.id], to=lake).tables
    assert (account.written, account.rows) == (written, ROWS), account


def _csv(reader: CompanyReader, path: Path) -> None:
    statement = "COPY (SELECT * FROM measured) TO STDOUT (FORMAT csv, HEADER)"
    with (
        psycopg.connect(_dsn(reader)) as connection,
        connection.cursor().copy(statement) as copy,
        path.open("wb") as file,
    ):
        for block in copy:
            file.write(block)


def _raw(reader: CompanyReader, path: Path) -> None:
    with psycopg.connect(_dsn(reader)) as connection, connection.cursor(name="raw", binary=True) as cursor:
        cursor.itersize = _BATCH
        cursor.execute("SELECT * FROM measured")
        writer: pq.ParquetWriter | None = None
        while rows := cursor.fetchmany(_BATCH):
            names = [column.name for column in cursor.description or ()]
            types = None if writer is None else writer.schema
            columns = zip(*rows, strict=True)
            table = pa.table(dict(zip(names, map(list, columns), strict=True)), schema=types)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
        assert writer is not None
        writer.close()


def _dsn(reader: CompanyReader) -> str:
    return reader._login.server.dsn(reader.company.database)


def _made(ops: Ops, company: Company) -> None:
    with ops._installation.server_of(company).connect(company.database, role=ops.settings.owner_role) as connection:
        connection.execute(_TABLE.encode())
        connection.execute(f"GRANT SELECT ON measured TO {roles.read_group(company.database)}".encode())
        connection.execute("VACUUM ANALYZE measured")


def _drop(ops: Ops, company: Company) -> None:
    with ops._installation.server_of(company).connect(company.database, role=ops.settings.owner_role) as connection:
        connection.execute("DROP TABLE measured")
