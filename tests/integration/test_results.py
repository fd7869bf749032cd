"""Results: asked when looked at, faces, files, and the same values whichever way they come."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpm_ops
from mpm_ops import Company, CompanyReader, Ops, Truncated
from mpm_ops.analysis import arrays, stream
from mpm_ops.analysis.guard import Limits
from mpm_ops.errors import FleetFailed, QueryError, UsageError
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.conftest import effort

Register = Callable[..., Company]

#: Values of every type that is decoded from binary, with NULL and the ends of what Python has.
VALUES: dict[str, st.SearchStrategy[str]] = {
    "bool": st.sampled_from(["true", "false"]),
    "bytea": st.binary(max_size=9).map(lambda value: f"\\x{value.hex()}"),
    "int8": st.integers(-(2**63), 2**63 - 1).map(str),
    "int2": st.integers(-(2**15), 2**15 - 1).map(str),
    "int4": st.integers(-(2**31), 2**31 - 1).map(str),
    "float4": st.floats(width=32).map(str),
    "float8": st.floats().map(str),
    "date": st.dates().map(str),
    "time": st.times().map(str),
    "timestamp": st.datetimes().map(str),
    "timestamptz": st.datetimes().map(str),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False)
    .filter(lambda number: abs(number.adjusted()) < 500)
    .map(str)
    | st.just("NaN"),
    "numeric(12, 2)": st.decimals(-(10**9), 10**9, places=2).map(str),
    "numeric(30, 0)": st.integers(-(10**29), 10**29).map(str),
    "numeric(9, 9)": st.decimals("-0.9", "0.9", places=9).map(str),
    "uuid": st.uuids().map(str),
    "text": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
    "jsonb": st.sampled_from(['{"a": [1.10]}', '"x"', "null", "12345678901234567890.123"]),
    "json": st.sampled_from(['{"a":[1.10]}', '"x"', "null"]),
}


@pytest.fixture(scope="module")
def connection(server: Server) -> Any:
    from mpm_ops.analysis.params import adapt

    opened = server.open("postgres")
    adapt(opened)
    yield opened
    opened.close()


@effort(150, deep=5_000)
@given(data=st.data())
def test_binary_values_are_what_the_text_says(connection: Any, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(VALUES)))
    values = data.draw(st.lists(st.none() | VALUES[kind], max_size=30))
    query = f"SELECT x::{kind} AS x FROM unnest(%s::text[]) WITH ORDINALITY t(x, n) ORDER BY n"
    found = stream.gather(connection, query, [values], limits=Limits(rows=None))
    from mpm_ops.analysis import guard

    rows = guard.ask(connection, query, [values], limits=Limits(rows=None))
    expected = arrays.array(rows.columns[0], [row[0] for row in rows.rows])
    got = found.table["x"].combine_chunks()
    assert got.type == expected.type or kind == "numeric"
    assert str(got.cast(expected.type)) == str(expected)


def test_a_question_is_asked_when_somebody_looks(ops: Ops, register: Register) -> None:
    company = ops.company(register().id)
    result = company.query("SELECT nme FROM people")
    assert "not asked yet" in repr(result)
    with pytest.raises(QueryError, match="nme"):
        len(result)
    # A notebook asks an object for one face after the other: it fails once.
    asked = len(ops.audit_log(company.id))
    result = company.query("SELECT nme FROM people")
    with pytest.raises(QueryError, match="nme"):
        result._repr_mimebundle_()
    assert result._repr_html_() is None
    assert len(ops.audit_log(company.id)) == asked + 1
    with pytest.raises(QueryError, match="nme"):
        result._repr_html_()
    result = company.query("SELECT generate_series(1, 25) AS n", max_rows=22)
    assert not result.is_asked
    assert (len(result), result.truncated, result.sql) == (22, True, "SELECT generate_series(1, 25) AS n")
    with pytest.warns(Truncated):
        result.plot()
    assert result.is_asked
    assert len(ops.audit_log(company.id)) == 4
    assert result.rows[:2] == [(1,), (2,)]
    assert result.elapsed > 0
    assert result.df is result.df
    assert isinstance(result.polars, pl.DataFrame)
    assert result.polars["n"].sum() == sum(range(1, 23))
    assert isinstance(result.arrow, pa.Table)
    for face in (str(result), result._repr_html_()):
        assert "20 of 22 rows" in face
        assert "Acme Power" in face
        assert "read-only" in face
        assert "limit of rows" in face
        assert ">21<" not in face


def test_faces_align_and_mark_null(ops: Ops, register: Register) -> None:
    result = ops.company(register().id).query("SELECT * FROM (VALUES (1, 'a'), (10, NULL), (NULL, 'c')) t(n, words)")
    assert str(result).splitlines()[:4] == [" n  words", " 1  a", "10", "    c"]
    shown = result._repr_mimebundle_()
    assert shown["text/html"].count(">NULL</td>") == 2
    assert '<th scope="col" style="text-align: right" title="int32">n</th>' in shown["text/html"]


def test_numbers_may_be_floats(ops: Ops, register: Register) -> None:
    company = ops.company(register().id)
    found = company.query("SELECT 1.10::numeric(5, 2) AS a, 'NaN'::numeric AS b", numeric="float").arrow
    assert found.schema.types == [pa.float64(), pa.float64()]
    assert found["a"].to_pylist() == [1.1]
    # Arrow's own cast gives 1234567.8900000001; in the second, NaN makes floats of the decimals of all batches.
    one = company.query("SELECT 1234567.89 AS x", numeric="float")
    late = "SELECT CASE WHEN n = 5000 THEN 'NaN' ELSE 1234567.89 END AS x FROM generate_series(1, 5000) n"
    assert one.rows[0] == company.query(late).rows[0] == (1234567.89,)
    with pytest.raises(UsageError, match="numeric is"):
        company.query("SELECT 1", numeric="flaot")  # type: ignore[arg-type]  # what somebody may write
    with pytest.raises(UsageError, match="numeric is"):
        ops.query("SELECT 1", numeric="flaot")  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("int4range(1, 5)", "[1,5)"),
        ("daterange('2026-01-01', 'infinity')", "[2026-01-01,infinity)"),
        ("'{[1,3),[5,7)}'::int4multirange", "{[1,3),[5,7)}"),
        ("ROW(1, 'a b', NULL)", '(1,"a b",)'),
        ("'10:00+02'::timetz", "10:00:00+02"),
        ("'24:00+00'::timetz", "24:00:00+00"),
        ("'192.168.0.1/24'::inet", "192.168.0.1/24"),
        ("'12.50'::money", "$12.50"),
        ("ARRAY['c81d4e2e-bcf2-11e6-869b-7df92533d2db'::uuid]", ["c81d4e2e-bcf2-11e6-869b-7df92533d2db"]),
        ("ARRAY['10:00+02'::timetz]", ["10:00:00+02"]),
        ("ARRAY[int4range(1, 5)]", ["[1,5)"]),
    ],
)
def test_what_arrow_has_no_type_for_is_text_as_the_server_writes_it(
    connection: Any, value: str, expected: object
) -> None:
    found = stream.gather(connection, f"SELECT {value} AS x", limits=Limits())
    assert found.table["x"].to_pylist() == [expected]


def test_a_question_is_worked_on_once(connection: Any) -> None:
    # A sequence counts how often, where it may.
    connection.execute("CREATE TEMP SEQUENCE times")
    for kind in ("int", "text", "int[]", "interval", "int4range"):
        query = f"SELECT NULL::{kind} AS x, (SELECT count(*) FROM generate_series(1, 5)) + nextval('times') AS n"
        for limits in (Limits(), Limits(rows=0)):
            stream.gather(connection, query, limits=limits)
    assert connection.execute("SELECT currval('times')").fetchone() == (10,)


@pytest.mark.parametrize("value", ["'infinity'::interval", "'-infinity'::interval", "ARRAY['infinity'::interval]"])
def test_an_interval_without_end_is_an_error(connection: Any, value: str) -> None:
    # psycopg takes it for an interval of nothing; servers before 17 do not have it.
    with pytest.raises(QueryError, match=r"infinite|invalid input"):
        stream.gather(connection, f"SELECT {value} AS x", limits=Limits())


def test_types_of_batches_become_one(ops: Ops, register: Register) -> None:
    company = ops.company(register().id)
    # More places in a later batch; then more digits than a decimal has; then NaN.
    for last, kind, value in (
        ("0.12345", pa.decimal128(38, 5), Decimal("0.12345")),
        ("1e37", pa.float64(), 1e37),
        ("'NaN'", pa.float64(), float("nan")),
    ):
        quarters = f"CASE WHEN n = 5000 THEN {last}::numeric ELSE round(n / 4.0, 2) END"
        query = f"SELECT {quarters} AS x FROM generate_series(1, 5000) n"
        found = company.query(query).arrow["x"]
        assert found.type == kind
        assert found[0].as_py() == pytest.approx(Decimal("0.25")) or found[0].as_py() == 0.25
        assert str(found[-1].as_py()) == str(value)
        assert len(found) == 5000
    lists = company.query("SELECT CASE WHEN n > 4000 THEN ARRAY[n] END AS x FROM generate_series(1, 5000) n").arrow
    assert lists["x"][4999].as_py() == [5000]


def test_a_table_has_the_columns_that_may_be_read(ops: Ops, register: Register) -> None:
    company = ops.company(register().id)
    users = company.table("users").df
    assert "password" not in users.columns
    assert "email" in users.columns
    assert len(company.table("tariffs", max_rows=1)) == 0
    with pytest.raises(UsageError, match="no table") as caught:
        company.table("meterss")
    assert "meters" in caught.value.hint


def test_all_rows_go_into_a_file(ops: Ops, register: Register, tmp_path: Path) -> None:
    company = ops.company(register().id)
    result = company.query("SELECT n, n::text AS words FROM generate_series(1, 30000) n")
    assert result.truncated
    assert result.to_parquet(tmp_path / "all.parquet") == 30_000
    assert pq.read_table(tmp_path / "all.parquet")["n"].to_pylist() == list(range(1, 30_001))
    assert company.query("SELECT 1 AS n WHERE false").to_parquet(str(tmp_path / "none.parquet")) == 0
    assert pq.read_table(tmp_path / "none.parquet").schema.names == ["n"]
    whole = company.query("SELECT now() AS n")
    now = whole.rows
    whole.to_parquet(tmp_path / "here.parquet")
    assert pq.read_table(tmp_path / "here.parquet").to_pylist() == [{"n": now[0][0]}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.parquet", "here.parquet", "none.parquet"]


def test_a_file_widens_where_later_rows_do_not_fit(
    ops: Ops, register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mpm_ops.analysis import export

    monkeypatch.setattr(export, "GROUP", 10_000)  # so that a few rows are several groups
    company = ops.company(register().id)
    query = "SELECT n, CASE WHEN n = 9000 THEN 0.00001 ELSE n::numeric(9, 2) END AS x FROM generate_series(1, 9000) n"
    assert company.query(query).to_parquet(tmp_path / "x.parquet") == 9000
    found = pq.read_table(tmp_path / "x.parquet")
    assert found["n"].to_pylist() == list(range(1, 9001))
    assert found["x"][-1].as_py() == Decimal("0.00001")
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


def test_a_file_that_fails_is_not_there(ops: Ops, register: Register, tmp_path: Path) -> None:
    company = ops.company(register().id)
    path = tmp_path / "x.parquet"
    company.query("SELECT 1 AS n").to_parquet(path)
    before = path.read_bytes()
    with pytest.raises(QueryError, match="division"):
        company.query("SELECT 1 / (n - 25000) FROM generate_series(1, 30000) n").to_parquet(path)
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match="cannot be written"):
        company.query("SELECT 1 AS n").to_parquet(tmp_path / "nowhere" / "x.parquet")
    stop = threading.Event()
    stop.set()
    with pytest.raises(QueryError, match="broken off"):
        company.query("SELECT 1", stop=stop).to_parquet(tmp_path / "stopped.parquet")
    assert [one.name for one in tmp_path.iterdir()] == ["x.parquet"]


def test_companies_of_other_revisions_have_aligned_columns(ops: Ops, register: Register, server: Server) -> None:
    one, two = register("One"), register("Two")
    for company, kind in ((one, "text"), (two, "int")):
        with server.connect(company.database) as tenant:
            tenant.execute(
                f"CREATE TABLE notes AS SELECT 1 AS id, '7'::{kind} AS x, 5 AS {company.name.lower()}".encode()
            )
            tenant.execute(f"GRANT SELECT ON notes TO {company.database}_read".encode())
    result = ops.query("SELECT * FROM notes")
    assert result.df.columns.to_list() == ["company", "id", "x", "one", "two"]
    assert result.df["x"].to_list() == ["7", "7"]
    assert result.df["one"].isna().to_list() == [False, True]
    assert result.notes == ["no one in Two", "no two in One"]
    assert "no two in One" in str(result)
    assert set(result.timings) == {"One", "Two"}


def test_three_of_many_do_not_answer(
    ops: Ops, register: Register, maintenance: psycopg.Connection, tmp_path: Path
) -> None:
    companies = [register(f"Company {number}") for number in range(6)]
    for company in companies[:3]:
        databases.drop(maintenance, company.database)
    told: list[int] = []
    result = ops.query("SELECT 1 AS n", errors="collect", workers=3, on_answer=lambda: told.append(1))
    assert len(result) == 3
    assert list(result.errors) == [f"Company {number}" for number in range(3)]
    assert "does not exist" in str(result.errors["Company 1"])
    assert "3 did not answer" in str(result)
    assert len(told) == 6
    with pytest.warns(mpm_ops.Unanswered, match="3 of 6 companies did not answer: Company 0"):
        frame = ops.read_sql("SELECT 1 AS n", errors="collect")
    assert set(frame.attrs["errors"]) == {f"Company {number}" for number in range(3)}
    with pytest.raises(FleetFailed, match="3 of 6"):
        ops.read_sql("SELECT 1 AS n")
    with pytest.raises(mpm_ops.MpmOpsError, match="does not exist") as caught:
        result.to_parquet(tmp_path / "x.parquet")
    assert caught.value.company == "Company 0"
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="errors is"):
        ops.query("SELECT 1", errors="ignore")  # type: ignore[arg-type]  # what somebody may write
    with pytest.raises(UsageError, match="workers is"):
        ops.query("SELECT 1", workers=0)


def test_a_kernel_without_tqdm_does_without_a_bar(
    ops: Ops, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    monkeypatch.setitem(sys.modules, "ipykernel", sys)  # as in a notebook whose environment has no [notebook]
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert ops.query("SELECT 1 AS n").df["n"].to_list() == [1]


def test_all_companies_go_into_one_file(ops: Ops, register: Register, tmp_path: Path) -> None:
    for name in ("One", "Two"):
        register(name)
    path = tmp_path / "x.parquet"
    assert ops.query("SELECT n AS company FROM generate_series(1, 15000) n").to_parquet(path) == 30_000
    found = pq.read_table(path)
    assert found.schema.names == ["company", "company_"]
    assert found["company"].value_counts().to_pylist() == [
        {"values": "One", "counts": 15_000},
        {"values": "Two", "counts": 15_000},
    ]


def test_a_company_of_a_closed_installation_says_so(ops: Ops, register: Register) -> None:
    company = ops.company(register().id)
    assert company.query("SELECT 1").rows == [(1,)]
    ops.close()
    with pytest.raises(UsageError, match="closed"):
        company.read_sql("SELECT 1")
    assert ops.company(1).query("SELECT 1").rows == [(1,)]


def test_companies_are_a_frame(ops: Ops, register: Register) -> None:
    assert list(ops.companies().columns) == ["id", "name", "email", "server", "database", "created_at"]
    register("One")
    assert ops.companies()["name"].to_list() == ["One"]


def test_pandas_asks_through_the_engine(ops: Ops, register: Register) -> None:
    company: CompanyReader = ops.company(register().id)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = pd.read_sql("SELECT count(*) AS n FROM users", company.engine())
    assert found["n"].to_list() == [1]
    with company.engine().connect() as connection:
        path = connection.exec_driver_sql("SHOW search_path").scalar()
        assert path == "masked, public, pg_catalog"
        assert connection.exec_driver_sql("SHOW default_transaction_read_only").scalar() == "on"
