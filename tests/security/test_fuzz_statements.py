"""Whatever is asked: an answer or an error of ours, nothing changed, the session in order.

`MPM_OPS_HYPOTHESIS=deep pytest tests/security -k fuzz --timeout 0` looks for longer, and elsewhere each time.
"""

from __future__ import annotations

import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from mpm_ops.analysis import fanout
from mpm_ops.analysis.guard import Answer
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.errors import MpmOpsError, QueryError
from tests.conftest import effort
from tests.security.odd import FRAGMENTS, TEXTS
from tests.security.scene import LIMITS, Scene, is_well, seen, told

WORDS = (
    *("SELECT", "FROM", "WHERE", "WITH", "AS", "VALUES", "TABLE", "INTO", "DELETE", "UPDATE", "INSERT", "SET", "RESET"),
    *(
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "DECLARE",
        "CURSOR",
        "FETCH",
        "CLOSE",
        "COPY",
        "DO",
        "CALL",
        "GRANT",
        "DROP",
        "ALL",
    ),
    *(
        "CREATE",
        "ALTER",
        "EXPLAIN",
        "ANALYZE",
        "LOCK",
        "NOTIFY",
        "LISTEN",
        "PREPARE",
        "EXECUTE",
        "RETURNING",
        "FOR",
        "JOIN",
    ),
    *(
        "people",
        "masked.people",
        "public.people",
        "users",
        "password",
        "meters",
        "pg_database",
        "masked.key",
        "mpm",
        "id",
    ),
    *(
        "name",
        "*",
        ",",
        ".",
        "(",
        ")",
        "1",
        "1e400::numeric",
        "'x'",
        "'infinity'::date",
        "'1 year'::interval",
        "NULL",
        "::json",
    ),
    *(
        "lo_create(9)",
        "set_config('role', 'x', false)",
        "current_user",
        "generate_series(1, 3)",
        "by_owner()",
        "READ WRITE",
    ),
)
VALID = (
    "SELECT id, name FROM people ORDER BY id LIMIT 5",
    "WITH a AS (SELECT generate_series(1, 9) AS n) SELECT n, n::text, ARRAY[n] FROM a WHERE n % 2 = 1",
    "SELECT count(*), max(m.serial_number) FROM meters m JOIN people p ON true WHERE p.name LIKE 'A%'",
    "SELECT '{\"a\": [1, 2]}'::jsonb -> 'a', $$x$$, E'\\n', now()::date, '1 day'::interval",
    "TABLE meters",
    "VALUES (1, 'a'), (2, NULL)",
)
TOKENS = st.lists(st.sampled_from(WORDS + FRAGMENTS), max_size=12).map(" ".join)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good query, with something in it that was cut out, put in or doubled."""
    query = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 3))):
        start, length = draw(st.integers(0, len(query))), draw(st.integers(0, 8))
        put = draw(st.sampled_from(("", query[start : start + 2 * length], *WORDS, *FRAGMENTS)))
        query = query[:start] + put + query[start + length :]
    return query


@effort(60, deep=5_000)
@given(query=st.one_of(TOKENS, mutated(), TEXTS, st.text(st.characters(), max_size=80)))
@example(query="SELECT")
@example(query="SELECT FROM generate_series(1, 3)")
@example(query="SELECT '178000 years'::interval * 3")
@example(query="SELECT 1::numeric(1000, 500)")
@example(query="SELECT (repeat('[', 3000) || repeat(']', 3000))::json")
@example(query="SELECT repeat('1', 5000)::json")
@example(query="SELECT ARRAY['infinity'::numeric]")
@example(query="SELECT ARRAY['infinity'::date], '10:00+15'::timetz")
def test_any_text_is_answered_or_refused(scene: Scene, unchanged: None, reader: CompanyReader, query: str) -> None:
    found = told(lambda: reader.ask(query, limits=LIMITS))
    assert isinstance(found, (Answer, QueryError))
    assert seen(found) == []
    if isinstance(found, Answer):
        assert isinstance(told(lambda: reader.query(query, max_rows=LIMITS.rows).df), (pd.DataFrame, QueryError))
        both = [reader, scene.ops.company(scene.other.id)]
        both_said = fanout.result(
            both,
            query,
            params=None,
            limits=LIMITS,
            numeric="decimal",
            workers=2,
            collect=True,
            stop=None,
            on_answer=lambda: None,
        )
        assert isinstance(both_said.df, pd.DataFrame)
        assert isinstance(both_said._repr_html_(), str)
    else:
        assert found.company == reader.name
        assert found.position is None or 1 <= found.position <= len(query) + 1
    for asked in (reader.explain, reader.show, reader.columns):
        assert isinstance(told(lambda asked=asked: asked(query)), (str, pd.DataFrame, MpmOpsError))  # type: ignore[misc]  # bound now
    assert is_well(reader)
