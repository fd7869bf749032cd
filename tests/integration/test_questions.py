"""Questions to companies: answers as frames, and refusals that help."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal

import pandas as pd
import psycopg
import pytest

import mpm_ops
from mpm_ops import Company, Ops
from mpm_ops.errors import FleetFailed, NotReadOnly, QueryError, UnknownCompany, UsageError
from mpm_ops.postgres import databases, roles
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX

Register = Callable[..., Company]


@pytest.fixture
def company(ops: Ops, register: Register) -> mpm_ops.CompanyReader:
    return ops.company(register().id)


def test_values_keep_their_types(company: mpm_ops.CompanyReader) -> None:
    found = company.read_sql(
        """
        SELECT 1::bigint AS whole, NULL::bigint AS nothing, 12.50::numeric(10, 2) AS money, 0.1::float8 AS real,
               'é\u0940'::text AS words, true AS flag, DATE '2026-02-03' AS day,
               TIMESTAMPTZ '2026-02-03 04:05:06+02' AS moment, '{"a": [1]}'::jsonb AS document,
               ARRAY[1, 2] AS list, INTERVAL '90 minutes' AS span, 'x'::citext AS free,
               'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS key, '\\x00ff'::bytea AS raw, TIME '10:11' AS clock
        """
    )
    row = found.iloc[0]
    assert row["whole"] == 1
    assert str(found["whole"].dtype) == "int64[pyarrow]"
    assert str(found["nothing"].dtype) == "int64[pyarrow]"
    assert pd.isna(row["nothing"])
    assert row["money"] == Decimal("12.50")
    assert "decimal128(10, 2)" in str(found["money"].dtype)
    assert row["words"] == "é\u0940"
    assert row["day"] == dt.date(2026, 2, 3)
    assert row["moment"] == pd.Timestamp("2026-02-03 02:05:06", tz="UTC")
    assert row["document"] == '{"a": [1]}'
    assert list(row["list"]) == [1, 2]
    assert row["span"] == pd.Timedelta(minutes=90)
    assert row["free"] == "x"
    assert row["key"] == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    assert row["raw"] == b"\0\xff"
    assert row["clock"] == dt.time(10, 11)


def test_numerics_without_a_precision_stay_exact_or_become_float(company: mpm_ops.CompanyReader) -> None:
    found = company.read_sql("SELECT sum(x) AS s, avg(x) AS a FROM (VALUES (0.1), (0.2)) t(x)")
    assert found["s"].iloc[0] == Decimal("0.3")
    assert math.isnan(company.read_sql("SELECT 'NaN'::numeric AS n")["n"].iloc[0])


def test_no_rows_still_have_columns(company: mpm_ops.CompanyReader) -> None:
    found = company.read_sql("SELECT id, name FROM tariffs")
    assert list(found.columns) == ["id", "name"]
    assert found.empty


def test_columns_of_the_same_name_are_told_apart(company: mpm_ops.CompanyReader) -> None:
    assert list(company.read_sql("SELECT 1 AS a, 2 AS a").columns) == ["a", "a_2"]


def test_parameters_are_bound(company: mpm_ops.CompanyReader) -> None:
    hostile = "'; DROP TABLE people; --"
    assert company.read_sql("SELECT %(x)s::text AS x", params={"x": hostile}).iloc[0, 0] == hostile
    assert company.read_sql("SELECT %s::int + %s::int AS n", params=[1, 2]).iloc[0, 0] == 3
    assert company.read_sql("SELECT '100%' LIKE '%\\%' AS yes").iloc[0, 0]


def test_a_cut_answer_says_so(company: mpm_ops.CompanyReader) -> None:
    with pytest.warns(mpm_ops.Truncated, match="after 10 rows"):
        found = company.read_sql("SELECT generate_series(1, 11)", max_rows=10)
    assert len(found) == 10
    assert found.attrs["truncated"]
    whole = company.read_sql("SELECT generate_series(1, 10)", max_rows=10)
    assert not whole.attrs["truncated"]
    assert len(company.read_sql("SELECT generate_series(1, 20000)", max_rows=None)) == 20_000


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM people",
        "INSERT INTO connection_groups (name) VALUES ('x')",
        "WITH gone AS (DELETE FROM people RETURNING 1) SELECT * FROM gone",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE people",
        "COMMIT",
        "SET default_transaction_read_only = off",
        "DO $$ BEGIN END $$",
        "COPY people TO STDOUT",
        "CREATE TABLE x (i int)",
        "EXPLAIN ANALYZE DELETE FROM people",
    ],
)
def test_only_questions_are_answered(company: mpm_ops.CompanyReader, text: str) -> None:
    with pytest.raises(NotReadOnly) as caught:
        company.read_sql(text)
    assert "SELECT" in caught.value.hint
    assert company.read_sql("SELECT 1 AS n").iloc[0, 0] == 1  # and the session goes on


@pytest.mark.parametrize(
    "text",
    [
        "SELECT nextval('people_id_seq')",
        "SELECT setval('people_id_seq', 99)",
        "SELECT * FROM people FOR UPDATE",
        "SELECT password FROM users",
        "SELECT token FROM password_resets",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT set_config('role', 'postgres', true)",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = 10 AND pid <> pg_backend_pid()",
        "SELECT rolpassword FROM pg_authid",
        "SELECT lo_import('/etc/passwd')",
    ],
)
def test_what_was_not_granted_is_refused_by_the_server(company: mpm_ops.CompanyReader, text: str) -> None:
    with pytest.raises(QueryError):
        company.read_sql(text)


def test_a_mistake_is_shown_with_its_place_and_a_suggestion(company: mpm_ops.CompanyReader) -> None:
    with pytest.raises(QueryError, match='"nme" does not exist') as caught:
        company.read_sql("SELECT nme FROM people")
    assert caught.value.position == 8
    assert caught.value.hint == "Did you mean name, surname?"
    assert caught.value.company == "Acme Power"
    with pytest.raises(QueryError) as caught:
        company.read_sql("SELECT %(first)s::text, '%%', nme FROM people WHERE name = %(first)s", params={"first": "x"})
    assert caught.value.position == "SELECT %(first)s::text, '%%', nme FROM people".index("nme") + 1
    with pytest.raises(QueryError, match="metres") as caught:
        company.read_sql("SELECT * FROM metres")
    assert "meters" in caught.value.hint


@pytest.mark.parametrize("text", ["", "   ", "\0", "SELECT 'open", "SELECT /* open", "-- nothing", "\ud800"])
def test_broken_text_is_a_query_error(company: mpm_ops.CompanyReader, text: str) -> None:
    with pytest.raises(QueryError):
        company.read_sql(text)


def test_tables_and_columns_are_listed_without_secrets(company: mpm_ops.CompanyReader) -> None:
    tables = set(company.tables()["table"])
    assert {"people", "meters", "transactions"} <= tables
    assert not tables & {"password_resets", "alembic_version"}
    assert "email" in set(company.columns("users")["column"])
    assert "password" not in set(company.columns("users")["column"])
    with pytest.raises(UsageError) as caught:
        company.columns("peple")
    assert "people" in caught.value.hint


def test_a_company_is_found_by_id_name_and_address(ops: Ops, register: Register) -> None:
    acme = register("Acme Power", email="info@acme.example.com", admin_email="ada@acme.example.com")
    register("Beta Light")
    for term in (acme.id, str(acme.id), "acme POWER", "INFO@acme.example.com", "Ada@Acme.example.com", acme.database):
        assert ops.company(term).company == acme
    with pytest.raises(UnknownCompany) as caught:
        ops.company("Acme Powr")
    assert caught.value.hint == "Did you mean Acme Power (id 1)?"
    for hopeless in ("zzzzzz", 99, "a\0b", "", "x@y"):
        with pytest.raises(UnknownCompany):
            ops.company(hopeless)


def test_one_question_to_all_companies_is_one_frame(ops: Ops, register: Register) -> None:
    names = [register(f"Company {n}").name for n in range(3)]
    found = ops.read_sql("SELECT count(*) AS n, 'x' AS company FROM countries")
    assert list(found.columns) == ["company", "n", "company_"]
    assert found["company"].to_list() == names
    assert found["n"].to_list() == [245] * 3
    some = ops.read_sql("SELECT 1 AS n", companies=[names[1]])
    assert some["company"].to_list() == [names[1]]
    assert list(ops.read_sql("SELECT 1 AS n WHERE false").columns) == ["company", "n"]


def test_a_company_that_does_not_answer_is_named(ops: Ops, register: Register, maintenance: psycopg.Connection) -> None:
    register("One")
    two = register("Two")
    databases.drop(maintenance, two.database)
    with pytest.raises(FleetFailed, match="1 of 2 companies did not answer: Two"):
        ops.read_sql("SELECT 1")
    with pytest.raises(QueryError, match="nme"):
        ops.read_sql("SELECT nme FROM people", companies=["One"])


def test_the_reading_login_is_confined_and_dropped(
    ops: Ops, register: Register, maintenance: psycopg.Connection
) -> None:
    one, two = register("One"), register("Two")
    company = ops.company(one.id)
    who = company.read_sql("SELECT current_user::text AS login").iloc[0, 0]
    row = maintenance.execute(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, has_database_privilege(%(who)s, %(one)s, 'CONNECT'),"
        " has_database_privilege(%(who)s, %(two)s, 'CONNECT') FROM pg_roles WHERE rolname = %(who)s",
        {"who": who, "one": one.database, "two": two.database},
    ).fetchone()
    assert row == (False, False, False, True, False)
    ops.close()
    assert roles.names(maintenance, f"{PREFIX}reader_") == []


def test_no_repr_shows_a_password(ops: Ops, company: mpm_ops.CompanyReader, server: Server) -> None:
    company.read_sql("SELECT 1")
    login = company._login
    secret = login.server._params["password"]
    for thing in (ops, company, login, login.server, server, ops.settings, ops._installation):
        assert str(secret) not in repr(thing)
