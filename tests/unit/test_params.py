"""Placeholders are found where they are, and nothing else in a question is touched."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpm_ops.analysis.params import bind
from mpm_ops.errors import QueryError


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("SELECT :a", "SELECT  $1 "),
        ("SELECT %(a)s", "SELECT  $1 "),
        ("SELECT :a + %(a)s", "SELECT  $1  +  $1 "),
        ("SELECT :a::int, '1'::text", "SELECT  $1 ::int, '1'::text"),
        ("SELECT :a, x[1:2], x[lo:hi], x[f(y):hi], x['b':hi]", "SELECT  $1 , x[1:2], x[lo:hi], x[f(y):hi], x['b':hi]"),
        ("SELECT x[:a], x[:hi], x[1: :a]", "SELECT x[ $1 ], x[:hi], x[1:  $1 ]"),
        ("SELECT f(n := :a)", "SELECT f(n :=  $1 )"),
        ("LIMIT:a", "LIMIT $1 "),
        ("SELECT :a || '%(a)s :a '':a''' || E'\\':a'", "SELECT  $1  || '%(a)s :a '':a''' || E'\\':a'"),
        ("SELECT :a, E'x'\n':a\\':a'", "SELECT  $1 , E'x'\n':a\\':a'"),
        ('SELECT :a AS ":a ""%(a)s"', 'SELECT  $1  AS ":a ""%(a)s"'),
        ("SELECT :a, $$ :a $x$ :a $$, $x$ :a $$ $x$", "SELECT  $1 , $$ :a $x$ :a $$, $x$ :a $$ $x$"),
        ("SELECT a$b$ :a $b$", "SELECT a$b$  $1  $b$"),
        ("SELECT :a -- :a\n /* :a /* :a */ :a */", "SELECT  $1  -- :a\n /* :a /* :a */ :a */"),
        ("SELECT :a % 2, x LIKE 'a%' OR x LIKE '%s'", "SELECT  $1  % 2, x LIKE 'a%' OR x LIKE '%s'"),
        ("SELECT :a, 'open :a", "SELECT  $1 , 'open :a"),
        ("SELECT :a /* open :a", "SELECT  $1  /* open :a"),
    ],
)
def test_only_placeholders_are_replaced(query: str, sent: str) -> None:
    bound = bind(query, {"a": 7})
    assert bound.text == sent
    assert bound.values == (7,)


def test_values_come_in_the_order_of_their_first_places() -> None:
    bound = bind("SELECT :b, %(a)s, :b", {"a": 1, "b": 2})
    assert (bound.text, bound.values) == ("SELECT  $1 ,  $2 ,  $1 ", (2, 1))
    bound = bind("SELECT %s, '%s', %s", [1, 2])
    assert (bound.text, bound.values) == ("SELECT  $1 , '%s',  $2 ", (1, 2))


def test_without_params_the_text_goes_as_it_is() -> None:
    query = "SELECT :a, %(b)s, %s, $1"
    assert bind(query, None).text == query


@pytest.mark.parametrize(
    ("query", "params", "message", "hint", "position"),
    [
        ("SELECT :serail", {"serial": 1}, "no value for serail", "Did you mean serial?", 8),
        ("SELECT :a", {"a": 1, "serial": 1}, "no place for serial", "Each name", None),
        ("SELECT :serial, :a", {"serail": 1, "a": 1}, "no value for serial", "Did you mean serail?", 8),
        ("SELECT :a", {}, "no value for a", "Each name", 8),
        ("SELECT $1, :a", {"a": 1}, "has a name here", "Write :name", 8),
        ("SELECT %s, :a", {"a": 1}, "takes a list", "Write :name", 8),
        ("SELECT %s, :a", [1], "a is a name", "mapping", 12),
        ("SELECT %s", [1, 2], "1 places", "", None),
        ("SELECT %s", "x", "neither a mapping nor a list", "params=", None),
    ],
)
def test_what_does_not_fit_is_told(query: str, params: object, message: str, hint: str, position: int | None) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        bind(query, params)  # type: ignore[arg-type]  # what is no mapping is what is tested
    assert hint in caught.value.hint
    assert caught.value.position == position


def test_a_position_is_that_of_the_text_as_it_was_written() -> None:
    query = "SELECT :first, %(second)s, nme, :first, oops"
    bound = bind(query, {"first": 1, "second": 2})
    for word in ("SELECT", "nme", "oops"):
        assert bound.own_position(bound.text.index(word) + 1) == query.index(word) + 1
    assert bound.own_position(bound.text.index("$2") + 1) == query.index("%(second)s") + 1


#: What may hold anything, as it is written around it.
_LOOKS_LIKE_ONE = st.lists(st.sampled_from([":a", "%(a)s", "%s", "::", "$1", "'", '"', "--", "%", "é", "\n", " "])).map(
    "".join
)
QUOTED = st.one_of(
    _LOOKS_LIKE_ONE.map(lambda text: "'" + text.replace("'", "''") + "'"),
    _LOOKS_LIKE_ONE.map(lambda text: "E'" + text.replace("'", "\\'") + "'"),
    _LOOKS_LIKE_ONE.map(lambda text: '"' + text.replace('"', '""') + 'x"'),
    _LOOKS_LIKE_ONE.map(lambda text: f"$t${text}$t$"),
    _LOOKS_LIKE_ONE.map(lambda text: f"/*{text}/*{text}*/ {text}*/"),
    _LOOKS_LIKE_ONE.map(lambda text: "--" + text.replace("\n", "") + "\n"),
)


@given(st.lists(st.tuples(QUOTED, st.sampled_from([":a", "%(a)s", "x::int", "y[1:2]", "z % 2"])), min_size=1))
def test_what_is_quoted_is_never_touched(pieces: list[tuple[str, str]]) -> None:
    query = " , ".join(f"{quoted} , {bare}" for quoted, bare in [*pieces, ("''", ":a")])
    expected = " , ".join(
        f"{quoted} , {' $1 ' if bare in (':a', '%(a)s') else bare}" for quoted, bare in [*pieces, ("''", ":a")]
    )
    assert bind(query, {"a": 1}).text == expected


@given(st.text(alphabet=st.sampled_from(":%()s$ab'\"[]-/*\\E\n 1{};é")))
def test_any_text_is_either_refused_or_changed_in_its_places_only(query: str) -> None:
    try:
        bound = bind(query, {"a": 1})
    except QueryError:
        return
    rest = query
    for place, _ in reversed(bound.places):
        assert query[place.start : place.end] in (":a", "%(a)s")
        rest = rest[: place.start] + " $1 " + rest[place.end :]
    assert bound.text == rest
    assert len(re.findall(r"\$1", bound.text)) >= len(bound.places) > 0
