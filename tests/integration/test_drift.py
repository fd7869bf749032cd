"""Drift: what somebody changed by hand is found and named, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from mpm_ops import Company, Hooks, Ops, Settings
from mpm_ops.postgres import databases, locks
from mpm_ops.postgres.server import Server
from mpm_ops.records import Spread
from mpm_ops.schema import drift as catalogs
from mpm_ops.schema.apply import LOCK
from tests.conftest import PREFIX
from tests.integration.test_migrations import core_head, own_revision

Register = Callable[..., Company]

CHANGES = [
    ("CREATE TABLE notes (id int)", {("added", "table", "notes"), ("added", "column", "notes.id")}),
    ("ALTER TABLE people ADD COLUMN x int", {("added", "column", "people.x")}),
    (
        "ALTER TABLE people DROP COLUMN name CASCADE",
        {("missing", "column", "people.name"), ("missing", "index", "public.ix_people_name")},
    ),
    ("ALTER TABLE meters ALTER COLUMN in_use DROP NOT NULL", {("changed", "column", "meters.in_use")}),
    ("ALTER TABLE addresses DISABLE TRIGGER ALL", {("added", "trigger", "addresses.fk_addresses_city_id")}),
    ("ALTER TABLE people ALTER COLUMN surname SET DEFAULT 'x'", {("changed", "column", "people.surname")}),
    (
        "DROP VIEW masked.people; ALTER TABLE people ALTER COLUMN surname TYPE varchar(99)",
        {("changed", "column", "people.surname")},
    ),
    ("CREATE INDEX hand_made ON people (surname)", {("added", "index", "public.hand_made")}),
    ("ALTER TABLE people ADD CONSTRAINT c CHECK (surname <> '')", {("added", "constraint", "people.c")}),
    ("CREATE TYPE mood AS ENUM ('ok')", {("added", "type", "mood")}),
    ("CREATE DOMAIN short AS text CHECK (length(VALUE) < 9)", {("added", "type", "short")}),
    ("CREATE EXTENSION hstore SCHEMA pg_catalog", {("added", "extension", "hstore")}),
    ("CREATE SCHEMA scratch", {("added", "schema", "scratch")}),
    ("ALTER SEQUENCE people_id_seq INCREMENT 2", {("changed", "sequence of", "people_id_seq")}),
    ("ALTER TABLE people ENABLE ROW LEVEL SECURITY", {("changed", "table", "people")}),
    ("CREATE POLICY p ON people FOR SELECT USING (id > 1)", {("added", "policy", "people.p")}),
    ("CREATE RULE r AS ON DELETE TO people DO INSTEAD NOTHING", {("added", "rule", "people.r")}),
    ("CREATE STATISTICS s ON name, surname FROM people", {("added", "statistics", "s")}),
    (
        "ALTER TABLE people OWNER TO CURRENT_USER",
        {("changed", "table", "people"), ("changed", "sequence", "people_id_seq")},
    ),
    ("CREATE VIEW v AS SELECT id FROM people", {("added", "view", "v"), ("added", "column", "v.id")}),
    (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER t BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION f()",
        {("added", "function", "public.f()"), ("added", "trigger", "people.t")},
    ),
]


#: What is made, what is done to it, and whose definition must then be another.
PARTS = [
    ("CREATE TYPE t AS ENUM ('a, b', 'c')", "DROP TYPE t; CREATE TYPE t AS ENUM ('a', 'b, c')", ("type", "t")),
    ("CREATE TYPE t AS ENUM ('a')", "ALTER TYPE t ADD VALUE 'b'", ("type", "t")),
    ("CREATE TYPE t AS ENUM ('a')", "ALTER TYPE t OWNER TO {owner}", ("type", "t")),
    ("CREATE DOMAIN d AS int", "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0)", ("type", "d")),
    ("CREATE TABLE a (i int); CREATE TABLE b (i int)", "ALTER TABLE b INHERIT a", ("table", "b")),
    (
        "CREATE RULE r AS ON DELETE TO people DO INSTEAD NOTHING",
        "ALTER TABLE people DISABLE RULE r",
        ("rule", "people.r"),
    ),
    (
        "CREATE AGGREGATE g (int) (sfunc = int4pl, stype = int)",
        "CREATE OR REPLACE AGGREGATE g (int) (sfunc = int4mul, stype = int)",
        ("function", "public.g(integer)"),
    ),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER FUNCTION f() OWNER TO {owner}",
        ("function", "public.f()"),
    ),
    (
        "CREATE VIEW v AS SELECT id FROM people",
        "CREATE OR REPLACE VIEW v AS SELECT id + 1 - 1 AS id FROM people",
        ("view", "v"),
    ),
    ("CREATE SEQUENCE s", "ALTER SEQUENCE s CYCLE", ("sequence of", "s")),
    (
        "CREATE POLICY p ON people FOR SELECT USING (id > 1)",
        "ALTER POLICY p ON people TO {owner}",
        ("policy", "people.p"),
    ),
    (
        "CREATE STATISTICS s ON name, surname FROM people",
        "DROP STATISTICS s; CREATE STATISTICS s (mcv) ON name, surname FROM people",
        ("statistics", "s"),
    ),
]


@pytest.mark.parametrize(("made", "done", "what"), PARTS)
def test_each_part_of_a_definition_counts(
    ops: Ops, register: Register, server: Server, made: str, done: str, what: tuple[str, str]
) -> None:
    database, owner = register().database, ops.settings.owner_role
    with server.connect(database) as tenant, server.connect(database, role=owner) as reading:
        tenant.execute(made.encode())
        before, marker = catalogs.read_catalog(reading)[what], catalogs.glance(reading, owner=owner).marker
        tenant.execute(done.format(owner=owner).encode())
        assert catalogs.read_catalog(reading)[what] != before
        assert catalogs.glance(reading, owner=owner).marker != marker


def test_no_marker_comes_back(ops: Ops, register: Register, server: Server) -> None:
    # A type and its array have neighbouring OIDs, and transactions neighbouring numbers: where a hash mixes the two
    # into each other, the rows change places and their sum stays.
    database, owner = register().database, ops.settings.owner_role
    with server.connect(database) as tenant:
        seen = {catalogs.glance(tenant, owner=owner).marker}
        tenant.execute("RESET ROLE")
        for n in range(6):
            tenant.execute(f"CREATE TYPE t{n} AS ENUM ('a')".encode())
            seen.add(catalogs.glance(tenant, owner=owner).marker)
            tenant.execute("RESET ROLE")
            for role in (owner, "CURRENT_USER") * 2:
                tenant.execute(f"ALTER TYPE t{n} OWNER TO {role}".encode())
                seen.add(catalogs.glance(tenant, owner=owner).marker)
                tenant.execute("RESET ROLE")
    assert len(seen) == 1 + 6 * 5


@pytest.mark.parametrize(
    "setting",
    ["quote_all_identifiers = on", "timezone = 'Asia/Tokyo'", "datestyle = 'German'", "bytea_output = escape"],
)
def test_how_a_database_is_set_is_no_drift(
    ops: Ops, register: Register, maintenance: psycopg.Connection, setting: str
) -> None:
    company = register()
    maintenance.execute(f"ALTER DATABASE {company.database} SET {setting}".encode())
    assert ops.drift(full=True)[0].differences == []


def test_a_state_with_a_live_revision_has_a_reference(ops: Ops, settings: Settings, register: Register) -> None:
    register()
    own_revision(settings, "o1", None, "op.get_bind().exec_driver_sql('CREATE TABLE t (id int)')")
    (path,) = settings.own_tenant_migrations.glob("*.py")
    path.write_text(path.read_text() + "\nlive = True\n")
    ops.forget_revisions()
    assert ops.migrate_tenant().ok
    (found,) = ops.drift()
    assert (found.error, found.differences) == ("", [])


def test_a_reference_that_cannot_be_built_is_told_for_each_and_tried_once(
    ops: Ops, settings: Settings, register: Register, maintenance: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        register(f"Company {n}")
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (id int)')")
    ops.forget_revisions()
    assert ops.migrate_tenant().ok
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (id int); SELECT 1 / 0')")
    ops.forget_revisions()
    made: list[str] = []
    create = databases.create

    def counted(connection: psycopg.Connection, name: str, **options: str | None) -> None:
        made.append(name)
        create(connection, name, **options)  # type: ignore[arg-type]  # passed on as they come

    monkeypatch.setattr(databases, "create", counted)
    assert ["division by zero" in one.error for one in ops.drift()] == [True] * 4
    assert len(made) == 1
    assert databases.names(maintenance, f"{PREFIX}scratch_") == []


@pytest.mark.parametrize(("change", "expected"), [one for one in CHANGES if one[1]])
def test_a_change_by_hand_is_named(
    ops: Ops, register: Register, server: Server, change: str, expected: set[tuple[str, str, str]]
) -> None:
    company = register()
    other = register("Untouched")
    assert [one.clean for one in ops.drift()] == [True, True]
    with server.connect(company.database) as tenant:
        tenant.execute(change.encode())
    found = {one.company_id: one for one in ops.drift()}
    assert {(one.change, one.kind, one.name) for one in found[company.id].differences} == expected
    assert found[other.id].clean


def test_each_is_compared_with_its_own_revision(
    ops: Ops, settings: Settings, register: Register, server: Server
) -> None:
    first, second = register("First"), register("Second")
    own_revision(
        settings, "o1", None, "op.add_column('people', sa.Column('x', sa.Text()))", "op.drop_column('people', 'x')"
    )
    ops.forget_revisions()
    ops.migrate_tenant([first.id])
    found = ops.drift()
    assert [(one.heads, one.clean) for one in found] == [(("o1",), True), ((core_head(),), True)]
    ops.rollback_tenant([first.id])
    assert all(one.clean for one in ops.drift())
    with server.connect(second.database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN x text")
    assert [one.clean for one in ops.drift([second.id])] == [False]


def test_an_invalid_index_is_drift(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    with server.connect(company.database) as tenant:
        tenant.execute("INSERT INTO people (name, surname) VALUES ('a', 'b'), ('a', 'b')")
        with pytest.raises(Exception, match="could not create unique index"):
            tenant.execute("CREATE UNIQUE INDEX CONCURRENTLY twice ON people (name)")
    (found,) = ops.drift()
    assert "(invalid)" in found.differences[0].found


def test_who_cannot_be_compared_is_told_and_no_scratch_is_left(
    ops: Ops, register: Register, maintenance: psycopg.Connection
) -> None:
    gone, newer = register("Gone"), register("Newer")
    databases.drop(maintenance, gone.database)
    with ops._installation.server.connect(newer.database) as tenant:
        tenant.execute("UPDATE alembic_version SET version_num = 'future'")
    found = ops.drift()
    assert "does not exist" in found[0].error
    assert "future" in found[1].error
    assert databases.names(maintenance, f"{PREFIX}scratch_") == []


def test_the_state_of_the_fleet_in_one_look(
    ops: Ops, settings: Settings, register: Register, server: Server, maintenance: psycopg.Connection
) -> None:
    companies = [register(f"Company {n}") for n in range(4)]
    own_revision(settings, "o1", None, "op.add_column('people', sa.Column('x', sa.Text()))")
    ops.forget_revisions()
    ops.migrate_tenant([companies[0].id])
    with server.connect(companies[1].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN x text")
    ops.migrate_tenant([companies[1].id])
    databases.drop(maintenance, companies[3].database)
    with server.connect(companies[2].database) as other, locks.try_lock(other, LOCK):
        found = ops.status()
    assert found.revisions == [
        Spread(heads=(core_head(),), companies=2, newest=False),
        Spread(heads=("o1",), companies=1, newest=True),
    ]
    assert [state.state for state in found.states] == ["current", "behind", "behind", "no database"]
    assert (found.busy, found.failed_last) == (["Company 2"], ["Company 1"])
    assert (found.drifted, found.drift_checked_at, found.ok) == ([], None, False)


def test_the_state_of_the_fleet_remembers_who_drifted(
    ops: Ops, register: Register, server: Server, maintenance: psycopg.Connection
) -> None:
    companies = [register(f"Company {n}") for n in range(3)]
    with server.connect(companies[1].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN x text")
    assert ops.status().drifted == []
    assert ops.status(verify=True).drifted == ["Company 1"]
    with server.connect(companies[1].database) as tenant:
        tenant.execute("ALTER TABLE people DROP COLUMN x")
    before = ops.status()
    assert (before.drifted, before.ok) == (["Company 1"], False)
    assert before.drift_checked_at is not None
    ops.drift()
    after = ops.status()
    assert (after.drifted, after.ok) == ([], True)
    assert after.drift_checked_at is not None
    assert after.drift_checked_at > before.drift_checked_at
    # Who lets nobody in is told without knocking.
    shut = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(companies[2].database))
    maintenance.execute(shut)
    assert [one.state for one in ops.status().states] == ["current", "current", "unreachable"]


def test_the_state_of_the_fleet_shows_the_run_under_way(ops: Ops, settings: Settings, register: Register) -> None:
    for n in range(3):
        register(f"Company {n}")
    own_revision(settings, "o1", None, "op.add_column('people', sa.Column('x', sa.Text()))")
    ops.forget_revisions()
    seen: list[tuple[str, int]] = []

    def look(_: object) -> None:
        with Ops(settings) as other:
            seen.extend((run.state, sum(run.counts.values())) for run in other.status().running)

    ops.migrate_tenant(hooks=Hooks(on_start=look))
    assert seen == [("running", 3)]
    assert ops.status().running == []


def test_a_scratch_database_of_a_killed_process_is_swept(ops: Ops, maintenance: psycopg.Connection) -> None:
    databases.create(maintenance, f"{PREFIX}scratch_left")
    ops.reconcile()
    assert databases.names(maintenance, f"{PREFIX}scratch_") == []


def test_what_has_not_changed_is_not_compared_again(
    ops: Ops, register: Register, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    companies = [register(f"Company {n}") for n in range(3)]
    compared: list[str] = []
    read = catalogs.read_catalog

    def counted(connection: psycopg.Connection) -> catalogs.Catalog:
        compared.append(connection.info.dbname)
        return read(connection)

    ops.drift()
    monkeypatch.setattr(catalogs, "read_catalog", counted)
    with server.connect(companies[1].database) as tenant:
        tenant.execute("INSERT INTO people (name, surname) SELECT 'a', 'b' FROM generate_series(1, 1000)")
        tenant.execute("VACUUM ANALYZE people")
    assert all(one.clean for one in ops.drift())
    assert compared == []
    with server.connect(companies[1].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN x int")
    for _ in range(2):
        assert [[found.name for found in one.differences] for one in ops.drift()] == [[], ["people.x"], []]
    assert compared == [companies[1].database]
    # Gone and back again is no change, and it is looked at.
    with server.connect(companies[1].database) as tenant:
        tenant.execute("ALTER TABLE people DROP COLUMN x")
    assert all(one.clean for one in ops.drift())
    assert len(compared) == 2
    assert all(one.clean for one in ops.drift(full=True))
    assert len(compared) == 5


def test_a_reference_is_built_once_for_all_processes(
    ops: Ops, settings: Settings, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    register("First")
    ops.drift()
    register("Second")
    with Ops(settings) as other, monkeypatch.context() as patch:
        patch.setattr(databases, "create", None)  # no scratch database
        assert all(one.clean for one in other.drift())


def test_a_database_that_nobody_wrote_to_is_not_opened(
    ops: Ops, register: Register, server: Server, maintenance: psycopg.Connection
) -> None:
    quiet, busy = (register(name).database for name in ("Quiet", "Busy"))

    def checked(*, write: str = "", full: bool = False) -> list[int]:
        """Check after somebody came, wrote and went; how often each database was opened for it."""
        if write:
            with server.connect(busy) as tenant:
                tenant.execute(write.encode())
        before = sessions(maintenance, quiet, busy)
        assert [one.error for one in ops.drift(full=full)] == ["", ""]
        after = sessions(maintenance, quiet, busy)
        return [now - then for now, then in zip(after, before, strict=True)]

    checked()
    assert checked() == [0, 0]
    assert checked(write="INSERT INTO people (name, surname) VALUES ('a', 'b')") == [0, 1]
    assert checked() == [0, 0]
    assert checked(write="SELECT count(*) FROM people") == [0, 0]
    assert checked(write="SELECT pg_stat_reset()") == [0, 1]
    assert checked(write="ALTER TABLE people ADD COLUMN x int") == [0, 1]
    # Who drifted is told so without being opened, too.
    assert checked() == [0, 0]
    assert [one.clean for one in ops.drift()] == [True, False]
    assert checked(full=True) == [1, 1]
    assert checked(write="UPDATE alembic_version SET version_num = '14cf4be5ccf5'") == [0, 1]
    assert ops.drift()[1].heads == ("14cf4be5ccf5",)


def test_a_change_is_seen_while_its_session_is_there_and_as_soon_as_it_is_gone(
    ops: Ops, register: Register, server: Server
) -> None:
    register()
    (company,) = ops.list_companies()
    for n in range(5):
        assert len(ops.drift()[0].differences) == 2 * n
        with server.connect(company.database) as tenant:
            tenant.execute(f"ALTER TABLE people ADD COLUMN a{n} int".encode())
            assert len(ops.drift()[0].differences) == 2 * n + 1
            tenant.execute(f"ALTER TABLE people ADD COLUMN b{n} int".encode())


def sessions(maintenance: psycopg.Connection, *names: str) -> list[int]:
    """How many sessions these databases have had, once all of them are over."""
    query = """
        SELECT numbackends, sessions
        FROM pg_stat_database JOIN unnest(%s::text[]) WITH ORDINALITY AS asked (name, place) ON datname = name
        ORDER BY place
    """
    while True:
        rows = maintenance.execute(query, [list(names)]).fetchall()
        if not any(there for there, _ in rows):
            return [total for _, total in rows]
