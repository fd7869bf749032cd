"""Personal data is masked for the read group and shown to the personal group."""

from __future__ import annotations

import datetime as dt

import pytest

from mpm_ops import Company, Ops
from mpm_ops.companies.grants import Reading
from mpm_ops.demo.profiles import PROFILES
from mpm_ops.errors import QueryError
from mpm_ops.postgres.server import Server
from mpm_ops.tenant import plugin_tables
from mpm_ops.tenant.masks import Mask
from mpm_ops.tenant.personal import PERSONAL
from mpm_ops.tenant.readable import READABLE
from tests.integration.test_fleet import revise, statuses
from tests.integration.test_migrations import Register

#: Of the tables that every company has.
CORE = {table: columns for table, columns in PERSONAL.items() if table not in plugin_tables.PERSONAL}
PEOPLE = """
    INSERT INTO people (name, surname, birth_date, onboarding_json)
    VALUES ('Neema', 'Juma', '1990-05-17', '{"phone": "1"}'), ('NEEMA', 'Ali', NULL, NULL);
    INSERT INTO ticket_users (user_name, phone, out_source) VALUES ('neema', '+255 1', false);
    INSERT INTO geographical_informations (owner_type, owner_id, geo_json)
    VALUES ('mini-grid', 1, '[1]'), ('device', 1, '[2]')
"""


@pytest.fixture
def acme(register: Register, server: Server) -> Company:
    company = register("Acme Power")
    with server.connect(company.database) as tenant:
        tenant.execute(PEOPLE)
    return company


def test_the_same_question_runs_with_and_without_the_grant(ops: Ops, acme: Company) -> None:
    question = "SELECT name, surname, birth_date, onboarding_json FROM people ORDER BY id"
    shown = ops.company(acme.id, personal_data=True).ask(question).rows
    assert [row[:2] for row in shown] == [("Neema", "Juma"), ("NEEMA", "Ali")]
    masked = ops.company(acme.id).ask(question).rows
    assert masked[0][0] == masked[1][0]
    assert masked[0][1] != masked[1][1]
    assert all(len(value) == 16 for row in masked for value in row[:2])
    assert [(str(row[2]), row[3]) for row in masked] == [("1990-01-01", '"hidden"'), ("None", None)]
    assert ops.company(acme.id).ask("SELECT geo_json FROM geographical_informations ORDER BY id").rows == [
        ("[1]",),
        (None,),
    ]


def test_joins_on_masked_values_go_on_working_and_end_at_the_company(
    ops: Ops, acme: Company, register: Register, server: Server
) -> None:
    join = "SELECT count(*) FROM people p JOIN ticket_users t ON lower(p.name) = lower(t.user_name::text)"
    assert ops.company(acme.id).ask(join).rows == ops.company(acme.id, personal_data=True).ask(join).rows
    other = register("Other Power")
    with server.connect(other.database) as tenant:
        tenant.execute(PEOPLE)
    names = "SELECT DISTINCT name FROM people"
    assert ops.company(acme.id).ask(names).rows != ops.company(other.id).ask(names).rows


def test_neither_the_tables_nor_the_key_can_be_read_past_the_views(ops: Ops, acme: Company, server: Server) -> None:
    reader = ops.company(acme.id)
    statistics = "SELECT most_common_vals FROM pg_stats WHERE tablename = 'people' AND attname = 'name'"
    assert reader.ask(statistics).rows == []
    for question in ("SELECT name FROM public.people", "SELECT key FROM masked.key"):
        with pytest.raises(QueryError, match="permission denied") as refused:
            reader.ask(question)
        assert refused.value.hint.startswith("Name the columns: company.columns('")
    with pytest.raises(QueryError):
        ops.company(acme.id, personal_data=True).ask("SELECT key FROM masked.key")
    with server.connect(acme.database) as tenant:
        grants = tenant.execute("SELECT relacl FROM pg_class WHERE oid = 'masked.key'::regclass").fetchone()
        assert grants == (None,)  # the owner's alone
        assert tenant.execute("SELECT length(key) FROM masked.key").fetchall() == [(32,)]


def test_null_stays_null_and_equal_values_have_equal_masks(ops: Ops, register: Register) -> None:
    company = register()
    ops.fill_demo(company, PROFILES[0], until=dt.date(2026, 11, 23))
    masked, shown = ops.company(company.id), ops.company(company.id, personal_data=True)
    filled = 0
    for table, columns in CORE.items():
        for column, mask in columns.items():
            where = " WHERE owner_type = 'city'" if mask is Mask.PLACE else ""
            counts = f"SELECT count(*), count({column}) FROM {table}{where}"
            assert masked.ask(counts).rows == shown.ask(counts).rows, (table, column)
            filled += shown.ask(counts).rows[0][1] > 0
            if mask is Mask.PSEUDONYM:
                values = f"SELECT count(DISTINCT lower({column}::text)) FROM {table}"
                assert masked.ask(values).rows == shown.ask(values).rows, (table, column)
    assert filled > 10


def test_no_function_in_a_question_sees_a_value_before_it_is_masked(ops: Ops, acme: Company, server: Server) -> None:
    with server.connect(acme.database) as tenant:
        options = tenant.execute(
            "SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'masked'::regnamespace AND relkind = 'v'"
        ).fetchall()
        # What an extension could bring: it tells what it is given, and the planner believes that it is cheap.
        tenant.execute(
            """
            CREATE FUNCTION tell(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0001
            AS $$ BEGIN RAISE EXCEPTION 'it was given %', value; END $$
            """
        )
    assert dict(options) == {table: ["security_barrier=true"] for table in CORE}
    reader = ops.company(acme.id)
    (name,) = reader.ask("SELECT name FROM people WHERE id = 1").rows[0]
    for question in ("SELECT 1 FROM people WHERE tell(name)", "SELECT 1 FROM people WHERE name::int = 1"):
        with pytest.raises(QueryError, match=name) as refused:
            reader.ask(question)
        assert "neema" not in str(refused.value).lower()


def test_a_mask_that_does_not_fit_the_type_shows_nothing(ops: Ops, acme: Company) -> None:
    revise(ops, "o1", None, "op.execute('ALTER TABLE people ALTER COLUMN birth_date TYPE text')")
    assert statuses(ops.migrate_tenant()) == "d"
    assert ops.company(acme.id).ask("SELECT birth_date FROM people").rows == [(None,), (None,)]
    assert ops.company(acme.id, personal_data=True).ask("SELECT birth_date FROM people WHERE id = 1").rows == [
        ("1990-05-17",)
    ]


def test_every_listed_column_is_in_the_view(ops: Ops, acme: Company) -> None:
    reader = ops.company(acme.id)
    assert set(reader.tables()["table"]) == set(READABLE) - {*plugin_tables.PLAIN, *plugin_tables.LISTED}
    for table in CORE:
        assert sorted(reader.columns(table)["column"]) == sorted(READABLE[table]), table
        reader.ask(f"SELECT * FROM {table}")


def test_making_the_views_again_changes_nothing(ops: Ops, acme: Company, server: Server) -> None:
    before = ops.company(acme.id).ask("SELECT name FROM people ORDER BY id").rows
    with server.connect(acme.database, role=ops.settings.owner_role) as tenant:
        tenant.execute(Reading().masks().encode())
        tenant.execute(f"GRANT SELECT ON masked.people TO {acme.database}_read".encode())
    assert ops.company(acme.id).ask("SELECT name FROM people ORDER BY id").rows == before
