"""Personal data is masked for the read group, shown to the personal group, and migrations keep it so."""

from __future__ import annotations

import pytest

from mpm_ops import Company, Ops
from mpm_ops.companies.grants import masks
from mpm_ops.errors import QueryError
from mpm_ops.postgres.server import Server
from mpm_ops.tenant.personal import PERSONAL
from mpm_ops.tenant.readable import READABLE
from tests.integration.test_fleet import revise, statuses
from tests.integration.test_migrations import Register

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
    assert [(str(row[2]), row[3]) for row in masked] == [("1990-01-01", "hidden"), ("None", None)]
    assert ops.company(acme.id).ask("SELECT geo_json FROM geographical_informations ORDER BY id").rows == [
        ([1],),
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


def test_neither_the_tables_nor_the_key_can_be_read_past_the_views(ops: Ops, acme: Company) -> None:
    reader = ops.company(acme.id)
    statistics = "SELECT most_common_vals FROM pg_stats WHERE tablename = 'people' AND attname = 'name'"
    assert reader.ask(statistics).rows == []
    for question in ("SELECT name FROM public.people", "SELECT key FROM masked.key"):
        with pytest.raises(QueryError, match="permission denied"):
            reader.ask(question)
    with pytest.raises(QueryError):
        ops.company(acme.id, personal_data=True).ask("SELECT key FROM masked.key")


def test_every_listed_column_is_in_the_view(ops: Ops, acme: Company) -> None:
    reader = ops.company(acme.id)
    assert set(reader.tables()["table"]) == set(READABLE)
    for table in PERSONAL:
        assert sorted(reader.columns(table)["column"]) == sorted(READABLE[table]), table
        reader.ask(f"SELECT * FROM {table}")


def test_a_revision_may_change_a_masked_table_both_ways(ops: Ops, acme: Company, server: Server) -> None:
    up = "op.execute('ALTER TABLE people ALTER COLUMN surname TYPE varchar(200), ADD COLUMN passport text')"
    down = "op.execute('ALTER TABLE people DROP COLUMN passport, ALTER COLUMN surname TYPE text')"
    revise(ops, "o1", None, up, down)
    assert statuses(ops.migrate_tenant()) == "d"
    reader = ops.company(acme.id)
    assert len(reader.ask("SELECT surname FROM people").rows) == 2
    # A new column is hidden until it is listed.
    for personal in (False, True):
        with pytest.raises(QueryError):
            ops.company(acme.id, personal_data=personal).ask("SELECT passport FROM people")
    assert statuses(ops.rollback_tenant()) == "d"
    assert len(reader.ask("SELECT surname FROM people").rows) == 2
    assert all(one.clean for one in ops.drift())


def test_making_the_views_again_changes_nothing(ops: Ops, acme: Company, server: Server) -> None:
    before = ops.company(acme.id).ask("SELECT name FROM people ORDER BY id").rows
    with server.connect(acme.database, role=ops.settings.owner_role) as tenant:
        tenant.execute(masks().encode())
        tenant.execute(f"GRANT SELECT ON masked.people TO {acme.database}_read".encode())
    assert ops.company(acme.id).ask("SELECT name FROM people ORDER BY id").rows == before
