"""The lake: what is in it, how it is laid out, who may put what there, and who can read it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import dask.dataframe as dd
import duckdb
import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from mpm_ops import Company, Ops, Settings
from mpm_ops.errors import FleetFailed, UnknownCompany, UsageError
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server
from mpm_ops.records import Hardening
from tests.benchmarks.surroundings import surroundings
from tests.conftest import reopen
from tests.integration.lakes import MONTHS, ROOT, Edit, Register, files, no_room_for, paths, rows, same
from tests.integration.lakes import acme as acme
from tests.integration.lakes import edit as edit
from tests.integration.lakes import lake as lake
from tests.integration.lakes import scenes as scenes
from tests.integration.lakes import sun as sun


def test_months_are_files_in_folders_that_readers_know(ops: Ops, acme: Company, lake: Path) -> None:
    account = ops.export(["transactions"], to=lake)
    assert list(paths(lake)) == [f"transactions/company={acme.id}/month={month}/data.parquet" for month in MONTHS]
    assert (files(account), account.ok, account.errors) == ((4, 0, 0), True, {})
    assert same(lake, "transactions", ops.company(acme.id))
    assert all("Acme" not in str(path) for path in lake.rglob("*"))
    modes = {path.name: path.stat().st_mode & 0o777 for path in [lake, *lake.rglob("*")]}
    assert {mode for name, mode in modes.items() if "." in name or name.startswith("_")} == {0o600}
    assert {mode for name, mode in modes.items() if "." not in name and not name.startswith("_")} == {0o700}
    text = str(account)
    assert "4 files written, 0 kept, 0 removed; 100 rows" in text
    assert account.rows()[0] | {"size": "", "seconds": ""} == {
        "id": str(acme.id), "company": "Acme Power", "tables": "1", "written": "4", "kept": "0", "removed": "0",
        "rows": "100", "size": "", "seconds": "", "what": "",
    }  # fmt: skip


@pytest.mark.slow
def test_all_tables_come_back_as_they_are(ops: Ops, register: Register, lake: Path) -> None:
    company = register("Business")
    ops.demo_data(company.id, customers=30, until=dt.date(2026, 11, 23))
    account = ops.export(to=lake)
    reader = ops.company(company.id)
    tables = list(reader.tables()["table"])
    assert [one.table for one in account.tables] == tables
    assert all(not (one.skipped or one.error) for one in account.tables)
    filled = 0
    for name in tables:
        asked = reader.table(name, max_rows=None).df
        filled += len(asked) > 0
        assert same(lake, name, reader), name
    assert filled > 30
    # Where the company was made this very moment, its stamps are not trusted yet.
    fresh = sum(
        file["fresh"] for path in lake.rglob("_manifest.json") for file in json.loads(path.read_text())["files"]
    )
    assert files(ops.export(to=lake)) == (fresh, files(account)[0] - fresh, 0)


def test_the_manifest_tells_what_there_is(ops: Ops, acme: Company, lake: Path) -> None:
    ops.export(["transactions"], to=lake)
    folder = lake / f"transactions/company={acme.id}"
    said = json.loads((folder / "_manifest.json").read_text())
    assert (said["format"], said["table"], said["rows"], said["pending"]) == (2, "transactions", 100, [])
    assert said["company"] == {"id": acme.id, "name": "Acme Power"}
    assert (said["personal_data"], said["by_stamp"]) == (False, True)
    assert said["columns"]["amount"] == "decimal128(20, 4)"
    assert [one["month"] for one in said["files"]] == MONTHS
    for one in said["files"]:
        content = (folder / one["path"]).read_bytes()
        assert (one["bytes"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert one["rows"] == pq.read_metadata(folder / one["path"]).num_rows
    assert said["files"][-1]["updated_at"] == "2026-04-08T08:00:00+00:00"


def test_names_never_lie_open_beside_masked_ones(
    ops: Ops, acme: Company, lake: Path, edit: Edit, settings: Settings
) -> None:
    def senders() -> set[str]:
        return {row["sender"] for row in rows(lake, "transactions", acme)}

    ops.export(["transactions"], to=lake, personal_data=True)
    assert "+2551" in senders()
    assert same(lake, "transactions", ops.company(acme.id, personal_data=True))
    with no_room_for(3000), pytest.raises(FleetFailed, match="cannot be written"):
        ops.export(["transactions"], to=lake)
    assert not [one for one in senders() if one.startswith("+")]
    ops.export(["transactions"], to=lake)
    masked = senders()
    assert len(masked) == 7
    assert not [one for one in masked if one.startswith("+")]
    # The same columns, masked in another way.
    edit(
        acme,
        "DELETE FROM masked.key",
        "INSERT INTO masked.key VALUES ('another')",
        "COMMENT ON VIEW masked.transactions IS 'another'",
    )
    assert files(ops.export(["transactions"], to=lake)) == (4, 0, 0)
    assert not masked & senders()
    assert same(lake, "transactions", ops.company(acme.id))


@pytest.mark.parametrize("level", list(Hardening))
def test_an_analyst_exports_what_was_granted(
    ops: Ops, acme: Company, sun: Company, lake: Path, edit: Edit, maintenance: psycopg.Connection, level: Hardening
) -> None:
    ops.harden(level)
    login = ops.add_analyst("ada")
    try:
        ops.grant_analyst("ada", [sun.id])
        with Ops(ops.settings.model_copy(update={"database_url": SecretStr(login.url)})) as laptop:
            account = laptop.export(["transactions", "people"], to=lake)
            assert {one.company for one in account.tables} == {"Sun Hill"}
            assert same(lake, "transactions", ops.company(sun.id))
            assert not (lake / f"transactions/company={acme.id}").exists()
            # The login does not know revisions, so rows are compared whole.
            edit(sun, "UPDATE transactions SET amount = 7 WHERE id = 3")
            assert files(laptop.export(["transactions"], to=lake)) == (1, 3, 0)
            assert same(lake, "transactions", ops.company(sun.id))
            ops.grant_analyst("ada", [acme.id])
            ops.revoke_analyst("ada", [sun.id])
            account = laptop.export(["transactions"], to=lake)
            assert account.strays == [sun.id]
            assert f"still there, and not to be read any more: {sun.id}" in str(account)
            assert laptop.export(["transactions"], [acme.id], to=lake).strays == []
            with pytest.raises(FleetFailed, match="may not see personal data"):
                laptop.export(["transactions"], to=lake, personal_data=True)
            assert {one.statement.split()[0].strip("(") for one in ops.audit_log(sun.id)} == {"SELECT"}
    finally:
        ops.remove_analyst("ada")
        reopen(maintenance, ops.settings)


def test_what_cannot_be_meant_is_told_before_anything_is_touched(ops: Ops, acme: Company, lake: Path) -> None:
    with pytest.raises(UsageError, match="transactons") as raised:
        ops.export(["people", "transactons"], to=lake)
    assert raised.value.hint == "Did you mean transactions, cash_transactions, agent_transactions?"
    for name in ("../people", "People", "", "_x", "x" * 64, "people\n"):
        with pytest.raises(UsageError, match="folder"):
            ops.export({name: "SELECT 1 AS n"}, to=lake)
    for query in ({"people": "SELECT 1 AS n"}, {"countries": None, "people": "SELECT 1 AS n"}):
        with pytest.raises(UsageError, match="'people' is the name of a table"):
            ops.export(query, to=lake)
    with pytest.raises(UsageError, match="nothing"):
        ops.export([], to=lake)
    with pytest.raises(UsageError, match="errors is"):
        ops.export(to=lake, errors="x")  # type: ignore[arg-type]  # what is tried
    with pytest.raises(UsageError, match="workers is 0"):
        ops.export(to=lake, workers=0)
    with pytest.raises(UsageError, match="has no name"):
        ops.export(["people"], to="")
    assert not lake.exists()
    lake.write_text("no folder")
    with pytest.raises(UsageError, match="cannot be written"):
        ops.export("people", to=lake)
    assert ops.export("people", [], to=lake.with_name("empty")).tables == []


def test_a_single_company_is_named_without_a_list(ops: Ops, acme: Company, sun: Company, lake: Path) -> None:
    for term in (sun.id, str(sun.id), "Sun Hill", sun.email):
        assert {one.company for one in ops.export("people", term, to=lake).tables} == {"Sun Hill"}
        assert ops.query("SELECT 1 AS n", companies=term).df["company"].tolist() == ["Sun Hill"]
    with pytest.raises(UnknownCompany, match="Sun Hil"):
        ops.export("people", "Sun Hil", to=lake)


def test_a_table_that_only_some_companies_have_is_told(
    ops: Ops, acme: Company, sun: Company, lake: Path, edit: Edit
) -> None:
    edit(sun, "CREATE TABLE extra AS SELECT 1 AS n", f"GRANT SELECT ON extra TO {roles.read_group(sun.database)}")
    account = ops.export(["extra"], to=lake)
    assert [(one.company, one.written, one.skipped) for one in account.tables] == [
        ("Acme Power", 0, "there is no such table that may be read"),
        ("Sun Hill", 1, ""),
    ]
    assert account.ok
    assert "extra: there is no such table" in account.rows()[0]["what"]
    edit(sun, "UPDATE extra SET n = 2")
    assert files(ops.export(["extra"], to=lake)) == (1, 0, 0)
    assert rows(lake, "extra", sun) == [{"n": 2}]
    edit(sun, "DELETE FROM extra")
    assert files(ops.export(["extra"], to=lake)) == (0, 0, 1)
    edit(sun, "INSERT INTO extra VALUES (3)")
    assert files(ops.export(["extra"], to=lake)) == (1, 0, 0)
    account = ops.export({"extra": "SELECT 1 AS n"}, to=lake, errors="collect")
    assert [(one.written, one.error) for one in account.tables] == [(1, ""), (0, "extra is the name of a table")]
    assert rows(lake, "extra", sun) == [{"n": 3}]
    ops.export(["extra"], [acme.id], to=lake)
    ops.export({"asked": "SELECT 1 AS n"}, to=lake)
    edit(sun, "DROP TABLE extra", 'CREATE TABLE "../Odd" AS SELECT 1 AS n',
         f'GRANT SELECT ON "../Odd" TO {roles.read_group(sun.database)}')  # fmt: skip
    account = ops.export(to=lake)
    told = {one.table: (one.skipped, one.removed) for one in account.tables if one.skipped}
    assert told == {
        "../Odd": ("its name cannot be a folder's", 0),
        "extra": ("there is no such table any more", 1),
    }
    assert not paths(lake / "extra")
    assert len(paths(lake / "asked")) == 2


ODD = """
    CREATE TABLE odd (
        id bigint, created_at timestamptz, updated_at timestamptz, company text, "MONTH" int, month_ int,
        list int[], took interval, document json, loose numeric, money numeric(12, 2), place citext, key uuid
    );
    INSERT INTO odd VALUES
        (1, NULL, NULL, 'a', 1, 1, '{1,2}', '1 day', '{"a": 1.10}', 'NaN', 'NaN', 'X', NULL),
        (2, NULL, NULL, 'b', 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, gen_random_uuid()),
        (3, NULL, NULL, 'c', 1, 1, '{}', NULL, NULL, 1e300, 1.5, NULL, NULL),
        (4, NULL, NULL, 'd', 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (5, '0001-01-01', NULL, 'e', 1, 1, NULL, NULL, NULL, 0.1, NULL, NULL, NULL),
        (6, '9999-12-31 23:59:59', NULL, 'f', 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""


def test_odd_values_and_names_find_their_place(ops: Ops, acme: Company, lake: Path, edit: Edit) -> None:
    edit(acme, ODD, f"GRANT SELECT ON odd TO {roles.read_group(acme.database)}")
    assert files(ops.export(["odd"], to=lake)) == (3, 0, 0)
    assert [Path(path).parts[2] for path in paths(lake)] == [
        "month=0001-01", "month=9999-12", "month=__HIVE_DEFAULT_PARTITION__",
    ]  # fmt: skip
    found = {row["id"]: row for row in rows(lake, "odd", acme)}
    assert sorted(found) == [1, 2, 3, 4, 5, 6]
    assert list(found[1])[3:6] == ["company_", "MONTH__", "month_"]
    assert (found[1]["list"], found[1]["took"], found[1]["document"]) == ("{1,2}", "1 day", '{"a": 1.10}')
    assert (found[3]["loose"], found[5]["loose"], found[1]["place"]) == (1e300, 0.1, "X")
    assert files(ops.export(["odd"], to=lake)) == (0, 3, 0)
    edit(acme, "UPDATE odd SET created_at = NULL, updated_at = '2026-01-01' WHERE id = 6")
    assert files(ops.export(["odd"], to=lake)) == (1, 1, 1)
    assert len(rows(lake, "odd", acme)) == 6
    # What no file has a time for lies in no month, is NULL there, and told.
    edit(acme, "UPDATE odd SET created_at = 'infinity' WHERE id = 6", "ALTER TABLE odd ADD COLUMN due date")
    edit(acme, "UPDATE odd SET due = '-infinity', updated_at = '10000-01-01' WHERE id = 2")
    for number in (1, 0):
        account = ops.export(["odd"], to=lake)
        assert (account.ok, files(account)[0] > 0) == (True, bool(number))
        assert "3 moments that no file holds, NULL there" in str(account)
        assert account.rows()[0]["what"] == "odd: 3 moments that no file holds, NULL there"
    found = {row["id"]: row for row in rows(lake, "odd", acme)}
    assert sorted(found) == [1, 2, 3, 4, 5, 6]
    assert [found[6]["created_at"], found[2]["due"], found[2]["updated_at"]] == [None] * 3
    assert found[5]["created_at"].year == 1
    edit(acme, "UPDATE odd SET created_at = '-infinity', updated_at = now() - interval '1 minute' WHERE id = 5")
    account = ops.export(["odd"], to=lake)
    assert (files(account), account.tables[0].beyond) == ((1, 0, 1), 4)
    query = "SELECT 'infinity'::timestamp AS created_at, 1 AS n"
    assert [one.beyond for one in ops.export({"asked": query}, to=lake).tables] == [1]
    assert rows(lake, "asked", acme) == [{"created_at": None, "n": 1}]


# pandas' to Dask.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_readers_take_all_companies_together(
    ops: Ops, acme: Company, sun: Company, lake: Path, edit: Edit, server: Server
) -> None:
    """Although one of them has a column that the other lacks, and a type that is wider."""
    edit(sun, "ALTER TABLE transactions ADD COLUMN channel text DEFAULT 'app'")
    edit(sun, f"GRANT SELECT ON transactions TO {roles.personal_group(sun.database)}")
    what = {
        "payments": "SELECT * FROM (SELECT id, amount, created_at, updated_at FROM transactions) t",
        "transactions": None,
    }
    ops.export(what, to=lake, personal_data=True)
    place = f"{lake}/transactions"
    # DuckDB
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT company, month, count(*), sum(amount), count(channel) FROM "
            f"read_parquet('{place}/**/*.parquet', hive_partitioning = true, union_by_name = true) "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert [row[:2] for row in found] == [(one.id, month) for one in (acme, sun) for month in MONTHS]
    assert sum(row[2] for row in found) == 200
    assert sum(row[3] for row in found) == 2 * Decimal("6312.5")
    assert sum(row[4] for row in found) == 100
    # pandas
    schema = pq.read_schema(f"{place}/_common_metadata")
    frame = pd.read_parquet(place, schema=schema)
    assert len(frame) == 200
    assert frame["channel"].count() == 100
    assert sorted(set(frame["company"])) == [acme.id, sun.id]
    assert sorted(set(frame["month"])) == MONTHS
    one = pd.read_parquet(place, schema=schema, filters=[("company", "=", sun.id), ("month", ">=", "2026-03")])
    assert set(one["company"]) == {sun.id}
    assert len(one) < 100
    # Dask
    levels = {"flavor": "hive", "schema": pa.schema([schema.field("company"), schema.field("month")])}
    lazy = dd.read_parquet(place, dataset={"schema": schema, "partitioning": levels})
    assert len(lazy) == 200
    assert lazy["channel"].count().compute() == 100
    by_company = lazy.groupby("company")["amount"].sum().compute()
    assert sorted(by_company.index) == [acme.id, sun.id]
    # What all have alike needs no schema.
    assert len(pd.read_parquet(lake / "payments")) == len(dd.read_parquet(lake / "payments")) == 200
    assert set(pl.read_parquet(f"{lake}/payments/**/*.parquet", hive_partitioning=True)["company"]) == {acme.id, sun.id}
    assert len(ds.dataset(lake / "payments", partitioning="hive").to_table()) == 200


#: Prints by how many MB an export of a table makes its process grow.
MEASURED = """
import sys
from mpm_ops import Ops
from tests.benchmarks.memory import peak_of_this_process

with Ops() as ops:
    ops.export(["countries"], to=sys.argv[1])
    before = peak_of_this_process()
    account = ops.export(["many"], to=sys.argv[1])
    assert [(one.written, one.rows) for one in account.tables] == [(36, 1_000_000)], account
    sys.stdout.write(str(peak_of_this_process() - before))
"""


@pytest.mark.slow
def test_a_million_rows_take_little_memory(ops: Ops, acme: Company, lake: Path, edit: Edit) -> None:
    edit(
        acme,
        "CREATE TABLE many AS SELECT n AS id, 'SM-' || n AS serial, n * 1.25::float8 AS energy, at AS created_at, "
        "at AS updated_at FROM (SELECT n, timestamptz '2024-01-01' + n % 1095 * interval '1 day' AS at "
        "FROM generate_series(1, 1000000) n) made",
        f"GRANT SELECT ON many TO {roles.read_group(acme.database)}",
    )
    command = [sys.executable, "-c", MEASURED, str(lake)]
    done = subprocess.run(
        command, env=surroundings(ops), cwd=ROOT, capture_output=True, text=True, timeout=200, check=True
    )
    assert float(done.stdout) < 100
