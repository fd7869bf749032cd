"""Fleet migrations: one plan, many databases, an outcome for each, and never a wrong stamp."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from mpm_ops import Company, Ops, Policy, Settings, Status
from mpm_ops.companies.template import ensure_template
from mpm_ops.errors import Busy, RevisionError, StateChanged
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import LOCK, apply, read_heads
from tests.conftest import PREFIX
from tests.unit.test_trees import write

Register = Callable[..., Company]

COLUMNS = """
    SELECT md5(string_agg(concat(table_name, column_name, data_type), ',' ORDER BY table_name, ordinal_position))
    FROM information_schema.columns WHERE table_schema = 'public'
"""


def own_revision(settings: Settings, name: str, down: str | None, up: str, down_sql: str = "pass") -> None:
    labels, depends = (("own",), "core") if down is None else (None, None)
    path = write(settings.own_tenant_migrations, name, down, up=up, down_sql=down_sql, labels=labels)
    if depends:
        path.write_text(path.read_text().replace("depends_on = None", f"depends_on = {core_head()!r}"))


def core_head() -> str:
    from mpm_ops.schema.trees import Tree
    from mpm_ops.shipped import shipped

    return Tree(shipped("tenant_migrations"), own=Path("/nonexistent")).heads()[0]


def truth(server: Server, company: Company) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """What alembic_version and the stamp say."""
    with server.connect(company.database) as tenant:
        heads = read_heads(tenant)
        return heads, databases.stamps(tenant, company.database)[company.database]


def test_nothing_to_do_opens_no_company_database(ops: Ops, register: Register, maintenance: psycopg.Connection) -> None:
    company = register()
    # A connection to it would fail.
    maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(company.database)))
    report = ops.migrate_tenant()
    assert [(outcome.status, outcome.reason) for outcome in report.outcomes] == [(Status.SKIPPED, "nothing to migrate")]
    assert report.ok


def test_no_companies_is_fine(ops: Ops) -> None:
    report = ops.migrate_tenant()
    assert report.ok
    assert str(report) == "migrate-tenant: no companies"


def test_a_new_revision_reaches_every_company_and_is_rolled_back(
    ops: Ops, settings: Settings, register: Register, server: Server
) -> None:
    companies = [register(f"Company {n}") for n in range(3)]
    own_revision(
        settings, "o1", None, "op.add_column('meters', sa.Column('x', sa.Text()))", "op.drop_column('meters', 'x')"
    )
    ops.forget_revisions()
    assert [state.state for state in ops.tenant_states()] == ["behind"] * 3
    report = ops.migrate_tenant()
    assert [outcome.status for outcome in report.outcomes] == [Status.DONE] * 3
    for company in companies:
        assert truth(server, company) == (("o1",), ("o1",))
    assert ops.company(1).read_sql("SELECT count(x) FROM meters").iloc[0, 0] == 0
    undone = ops.rollback_tenant()
    assert [outcome.after for outcome in undone.outcomes] == [(core_head(),)] * 3
    assert truth(server, companies[0]) == ((core_head(),), (core_head(),))
    again = ops.rollback_tenant()
    assert {outcome.status for outcome in again.outcomes} == {Status.SKIPPED}


def test_a_new_table_is_open_to_the_application_and_closed_to_readers(
    ops: Ops, settings: Settings, register: Register
) -> None:
    company = register(admin_email="ada@example.com")
    own_revision(
        settings,
        "o1",
        None,
        "op.create_table('notes', sa.Column('id', sa.BigInteger(), sa.Identity(), primary_key=True))",
    )
    ops.forget_revisions()
    assert ops.migrate_tenant().ok
    with ops.login("ada@example.com", "correct horse", write=True) as session, session.transaction() as connection:
        connection.execute("INSERT INTO notes DEFAULT VALUES")
    assert "notes" not in set(ops.company(company.id).tables()["table"])


def test_a_broken_middle_company_stops_neither_its_neighbours_nor_the_account(
    ops: Ops, settings: Settings, register: Register, server: Server
) -> None:
    companies = [register(f"Company {n}") for n in range(3)]
    with server.connect(companies[1].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN x text")
    own_revision(settings, "o1", None, "op.add_column('people', sa.Column('w', sa.Text()))")
    own_revision(settings, "o2", "o1", "op.add_column('people', sa.Column('x', sa.Text()))")
    ops.forget_revisions()
    report = ops.migrate_tenant()
    assert [outcome.status for outcome in report.outcomes] == [Status.DONE, Status.FAILED, Status.DONE]
    failure = report.failed[0].failure
    assert failure is not None
    assert (failure.sqlstate, failure.revision) == ("42701", "o2")
    assert "ADD COLUMN x" in failure.statement
    # Exactly at the last finished revision, in both places.
    assert truth(server, companies[1]) == (("o1",), ("o1",))
    with server.connect(companies[1].database) as tenant:
        tenant.execute("ALTER TABLE people DROP COLUMN x")
    again = ops.migrate_tenant()
    assert [outcome.status for outcome in again.outcomes] == [Status.SKIPPED, Status.DONE, Status.SKIPPED]


def test_every_outcome_is_in_the_ledger(ops: Ops, settings: Settings, register: Register, server: Server) -> None:
    companies = [register(f"Company {n}") for n in range(2)]
    with server.connect("postgres") as connection:
        databases.drop(connection, companies[0].database)
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')")
    ops.forget_revisions()
    report = ops.migrate_tenant()
    with server.connect(settings.central_database) as central:
        rows = central.execute(
            "SELECT company_id, status, before, after FROM ops.outcomes WHERE run_id = %s ORDER BY 1", [report.run_id]
        ).fetchall()
        run = central.execute("SELECT action, state FROM ops.runs WHERE id = %s", [report.run_id]).fetchone()
    assert rows == [(1, "failed", [], []), (2, "done", [core_head()], ["o1"])]
    assert run == ("migrate-tenant", "finished")
    assert "does not exist" in report.failed[0].why
    assert ops.tenant_states()[0].state == "no database"


def test_a_second_runner_is_told_busy(ops: Ops, settings: Settings, register: Register, server: Server) -> None:
    company = register()
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')")
    ops.forget_revisions()
    with server.connect(company.database) as other, locks.try_lock(other, LOCK) as got:
        assert got
        report = ops.migrate_tenant()
    assert [outcome.status for outcome in report.outcomes] == [Status.BUSY]
    assert not report.failed
    assert ops.migrate_tenant().outcomes[0].status is Status.DONE


def test_a_lock_that_is_held_too_long_is_tried_again_and_reported(
    ops: Ops, settings: Settings, register: Register, server: Server
) -> None:
    company = register()
    own_revision(settings, "o1", None, "op.add_column('people', sa.Column('x', sa.Text()))")
    ops.forget_revisions()
    policy = Policy(lock_timeout=50, attempts=2, backoff=0)
    with server.connect(company.database) as other, other.transaction():
        other.execute("SELECT 1 FROM people")
        outcome = ops.migrate_tenant(policy=policy).outcomes[0]
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert (outcome.failure.sqlstate, outcome.attempts) == ("55P03", 2)
    assert ops.migrate_tenant(policy=policy).ok


def test_a_plan_is_refused_by_a_database_in_another_state(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    tree = ops._installation.tenant_tree
    (head,) = tree.heads()
    last = tree.downgrade_plan((head,), [head]).after
    with pytest.raises(StateChanged, match=f"at {head}, not at {last[0]}"):
        apply(server, company.database, tree.downgrade_plan(last, list(last)), owner=None)


def test_a_plan_goes_on_where_an_attempt_broke_off(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    tree = ops._installation.tenant_tree
    # The plan from base to the head passes where this database is: at its end.
    assert apply(server, company.database, tree.upgrade_plan(()), owner=None).steps == ()
    back = tree.downgrade_plan(tree.heads(), [revision.id for revision in tree.revisions_for(())][:-4:-1])
    apply(server, company.database, back, owner=ops.settings.owner_role)
    done = apply(server, company.database, tree.upgrade_plan(()), owner=ops.settings.owner_role)
    assert [step.revision for step in done.steps] == [revision.id for revision in tree.revisions_for(())][-3:]
    assert truth(server, company) == (tree.heads(), tree.heads())


def test_apply_is_busy_while_another_applies(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    plan = ops._installation.tenant_tree.upgrade_plan(tuple(ops.tenant_states()[0].heads or ()))
    with server.connect(company.database) as other, locks.try_lock(other, LOCK), pytest.raises(Busy):
        apply(server, company.database, plan, owner=None)


def test_a_wrong_stamp_is_seen_with_verify(ops: Ops, register: Register, maintenance: psycopg.Connection) -> None:
    company = register()
    maintenance.execute(databases.stamp(company.database, ["7c5534caebad"]))
    assert ops.tenant_states()[0].state == "behind"
    assert ops.tenant_states(verify=True)[0].state == "wrong stamp"
    report = ops.migrate_tenant(verify=True)
    assert report.outcomes[0].status is Status.SKIPPED
    assert "its stamp says 7c5534caebad" in report.notes[0]
    assert ops.tenant_states(verify=True)[0].state == "current"


def test_a_wrong_stamp_that_makes_work_is_put_right_by_it(
    ops: Ops, register: Register, maintenance: psycopg.Connection
) -> None:
    company = register()
    maintenance.execute(databases.stamp(company.database, ["7c5534caebad"]))
    report = ops.migrate_tenant()
    assert [(one.status, one.reason) for one in report.outcomes] == [
        (Status.SKIPPED, "another run has done it meanwhile")
    ]
    assert ops.tenant_states(verify=True)[0].state == "current"


def test_a_company_whose_state_cannot_be_read_costs_no_other_its_turn(
    ops: Ops, settings: Settings, register: Register, maintenance: psycopg.Connection
) -> None:
    companies = [register(f"Company {n}") for n in range(3)]
    shut = sql.Identifier(companies[1].database)
    maintenance.execute(sql.SQL("COMMENT ON DATABASE {} IS NULL").format(shut))
    maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(shut))
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')")
    ops.forget_revisions()
    assert [state.state for state in ops.tenant_states()] == ["behind", "unreachable", "behind"]
    report = ops.migrate_tenant()
    assert [outcome.status for outcome in report.outcomes] == [Status.DONE, Status.FAILED, Status.DONE]
    assert "not currently accepting connections" in report.failed[0].why


def test_a_database_without_a_stamp_is_read_and_stamped_by_the_next_run(
    ops: Ops, settings: Settings, register: Register, server: Server, maintenance: psycopg.Connection
) -> None:
    company = register()
    maintenance.execute(sql.SQL("COMMENT ON DATABASE {} IS NULL").format(sql.Identifier(company.database)))
    assert ops.tenant_states()[0].state == "current"
    own_revision(settings, "o1", None, "op.execute('CREATE TABLE t (i int)')")
    ops.forget_revisions()
    assert ops.migrate_tenant().ok
    assert truth(server, company) == (("o1",), ("o1",))


def test_a_database_of_newer_code_is_left_alone(ops: Ops, register: Register, maintenance: psycopg.Connection) -> None:
    company = register()
    maintenance.execute(databases.stamp(company.database, ["fedcba987654"]))
    assert ops.tenant_states()[0].state == "unknown revision"
    report = ops.migrate_tenant()
    assert "does not know" in report.failed[0].why


def test_a_tree_that_is_not_in_order_stops_before_the_first_company(
    ops: Ops, settings: Settings, register: Register
) -> None:
    register()
    write(settings.own_tenant_migrations, "aaa", core_head())
    write(settings.own_tenant_migrations, "bbb", core_head())
    ops.forget_revisions()
    with pytest.raises(RevisionError, match="two heads"):
        ops.migrate_tenant()


def test_concurrent_indexes_are_built_outside_a_transaction(
    ops: Ops, settings: Settings, register: Register, server: Server
) -> None:
    company = register()
    up = (
        "with op.get_context().autocommit_block():\n"
        "        op.execute('CREATE INDEX CONCURRENTLY people_note ON people (education)')"
    )
    own_revision(settings, "o1", None, up)
    ops.forget_revisions()
    assert ops.migrate_tenant().ok
    assert truth(server, company) == (("o1",), ("o1",))


@pytest.mark.parametrize("verb", ["refresh_tenant", "fresh_tenant"])
def test_refresh_and_fresh_end_as_a_new_company_and_touch_no_other(
    ops: Ops, register: Register, server: Server, verb: str
) -> None:
    one, two = register("One", admin_email="one@example.com"), register("Two", admin_email="two@example.com")
    with server.connect(one.database) as tenant:
        tenant.execute("INSERT INTO connection_groups (name) VALUES ('mine')")
    report = getattr(ops, verb)([one.id])
    assert [outcome.status for outcome in report.outcomes] == [Status.DONE]
    count = "SELECT (SELECT count(*) FROM connection_groups) AS groups, (SELECT count(*) FROM users) AS users"
    assert ops.company(one.id).read_sql(count).iloc[0].to_list() == [1, 0]
    assert ops.company(two.id).read_sql(count).iloc[0].to_list() == [1, 1]
    assert {state.state for state in ops.tenant_states(verify=True)} == {"current"}
    with server.connect("postgres") as connection:
        assert databases.names(connection, f"{PREFIX}company_") == [one.database, two.database]


def test_reset_leaves_no_table_and_migrate_brings_all_back(ops: Ops, register: Register, server: Server) -> None:
    company = register()
    assert ops.reset_tenant().ok
    assert ops.tenant_states()[0].heads == ()
    with server.connect(company.database) as tenant:
        left = tenant.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert left == [("alembic_version",)]
    assert ops.migrate_tenant().ok
    assert "meters" in set(ops.company(company.id).tables()["table"])


@pytest.mark.slow  # twenty rounds
def test_24_databases_with_8_threads_never_race(ops: Ops, settings: Settings, server: Server, dsn: str) -> None:
    """Twenty times in a row: the measured failure of Alembic in threads was a wrong schema stamped as done (D2)."""
    tree = ops._installation.tenant_tree
    with server.connect(settings.central_database) as central:
        template = ensure_template(ops._installation, central)
        names = [settings.company_database(number) for number in range(1, 25)]
        for number, name in enumerate(names, 1):
            insert_company(central, number, name)
            databases.create(central, name, owner=settings.owner_role, template=template)
            central.execute(databases.stamp(name, tree.heads()))
            for group in roles.groups(name):
                roles.ensure_group(central, group)
    policy = Policy(workers=8)
    expected = columns(server, names[0])
    for turn in range(20):
        down = ops.rollback_tenant(step=8, policy=policy)
        assert [outcome.status for outcome in down.outcomes] == [Status.DONE] * 24, f"turn {turn}: {down}"
        up = ops.migrate_tenant(policy=policy)
        assert [outcome.status for outcome in up.outcomes] == [Status.DONE] * 24, f"turn {turn}: {up}"
        assert {columns(server, name) for name in names} == {expected}
        with server.connect("postgres") as connection:
            assert set(databases.stamps(connection, f"{PREFIX}company_").values()) == {tree.heads()}


def insert_company(central: psycopg.Connection, number: int, database: str) -> None:
    central.execute(
        "INSERT INTO companies (id, name, address, phone, email, status) VALUES (%s, %s, '-', '-', %s, 'active')",
        [number, database, f"{number}@example.com"],
    )
    central.execute("INSERT INTO company_databases (company_id, database_name) VALUES (%s, %s)", [number, database])


def columns(server: Server, database: str) -> tuple[tuple[str, ...], object]:
    """The heads in alembic_version, and a hash of all columns."""
    with server.connect(database) as tenant:
        return read_heads(tenant), tenant.execute(COLUMNS).fetchone()
