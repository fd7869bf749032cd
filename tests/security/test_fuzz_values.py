"""Whatever is given for a place: it comes back equal or is refused, and places are where the server sees them.

`MPM_OPS_HYPOTHESIS=deep pytest tests/security -k fuzz --timeout 0` looks for longer, and elsewhere each time.
"""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpm_ops.analysis.guard import Answer
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.errors import QueryError
from tests.conftest import effort
from tests.security.odd import TEXTS
from tests.security.scene import LIMITS, Scene, is_well, told

STORABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
ZONED = st.datetimes(
    dt.datetime.fromisoformat("0001-01-03"), dt.datetime.fromisoformat("9999-12-29"), timezones=st.timezones()
)
#: PostgreSQL's types, with values that they hold.
HELD: dict[str, st.SearchStrategy[Any]] = {
    "text": STORABLE,
    "bool": st.booleans(),
    "int8": st.integers(-(2**63), 2**63 - 1),
    "numeric": st.integers(-(10**300), 10**300) | st.decimals(allow_nan=False, places=9),
    "float8": st.floats(allow_nan=False),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "timestamptz": ZONED,
    "time": st.times(),
    "interval": st.timedeltas(),
    "bytea": st.binary(max_size=40),
    "uuid": st.uuids(),
    "text[]": st.lists(st.none() | STORABLE, max_size=4),
    "int8[]": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    "date[]": st.lists(st.dates(), max_size=4),
    "bytea[]": st.lists(st.binary(max_size=4), max_size=4),
    "int4[]": st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(st.integers(-9, 9), min_size=width, max_size=width), min_size=1, max_size=3)
    ),
}
TYPED = st.sampled_from(sorted(HELD)).flatmap(lambda kind: st.tuples(st.just(kind), st.none() | HELD[kind]))


@effort(80, deep=20_000)
@given(typed=TYPED)
@example(typed=("interval", dt.timedelta.max))
@example(typed=("numeric", Decimal("1." + "0" * 500)))
@example(typed=("numeric", Decimal("1e1000")))
@example(typed=("numeric", Decimal("1e-30")))
@example(typed=("timestamp", dt.datetime.fromisoformat("9999-12-31 23:59:59.999999")))
@example(typed=("date", dt.date.min))
@example(typed=("timestamptz", dt.datetime(2024, 4, 7, 2, tzinfo=ZoneInfo("Australia/South"))))
def test_what_postgresql_holds_comes_back_equal(reader: CompanyReader, typed: tuple[str, Any]) -> None:
    kind, value = typed
    query = f"SELECT CAST(:v AS {kind}) AS a, %(v)s::{kind} AS b, array_length((ARRAY[1])[1:1], 1), 'a%' LIKE '%', ':v'"
    answer = reader.ask(query, params={"v": value})
    # Of an hour that there is twice, Python takes no two zones' for equal.
    sent = value.astimezone(dt.UTC) if kind == "timestamptz" and value is not None else value
    assert answer.rows == [(sent, sent, 1, True, ":v")]
    frame = reader.read_sql(query, params={"v": value})
    if not isinstance(value, list) and value is not None:
        back = frame["a"].iloc[0]
        alike = str(value) if isinstance(value, (dt.timedelta, uuid.UUID)) else sent
        assert back in (sent, alike) or float(back) == float(value)


class Stranger:
    """Of a type that nobody knows."""


LOOP: list[object] = []
LOOP.append(LOOP)
SCALARS = st.one_of(
    TEXTS,
    st.integers(),
    st.integers(4000, 200_000).map(lambda digits: 10**digits),
    st.decimals(),
    st.floats(),
    st.dates(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.times(timezones=st.none() | st.timezones()),
    st.timedeltas(),
    st.binary(max_size=20),
    st.complex_numbers(),
    st.sampled_from(
        [
            Stranger(),
            Stranger,
            len,
            ...,
            LOOP,
            range(3),
            bytearray(b"x"),
            memoryview(b"x"),
            np.int64(3),
            np.float32("nan"),
        ]
    ),
    st.sampled_from(
        [np.array([1]), pd.Series([1]), pd.NA, pd.NaT, pd.Timestamp.max, pd.Timedelta.min, np.datetime64("NaT")]
    ),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=2),
        st.frozensets(st.integers(), max_size=2),
    ),
    max_leaves=5,
)
PLACES = (
    "SELECT :v AS v",
    "SELECT %(v)s::text AS v",
    "SELECT 1 WHERE 'x' LIKE :v",
    "SELECT ARRAY[1,2][:v:2]",
    "LIMIT :v",
)


@effort(80, deep=20_000)
@given(query=st.sampled_from(PLACES), value=ANYTHING)
@example(query=PLACES[0], value="a\0b")
@example(query=PLACES[0], value=["\ud800"])
@example(query=PLACES[0], value=dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-14))))
@example(query=PLACES[0], value={"a": 1})
@example(query=PLACES[0], value=[(), ""])
@example(query=PLACES[0], value=[Decimal("Infinity")])
@example(query=PLACES[0], value=[Decimal("Infinity"), 10**30, Decimal("NaN")])
@example(query=PLACES[0], value=Decimal("sNaN"))
def test_any_value_is_bound_or_refused(
    scene: Scene, unchanged: None, reader: CompanyReader, query: str, value: Any
) -> None:
    found = told(lambda: reader.read_sql(query, params={"v": value}))
    assert isinstance(found, (pd.DataFrame, QueryError))
    assert not isinstance(found, QueryError) or "placeholder" not in str(found)
    as_params = told(lambda: reader.ask("SELECT 1", params=value))
    assert isinstance(as_params, (Answer, QueryError))
    assert is_well(reader)


@pytest.mark.parametrize("value", [pd.NaT, pd.NA])
def test_what_pandas_misses_is_null(reader: CompanyReader, value: object) -> None:
    assert reader.ask("SELECT :v::text IS NULL", params={"v": value}).rows == [(True,)]


@pytest.mark.parametrize(
    ("query", "column", "values"),
    [
        ("SELECT 1 AS a, 2 AS a, 3 AS a_2", "a_3", [2, 2]),
        ("SELECT 1 AS company, 2 AS company_", "company__2", [2, 2]),
        ("SELECT CASE {first} WHEN true THEN ARRAY[1] END AS v", "v", [[1], pd.NA]),
        ("SELECT CASE {first} WHEN true THEN ARRAY[[1], [2]] ELSE ARRAY[1] END AS v", "v", ["[[1], [2]]", "[1]"]),
        ("SELECT CASE {first} WHEN true THEN 'NaN'::numeric ELSE 1e-15 END AS v", "v", None),
    ],
)
def test_answers_of_different_make_are_stacked(
    scene: Scene, query: str, column: str, values: list[object] | None
) -> None:
    found = scene.ops.read_sql(query.format(first=f"current_database() = '{scene.company.database}'"))
    got = [one.tolist() if isinstance(one, np.ndarray) else one for one in found[column]]
    assert values is None or got == values


#: What is whole by itself, and what of it PostgreSQL is to see: {} is filled with what looks like a place.
INSIDE = (
    "'{}'",
    "E'\\'{}'",
    "E'a'\n'{}'",
    "$${}$$",
    "$t${}$$t$",
    "'{}' -- {}\n",
    "'{}' /* {} /* {} */ */",
    "U&'{}'",
    "N'{}'",
)
OUTSIDE = (
    "(ARRAY[1,2,3])[1:2]",
    "(ARRAY[1,2,3])[1 : :v]",
    "7::int8",
    "7 % 4",
    "'a' LIKE 'a%'",
    ":v::text",
    "CAST(%(v)s AS int)",
    "(:v)::int",
    "-:v",
    "'{{}}'::int[]",
)
LOOKALIKES = st.lists(
    st.sampled_from([":v", "%(v)s", "%s", "::", "%", "é", "[", "]", "--", "$", ":w", "/", "*"]), max_size=4
).map("".join)
LEXEMES = st.one_of(
    st.tuples(st.sampled_from(INSIDE), LOOKALIKES).map(lambda pair: pair[0].replace("{}", pair[1])),
    st.sampled_from(OUTSIDE),
)


@effort(80, deep=20_000)
@given(lexemes=st.lists(LEXEMES, min_size=1, max_size=4), value=st.integers(1, 3))
@example(lexemes=["'*/--' /* */-- /* */-- */ */"], value=1)
@example(lexemes=["'/*' /* /* /* /* */ */"], value=1)
def test_places_are_where_the_server_sees_them(reader: CompanyReader, lexemes: list[str], value: int) -> None:
    # A constant in the place of the value, written by hand, is what the server makes of it without us.
    written = [
        one
        if one not in OUTSIDE
        else one.replace("::v", ": :v").replace(":v", f"({value})").replace("%(v)s", f"({value})")
        for one in lexemes
    ]
    expected = told(lambda: reader.ask("SELECT " + ", ".join(written) + f"\n, ({value})", limits=LIMITS))
    found = told(lambda: reader.ask("SELECT " + ", ".join(lexemes) + "\n, :v", params={"v": value}, limits=LIMITS))
    if isinstance(expected, Answer):
        assert isinstance(found, Answer)
        assert [str(one) for one in found.rows[0]] == [str(one) for one in expected.rows[0]]
    else:
        assert isinstance(expected, QueryError)
        assert isinstance(found, QueryError)
        # Behind a comment that does not end there is no place, and the server is not asked.
        assert found.sqlstate in (expected.sqlstate, "")
