"""The control set: what analysts ask every day is answered at every level of hardening, for safety that breaks work
is a defect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pandas as pd
import pytest

from mpm_ops import CompanyReader, Ops
from mpm_ops.postgres import databases, hardening
from mpm_ops.postgres.server import Server
from mpm_ops.records import Hardening
from tests.conftest import PREFIX, clean, make_settings

CENTRAL = f"{PREFIX}central_control"

#: Three tariffs, three kinds of customers, and the payments of a quarter.
DATA = """
    INSERT INTO tariffs (id, name, price, currency, factor) VALUES
        (1, 'Household', 250.5, 'TZS', 1), (2, 'Business', 300, 'TZS', 2), (3, 'Night', 100.25, 'TZS', NULL);
    INSERT INTO time_of_usages (tariff_id, start, "end", value) VALUES
        (1, '06:00', '18:00', 1.5), (1, '18:00', '24:00', 0.5), (2, '00:00', '24:00', 2);
    DELETE FROM sub_connection_types;
    DELETE FROM connection_types;
    INSERT INTO connection_types (id, name) VALUES (101, 'Homes'), (102, 'Shops'), (103, 'Mills');
    INSERT INTO sub_connection_types (id, name, connection_type_id, tariff_id) VALUES
        (101, 'Small homes', 101, 1), (102, 'Large homes', 101, 3), (103, 'Kiosks', 102, 2), (104, 'Mills', 103, NULL);
    INSERT INTO clusters (id, name, manager_id, geo_json) VALUES
        (
            1, 'North', (SELECT min(id) FROM users),
            '{"type": "Polygon", "tags": ["lake", "hill"], "area": {"km2": 12.5}}'
        ),
        (2, 'South', (SELECT min(id) FROM users), '{"type": "Point", "tags": ["lake"], "area": {"km2": 3}}');
    INSERT INTO transactions
        (id, original_transaction_id, original_transaction_type, amount, type, sender, message, created_at)
    SELECT n, n, 'cash_transaction', n * 10, CASE WHEN n % 3 = 0 THEN 'down_payment' ELSE 'energy' END, '+255' || n,
           'SN' || lpad((n % 4)::text, 3, '0'), timestamp '2026-01-01 08:00' + n * interval '9 days'
    FROM generate_series(1, 10) AS n;
"""


@pytest.fixture(scope="module")
def home(server: Server, dsn: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """An installation of this module's own, with one company in business."""
    settings = make_settings(dsn, tmp_path_factory.mktemp("control"), central=CENTRAL)
    with server.connect("postgres") as connection:
        databases.create(connection, CENTRAL, template=template)
        databases.close_to_public(connection, CENTRAL)
    with Ops(settings) as ops:
        company = ops.register(
            name="Acme Power", email="info@example.com", admin_email="ada@example.com", admin_password="correct horse"
        )
        with server.connect(company.database) as connection:
            connection.execute(DATA)
        yield ops
    clean(server, f"{PREFIX}company_", f"{PREFIX}reader_", CENTRAL)


@pytest.fixture(scope="module", params=list(Hardening))
def analyst(request: pytest.FixtureRequest, home: Ops, server: Server) -> CompanyReader:
    """The company as an analyst asks it, at one level of hardening after the other."""
    reader = home.company(1)
    with server.connect(reader.company.database) as connection:
        hardening.harden(connection, request.param, owner=home.settings.owner_role)
    return reader


def D(text: str) -> Decimal:  # noqa: N802 short, for a table of many
    return Decimal(text)


#: What is asked, and the rows that come back.
QUESTIONS: dict[str, tuple[str, list[tuple[object, ...]]]] = {
    "a table": ("TABLE connection_types ORDER BY id LIMIT 1", [(101, "Homes", ..., ...)]),
    "values": ("VALUES (1, 'one'), (2, 'two')", [(1, "one"), (2, "two")]),
    "where": ("SELECT name FROM tariffs WHERE price BETWEEN 200 AND 260", [("Household",)]),
    "in": ("SELECT id FROM tariffs WHERE name IN ('Night', 'Business') ORDER BY 1", [(2,), (3,)]),
    "null": ("SELECT name, coalesce(factor, 0) FROM tariffs WHERE factor IS NULL", [("Night", 0)]),
    "limit and offset": ("SELECT id FROM transactions ORDER BY id DESC LIMIT 2 OFFSET 1", [(9,), (8,)]),
    "distinct": ("SELECT DISTINCT type FROM transactions ORDER BY type", [("down_payment",), ("energy",)]),
    "distinct on": (
        "SELECT DISTINCT ON (type) type, id FROM transactions ORDER BY type, amount DESC",
        [("down_payment", 9), ("energy", 10)],
    ),
    "group by": (
        "SELECT type, count(*), sum(amount) FROM transactions GROUP BY type ORDER BY type",
        [("down_payment", 3, D("180")), ("energy", 7, D("370"))],
    ),
    "having": (
        "SELECT message, count(*) FROM transactions GROUP BY message HAVING count(*) > 2 ORDER BY 1",
        [("SN001", 3), ("SN002", 3)],
    ),
    "filter": (
        "SELECT count(*) FILTER (WHERE amount > 50), avg(amount) FILTER (WHERE type = 'energy') > 52 FROM transactions",
        [(5, True)],
    ),
    "case": (
        "SELECT CASE WHEN amount < 50 THEN 'low' ELSE 'high' END, count(*) FROM transactions GROUP BY 1 ORDER BY 1",
        [("high", 6), ("low", 4)],
    ),
    "inner join": (
        "SELECT s.name, t.price FROM sub_connection_types s JOIN tariffs t ON t.id = s.tariff_id ORDER BY s.id",
        [("Small homes", D("250.5")), ("Large homes", D("100.25")), ("Kiosks", D("300"))],
    ),
    "left join": (
        "SELECT s.name, t.name FROM sub_connection_types s LEFT JOIN tariffs t ON t.id = s.tariff_id"
        " WHERE t.id IS NULL",
        [("Mills", None)],
    ),
    "full join": (
        "SELECT a, b FROM (VALUES (1), (2)) x(a) FULL JOIN (VALUES (2), (3)) y(b) ON a = b ORDER BY coalesce(a, b)",
        [(1, None), (2, 2), (None, 3)],
    ),
    "three tables": (
        "SELECT c.name::text, string_agg(t.name, ', ' ORDER BY t.name) FROM connection_types c"
        " JOIN sub_connection_types s ON s.connection_type_id = c.id JOIN tariffs t ON t.id = s.tariff_id"
        " GROUP BY c.name ORDER BY 1",
        [("Homes", "Household, Night"), ("Shops", "Business")],
    ),
    "exists": (
        "SELECT name FROM tariffs t WHERE NOT EXISTS (SELECT FROM time_of_usages u WHERE u.tariff_id = t.id)",
        [("Night",)],
    ),
    "lateral": (
        "SELECT t.id, u.value FROM tariffs t CROSS JOIN LATERAL"
        " (SELECT value FROM time_of_usages WHERE tariff_id = t.id ORDER BY value DESC LIMIT 1) u ORDER BY t.id",
        [(1, D("1.5")), (2, D("2"))],
    ),
    "union": ("SELECT 1 AS n UNION SELECT 1 UNION ALL SELECT 2 ORDER BY n", [(1,), (2,)]),
    "except": ("SELECT id FROM tariffs EXCEPT SELECT tariff_id FROM time_of_usages", [(3,)]),
    "running total": (
        "SELECT id, sum(amount) OVER (ORDER BY id) FROM transactions ORDER BY id LIMIT 3",
        [(1, D("10")), (2, D("30")), (3, D("60"))],
    ),
    "lag": (
        "SELECT id, amount - lag(amount) OVER w FROM transactions WINDOW w AS (ORDER BY id) ORDER BY id LIMIT 2",
        [(1, None), (2, D("10"))],
    ),
    "rank": (
        "SELECT name, rank() OVER (ORDER BY price DESC), ntile(2) OVER (ORDER BY price) FROM tariffs ORDER BY 2",
        [("Business", 1, 2), ("Household", 2, 1), ("Night", 3, 1)],
    ),
    "moving average": (
        "SELECT avg(amount) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)::int FROM transactions"
        " ORDER BY id LIMIT 2",
        [(10,), (15,)],
    ),
    "a cte": (
        "WITH dear AS (SELECT * FROM tariffs WHERE price > 200), n AS (SELECT count(*) AS n FROM dear) SELECT n FROM n",
        [(2,)],
    ),
    "a recursive cte": (
        "WITH RECURSIVE f(a, b) AS (VALUES (0, 1) UNION ALL SELECT b, a + b FROM f WHERE b < 20)"
        " SELECT array_agg(a ORDER BY a) FROM f",
        [([0, 1, 1, 2, 3, 5, 8, 13],)],
    ),
    "json": (
        "SELECT name, geo_json->>'type', (geo_json#>>'{area,km2}')::numeric FROM clusters ORDER BY id",
        [("North", "Polygon", D("12.5")), ("South", "Point", D("3"))],
    ),
    "json containment": ("""SELECT id FROM clusters WHERE geo_json @> '{"tags": ["hill"]}'""", [(1,)]),
    "json path": ("SELECT id FROM clusters WHERE geo_json @@ '$.area.km2 < 10'", [(2,)]),
    "json to rows": (
        "SELECT tag, count(*) FROM clusters, jsonb_array_elements_text(geo_json->'tags') AS tag GROUP BY 1 ORDER BY 1",
        [("hill", 1), ("lake", 2)],
    ),
    "rows to json": (
        "SELECT jsonb_agg(jsonb_build_object('n', name) ORDER BY id) FROM tariffs WHERE id < 3",
        [('[{"n": "Household"}, {"n": "Business"}]',)],
    ),
    "arrays": (
        "SELECT (ARRAY[1, 2, 3])[2:3], 2 = ANY (ARRAY[1, 2]), array_length(ARRAY[1, 2], 1), ARRAY[1] || 2",
        [([2, 3], True, 2, [1, 2])],
    ),
    "unnest": ("SELECT n, place FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY AS t(n, place)", [("a", 1), ("b", 2)]),
    "generate_series": (
        "SELECT d::date, count(t.id) FROM generate_series(date '2026-01-01', '2026-03-01', '1 month') AS d"
        " LEFT JOIN transactions t ON t.created_at >= d AND t.created_at < d + interval '1 month'"
        " GROUP BY d ORDER BY d",
        [(dt.date(2026, 1, 1), 3), (dt.date(2026, 2, 1), 3), (dt.date(2026, 3, 1), 3)],
    ),
    "date_trunc": (
        "SELECT date_trunc('month', created_at)::date, sum(amount) FROM transactions GROUP BY 1 ORDER BY 1 LIMIT 3",
        [(dt.date(2026, 1, 1), D("60")), (dt.date(2026, 2, 1), D("150")), (dt.date(2026, 3, 1), D("240"))],
    ),
    "date arithmetic": (
        "SELECT date '2026-03-01' - date '2026-02-01', (date '2026-01-31' + interval '1 month')::date,"
        " extract(isodow FROM date '2026-02-03')::int, to_char(date '2026-02-03', 'YYYY-\"W\"IW')",
        [(28, dt.date(2026, 2, 28), 2, "2026-W06")],
    ),
    "age and intervals": (
        "SELECT age(date '2026-03-02', date '2026-01-01')::text, max(created_at) - min(created_at) FROM transactions",
        [("2 mons 1 day", dt.timedelta(days=81))],
    ),
    "time zones": (
        "SELECT (timestamptz '2026-02-03 12:00+00' AT TIME ZONE 'Africa/Dar_es_Salaam')::text",
        [("2026-02-03 15:00:00",)],
    ),
    "regular expressions": (
        "SELECT name ~* '^b', regexp_replace(name, '[aeiou]', '', 'g'), substring(name FROM 'u.') FROM tariffs"
        " WHERE id = 2",
        [(True, "Bsnss", "us")],
    ),
    "like": ("SELECT id FROM tariffs WHERE name LIKE '%us%' AND name NOT ILIKE 'b%'", [(1,)]),
    "strings": (
        "SELECT upper(left(name, 2)) || '-' || length(name), split_part('a-b-c', '-', 2), format('%s %%', 5)"
        " FROM tariffs WHERE id = 3",
        [("NI-5", "b", "5 %")],
    ),
    "text search": (
        "SELECT name, ts_rank(to_tsvector('english', name), q) > 0 FROM sub_connection_types,"
        " to_tsquery('english', 'home & !large') AS q WHERE to_tsvector('english', name) @@ q",
        [("Small homes", True)],
    ),
    "casts": (
        "SELECT '12'::int + 1, CAST(2.6 AS int), 1::text || '0', '2026-02-03'::date, 't'::bool, 0.1::float8::numeric",
        [(13, 3, "10", dt.date(2026, 2, 3), True, D("0.1"))],
    ),
    "percentiles": (
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount), percentile_disc(0.9)"
        " WITHIN GROUP (ORDER BY amount), mode() WITHIN GROUP (ORDER BY type) FROM transactions",
        [(55.0, D("90"), "energy")],
    ),
    "statistics": (
        "SELECT round(stddev_pop(amount), 2), corr(id, amount), width_bucket(55, 0, 100, 10) FROM transactions",
        [(D("28.72"), 1.0, 6)],
    ),
    "grouping sets": (
        "SELECT type, grouping(type), sum(amount) FROM transactions GROUP BY GROUPING SETS ((type), ()) ORDER BY 2, 1",
        [("down_payment", 0, D("180")), ("energy", 0, D("370")), (None, 1, D("550"))],
    ),
    "rollup": (
        "SELECT type, message, count(*) FROM transactions WHERE id < 3 GROUP BY ROLLUP (type, message)"
        " ORDER BY type NULLS LAST, message NULLS LAST",
        [("energy", "SN001", 1), ("energy", "SN002", 1), ("energy", None, 2), (None, None, 2)],
    ),
    "a sample": ("SELECT count(*) FROM tariffs TABLESAMPLE BERNOULLI (100)", [(3,)]),
    "masked": ("SELECT count(DISTINCT sender), min(length(sender)) FROM transactions", [(10, 16)]),
    "the catalog": (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'tariffs'"
        " ORDER BY ordinal_position LIMIT 2",
        [("id",), ("name",)],
    ),
    "sizes": ("SELECT pg_total_relation_size('tariffs') > 0, 'tariffs'::regclass::text", [(True, "tariffs")]),
    "the server": ("SELECT current_setting('TimeZone'), version() LIKE 'PostgreSQL%'", [("UTC", True)]),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_ordinary_question_is_answered(analyst: CompanyReader, name: str) -> None:
    query, expected = QUESTIONS[name]
    found = analyst.read_sql(query)
    assert len(found) == len(expected)
    for row, wanted in zip(found.itertuples(index=False), expected, strict=True):
        assert len(row) == len(wanted)
        for value, one in zip(row, wanted, strict=True):
            assert one is ... or _plain(value) == one


def _plain(value: object) -> object:
    if isinstance(value, pd.Timedelta):
        return value.to_pytimedelta()
    if hasattr(value, "tolist"):
        return value.tolist()
    return None if value is pd.NA else value


def test_a_question_with_values_is_answered(analyst: CompanyReader) -> None:
    query = "SELECT name FROM tariffs WHERE price > :least::numeric AND name LIKE %(like)s AND id = ANY (:ids)"
    found = analyst.read_sql(query, params={"least": "100", "like": "%us%", "ids": [1, 2, 3]})
    assert found["name"].to_list() == ["Household", "Business"]


def test_plans_settings_and_listings_are_shown(analyst: CompanyReader) -> None:
    assert "Seq Scan on tariffs" in analyst.explain("SELECT * FROM tariffs")
    assert analyst.show("TimeZone") == "UTC"
    assert {"tariffs", "transactions"} <= set(analyst.tables()["table"])
    assert list(analyst.columns("tariffs")["column"])[:3] == ["id", "name", "price"]
