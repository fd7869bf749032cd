"""Migrations and masked views: a revision may do what it likes to a table, and what may be read stays as listed."""

from __future__ import annotations

import pytest
from psycopg import sql

from mpm_ops import Company, Ops, Policy
from mpm_ops.companies import grants
from mpm_ops.companies.findings import AuditKind
from mpm_ops.errors import QueryError, ServerError
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server
from mpm_ops.tenant.masks import Mask
from mpm_ops.tenant.personal import PERSONAL
from tests.integration.test_fleet import FAST, revise, statuses
from tests.integration.test_migrations import Register, own_revision
from tests.integration.test_personal_data import CORE, acme

__all__ = ["acme"]  # a fixture

#: What analysts see: the views, what they are made of, who may read them, and the tables beside them.
READING = """
    SELECT c.oid::regclass::text, c.relacl::text, c.reloptions::text, pg_get_viewdef(c.oid),
           (SELECT string_agg(a.attname || a.attacl::text, ' ' ORDER BY a.attname)
            FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'masked' OR n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1
"""
CONCURRENTLY = "\n    with op.get_context().autocommit_block():\n        op.execute('{}')\n    "


def reading(server: Server, company: Company) -> list[tuple[str, ...]]:
    with server.connect(company.database) as tenant:
        return tenant.execute(READING.encode()).fetchall()


def seen(ops: Ops, company: Company, column: str = "surname") -> int:
    """How many rows an analyst without the grant sees of a column, after a look that none of it is as it is."""
    question = f"SELECT {column} FROM people"
    masked, shown = (ops.company(company.id, personal_data=one).ask(question).rows for one in (False, True))
    assert not {value for (value,) in masked} & {value for (value,) in shown if value is not None}
    return len(masked)


def hidden(ops: Ops, company: Company, column: str) -> bool:
    for personal in (False, True):
        with pytest.raises(QueryError):
            ops.company(company.id, personal_data=personal).ask(f"SELECT {column} FROM people")
    return True


def live(ops: Ops, up: str, down: str = "pass") -> None:
    own_revision(ops.settings, "o1", None, up, down)
    (path,) = ops.settings.own_tenant_migrations.glob("*_o1.py")
    path.write_text(path.read_text() + "\nlive = True\n")
    ops.forget_revisions()


UP_AND_DOWN = {
    "another type": (
        "op.execute('ALTER TABLE people ALTER COLUMN surname TYPE varchar(200), ADD COLUMN passport text')",
        "op.execute('ALTER TABLE people DROP COLUMN passport, ALTER COLUMN surname TYPE text')",
    ),
    "in Alembic's words": (
        "op.alter_column('people', 'surname', type_=sa.String(200)); op.add_column('people', sa.Column('passport',"
        " sa.Text()))",
        "op.drop_column('people', 'passport'); op.alter_column('people', 'surname', type_=sa.Text())",
    ),
    "a table rebuilt by hand": (
        "op.execute('ALTER TABLE people RENAME TO people_old'); op.execute('CREATE TABLE people (LIKE people_old"
        " INCLUDING ALL, passport text)'); op.execute('INSERT INTO people SELECT * FROM people_old');"
        " op.execute('DROP TABLE people_old CASCADE')",
        "op.execute('ALTER TABLE people DROP COLUMN passport')",
    ),
    "in several parts": (
        "op.alter_column('people', 'surname', type_=sa.String(200))"
        + CONCURRENTLY.format("CREATE INDEX CONCURRENTLY ix_o1 ON people (title)")
        + "op.add_column('people', sa.Column('passport', sa.Text()))",
        "op.drop_column('people', 'passport')"
        + CONCURRENTLY.format("DROP INDEX CONCURRENTLY ix_o1")
        + "op.alter_column('people', 'surname', type_=sa.Text())",
    ),
}


@pytest.mark.parametrize("how", UP_AND_DOWN)
@pytest.mark.parametrize("is_live", [False, True])
def test_a_masked_table_may_be_changed_and_changed_back(
    ops: Ops, acme: Company, server: Server, how: str, is_live: bool
) -> None:
    before = reading(server, acme)
    if is_live:
        live(ops, *UP_AND_DOWN[how])
    else:
        revise(ops, "o1", None, *UP_AND_DOWN[how])
    assert statuses(ops.migrate_tenant()) == "d"
    assert seen(ops, acme) == 2
    assert hidden(ops, acme, "passport")  # until it is listed
    if how != "a table rebuilt by hand":
        assert statuses(ops.rollback_tenant()) == "d"
        assert reading(server, acme) == before
    assert all(one.clean for one in ops.drift())


def test_a_masked_column_may_be_dropped_and_come_back(ops: Ops, acme: Company, server: Server) -> None:
    before = reading(server, acme)
    up, down = "op.drop_column('people', 'birth_date')", "op.add_column('people', sa.Column('birth_date', sa.Date()))"
    revise(ops, "o1", None, up, down)
    assert statuses(ops.migrate_tenant()) == "d"
    assert (hidden(ops, acme, "birth_date"), seen(ops, acme)) == (True, 2)
    assert statuses(ops.rollback_tenant()) == "d"
    assert (seen(ops, acme, "birth_date"), seen(ops, acme)) == (2, 2)
    assert {row[0] for row in reading(server, acme)} == {row[0] for row in before}


def test_all_revisions_back_and_again_leave_what_may_be_read(ops: Ops, acme: Company, server: Server) -> None:
    before = reading(server, acme)
    assert statuses(ops.reset_tenant()) == "d"
    assert [row[0] for row in reading(server, acme)] == ["alembic_version", "masked.key"]
    assert all(one.clean for one in ops.drift())
    assert statuses(ops.migrate_tenant()) == "d"
    assert reading(server, acme) == before
    assert statuses(ops.refresh_tenant()) == "d"
    assert reading(server, acme) == before


@pytest.mark.parametrize("is_live", [False, True])
def test_a_revision_that_fails_leaves_the_views_as_they_were(
    ops: Ops, acme: Company, server: Server, is_live: bool
) -> None:
    before = reading(server, acme)
    up = "op.alter_column('people', 'surname', type_=sa.String(200)); op.execute('SELECT 1 / 0')"
    if is_live:
        live(ops, up)
    else:
        revise(ops, "o1", None, up)
    assert statuses(ops.migrate_tenant(policy=FAST)) == "f"
    assert reading(server, acme) == before
    assert seen(ops, acme) == 2


def test_one_that_breaks_off_between_its_parts_leaves_views_that_can_be_read(ops: Ops, acme: Company) -> None:
    # The second person of that title.
    index = CONCURRENTLY.format("CREATE UNIQUE INDEX CONCURRENTLY ix_o1 ON people (is_customer)")
    revise(ops, "o1", None, "op.alter_column('people', 'surname', type_=sa.String(200))" + index)
    assert statuses(ops.migrate_tenant(policy=FAST)) == "f"
    assert seen(ops, acme) == 2


def test_revisions_in_one_transaction(ops: Ops, acme: Company) -> None:
    revise(ops, "o1", None, *UP_AND_DOWN["another type"])
    revise(ops, "o2", "o1", "op.alter_column('people', 'name', type_=sa.String(200))")
    assert statuses(ops.migrate_tenant(policy=Policy(one_transaction=True))) == "d"
    assert (seen(ops, acme), seen(ops, acme, "name")) == (2, 2)


@pytest.mark.parametrize("is_live", [False, True])
def test_who_reads_a_view_is_not_waited_for_by_a_revision_that_only_writes_rows(
    ops: Ops, acme: Company, server: Server, is_live: bool
) -> None:
    up = "op.execute('UPDATE people SET title = NULL')"
    if is_live:
        live(ops, up)
    else:
        revise(ops, "o1", None, up)
    with server.connect(acme.database) as other, other.transaction():
        other.execute("SELECT count(*) FROM masked.people")
        assert statuses(ops.migrate_tenant(policy=FAST)) == "d"


def made_older(server: Server, company: Company) -> None:
    """Make a database as it was before personal data was masked."""
    names = {name: sql.Identifier(f"{company.database}_{name}") for name in ("read", "personal")}
    with server.connect(company.database) as tenant:
        tenant.execute("DROP SCHEMA masked CASCADE")
        tenant.execute(sql.SQL("DROP OWNED BY {personal}").format(**names))
        tenant.execute(sql.SQL("DROP ROLE {personal}").format(**names))
        for table in CORE:
            tenant.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(sql.Identifier(table), names["read"]))


@pytest.fixture
def older(ops: Ops, acme: Company, server: Server) -> Company:
    made_older(server, acme)
    return acme


def test_nobody_reads_an_older_database_before_it_is_masked(ops: Ops, older: Company) -> None:
    for personal in (False, True):
        with pytest.raises(ServerError, match="_personal is missing") as refused:
            ops.company(older.id, personal_data=personal).ask("SELECT name FROM people")
        assert "mpm-ops audit --repair" in refused.value.hint


def test_the_next_migration_masks_an_older_database(
    ops: Ops, older: Company, register: Register, server: Server
) -> None:
    revise(ops, "o1", None, "op.execute('ALTER TABLE people ALTER COLUMN surname TYPE varchar(200)')")
    (clone,) = ops.rehearse(count=1).clones
    assert clone.ok
    assert not roles_of(server, older)["personal"]  # a rehearsal leaves nothing
    assert statuses(ops.migrate_tenant()) == "d"
    assert seen(ops, older) == 2
    assert {one.kind for one in ops.audit()} <= {AuditKind.STALE_TEMPLATE}  # the revision made it so
    assert all(one.clean for one in ops.drift())
    new = register("New Power")
    assert granted(server, older) == granted(server, new)


def test_a_repair_masks_an_older_database(ops: Ops, older: Company, register: Register, server: Server) -> None:
    assert ops.drift()[0].clean
    assert statuses(ops.migrate_tenant()) == "s"
    # A grant that the server could not follow yet.
    analyst = ops.add_analyst("ada")
    ops.grant_analyst("ada", [older.id], personal_data=True)
    (finding,) = ops.audit()
    assert (finding.kind, finding.safe) == (AuditKind.NO_GROUP, True)
    assert [one.error for one in ops.repair([finding])] == [""]
    with server.connect("postgres") as connection:
        members = roles.members(connection, f"^{older.database}_", [analyst.login])
    assert members == {(analyst.login, roles.personal_group(older.database))}
    ops.remove_analyst("ada")
    assert (ops.audit(), seen(ops, older)) == ([], 2)
    assert granted(server, older) == granted(server, register("New Power"))
    assert ops.drift()[0].clean


@pytest.mark.parametrize("way", ["migration", "repair", "fresh"])
def test_a_longer_list_reaches_the_databases_that_are_there(
    ops: Ops, acme: Company, server: Server, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    longer = {**PERSONAL, "people": {**PERSONAL["people"], "title": Mask.HIDDEN}}
    with server.connect(acme.database) as tenant:
        tenant.execute("UPDATE people SET title = 'Dr'")
    monkeypatch.setattr(grants, "PERSONAL", longer)
    ops.forget_revisions()
    assert {AuditKind.OLD_GRANTS, AuditKind.STALE_TEMPLATE} >= {one.kind for one in ops.audit()} != set()
    if way == "migration":
        revise(ops, "o1", None, "op.execute('SELECT 1')")
        assert statuses(ops.migrate_tenant()) == "d"
    elif way == "repair":
        assert {one.error for one in ops.repair(ops.audit())} == {""}
    else:
        assert statuses(ops.fresh_tenant()) == "d"
    assert AuditKind.OLD_GRANTS not in {one.kind for one in ops.audit()}
    answer = [] if way == "fresh" else [("hidden",), ("hidden",)]
    assert ops.company(acme.id).ask("SELECT title FROM people").rows == answer
    with pytest.raises(QueryError, match="permission denied"):
        ops.company(acme.id).ask("SELECT title FROM public.people")


def test_a_new_database_for_a_company_with_an_older_one(ops: Ops, older: Company) -> None:
    assert statuses(ops.fresh_tenant()) == "d"
    assert (ops.audit(), seen(ops, older)) == ([], 0)


def roles_of(server: Server, company: Company) -> dict[str, bool]:
    with server.connect("postgres") as connection:
        there = roles.names(connection, f"{company.database}_")
    return {group: f"{company.database}_{group}" in there for group in ("app", "read", "personal")}


def granted(server: Server, company: Company) -> list[tuple[str, ...]]:
    """Who may read what, without the company's own number."""
    with server.connect(company.database) as tenant:
        tenant.execute("ANALYZE")
        return [
            tuple(str(one).replace(company.database, "") for one in row) for row in tenant.execute(READING.encode())
        ]
