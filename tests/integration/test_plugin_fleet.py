"""Sixty companies with random sets of plugins: released to, killed, rolled back, repaired, and nobody touched in vain.

Each test finds the fleet even and leaves it so.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator, Mapping

import psycopg
import pytest

from mpm_ops import Company, FleetReport, Policy, Status
from mpm_ops.errors import MigrationError
from mpm_ops.postgres.server import Server
from tests.integration.plugin_fleet import ACME, CALIN, PREAMBLE, SPARK, Fingerprint, World, random_set, world
from tests.integration.test_fleet import held
from tests.integration.test_fleet_broken_off import wait_until, waiting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NUMBER = 60
SEED = 60
FAST = Policy(workers=4, attempts=2, backoff=0.01, lock_timeout=1_000)
#: A row that the release's check on Calin's transactions refuses.
BAD = 500_000


@pytest.fixture(scope="module")
def sixty(server: Server, dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    dice = random.Random(SEED)
    with world(server, dsn, tmp_path_factory.mktemp("sixty"), tag="w") as made:
        names = sorted(path.name for path in (made.tree / "plugins").iterdir() if path.is_dir())
        assert len(names) == 30
        for number in range(NUMBER):
            made.register(number, random_set(dice, names))
        yield made


@pytest.fixture
def fleet(sixty: World) -> World:
    """The fleet, with everybody at what is newest for them, and nobody's database another than its revision makes."""
    even(sixty)
    return sixty


def even(fleet: World) -> None:
    assert {one.state for one in fleet.ops.tenant_states(verify=True)} == {"current"}
    assert [one for one in fleet.ops.drift() if not one.clean] == []
    assert fleet.ops.audit() == []


def having(fleet: World, *plugins: str) -> list[Company]:
    return [one for one in fleet.companies if fleet.sets[one.id] >= {*plugins}]


def release(fleet: World) -> dict[str, str]:
    """Publish a revision of the core, of two plugins, and of a third that builds on both; return the ids by branch."""
    number = len(fleet.new("core")) + 1
    core = fleet.publish(
        "core", f"op.add_column('people', sa.Column('r{number}', sa.Text()))", f"op.drop_column('people', 'r{number}')"
    )
    spark = fleet.publish(
        SPARK,
        f"op.create_table('sm_r{number}', sa.Column('id', sa.BigInteger(), primary_key=True))",
        f"op.drop_table('sm_r{number}')",
        depends=[core],
    )
    calin = fleet.publish(
        CALIN,
        f"op.execute('ALTER TABLE calin_transactions ADD CONSTRAINT r{number} CHECK (id < {BAD})')",
        f"op.execute('ALTER TABLE calin_transactions DROP CONSTRAINT r{number}')",
    )
    acme = fleet.publish(
        ACME,
        f"op.add_column('acme_heat_pumps', sa.Column('r{number}', sa.Text()))",
        f"op.drop_column('acme_heat_pumps', 'r{number}')",
        depends=[spark, calin],
    )
    return {"core": core, SPARK: spark, CALIN: calin, ACME: acme}


def due(fleet: World, company: Company, released: dict[str, str]) -> list[str]:
    """The revisions of a release that a company is to get, in their order."""
    return [one for branch, one in released.items() if branch == "core" or branch in fleet.sets[company.id]]


def applied(fleet: World, heads: tuple[str, ...], released: dict[str, str]) -> list[str]:
    """The revisions of a release that a database at these heads has."""
    return [one.id for one in fleet.ops._installation.tenant_tree.applied(heads) if one.id in released.values()]


def by_status(report: FleetReport) -> dict[Status, set[int]]:
    found: dict[Status, set[int]] = {}
    for one in report.outcomes:
        found.setdefault(one.status, set()).add(one.company_id)
    return found


def spoil(fleet: World) -> list[Company]:
    """Give three companies with Calin's plugin, one of them with Acme's too, a row that the next release refuses."""
    both = having(fleet, ACME)
    bad = [both[0], *[one for one in having(fleet, CALIN) if one not in both][:2]]
    assert len(bad) == 3
    for company in bad:
        fleet.do(company, f"INSERT INTO calin_transactions (id) VALUES ({BAD + company.id})")
    return bad


def mend(fleet: World) -> None:
    for company in having(fleet, CALIN):
        fleet.do(company, f"DELETE FROM calin_transactions WHERE id >= {BAD}")


def test_the_fleet_is_as_different_as_it_is_to_be(fleet: World) -> None:
    assert len({frozenset(its) for its in fleet.sets.values()}) > 40
    assert len(set().union(*fleet.sets.values())) == 31
    assert all(len(having(fleet, plugin)) >= 6 for plugin in (SPARK, CALIN, ACME))
    for company in fleet.companies:
        has = {one.name for one in fleet.ops.company_plugins(company.id) if one.tables}
        assert has == fleet.sets[company.id]


def test_a_release_reaches_all_but_the_bad_ones_is_undone_to_the_row_and_comes_again(fleet: World) -> None:
    bad = {one.id for one in spoil(fleet)}
    before = fleet.fingerprints()
    released = release(fleet)
    pending = {one.company_id: list(one.pending) for one in fleet.ops.tenant_states()}
    assert pending == {one.id: due(fleet, one, released) for one in fleet.companies}

    report = fleet.ops.migrate_tenant(policy=FAST)
    good = {one.id for one in fleet.companies} - bad
    assert by_status(report) == {Status.DONE: good, Status.FAILED: bad}
    for one, company in zip(report.outcomes, fleet.companies, strict=True):
        its = due(fleet, company, released)
        assert one.before == before[company.id].heads
        reached = its if company.id in good else its[: its.index(released[CALIN])]
        assert applied(fleet, one.after, released) == reached
        assert fleet.ops.history(company.id)[0].revision == reached[-1]
        if company.id in bad:
            assert one.failure is not None
            assert (one.failure.revision, one.failure.sqlstate, one.attempts) == (released[CALIN], "23514", 1)
            assert "ADD CONSTRAINT" in one.failure.statement
    after = fleet.fingerprints()
    assert {one.company_id: one.after for one in report.outcomes} == {one: its.heads for one, its in after.items()}
    assert all(its.heads == its.stamp for its in after.values())
    assert [one for one in fleet.ops.drift() if not one.clean] == []

    undone = fleet.ops.rollback_run(report.run_id or 0, policy=FAST)
    assert by_status(undone) == {Status.DONE: good | bad}
    assert fleet.fingerprints() == before

    again = fleet.ops.migrate_tenant(policy=FAST)
    assert by_status(again) == {Status.DONE: good, Status.FAILED: bad}
    mend(fleet)
    rest = fleet.ops.resume_run(again.run_id or 0, policy=FAST)
    assert by_status(rest) == {Status.DONE: bad}
    assert fleet.ops.migrate_tenant().counts[Status.SKIPPED] == NUMBER
    even(fleet)


SCRIPT = f"""{PREAMBLE}
with mpm_ops.connect() as ops:
    ops.migrate_tenant(policy=mpm_ops.Policy(workers=2, lock_timeout=0))
"""


def test_a_run_killed_in_the_middle_is_resumed_and_undone(fleet: World) -> None:
    before = fleet.fingerprints()
    released = release(fleet)
    held_up = having(fleet, SPARK)[len(having(fleet, SPARK)) // 2]
    with fleet.server.connect("postgres") as maintenance, held(fleet.server, held_up, "LOCK TABLE people"):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(fleet.tree)], env=fleet.environment())
        try:
            wait_until(lambda: waiting(maintenance, held_up) and moved(maintenance, fleet, before) >= 10)
        finally:
            process.kill()
            process.wait()
        wait_until(lambda: fleet.ops.runs()[0].state == "abandoned")
        end_waiters(maintenance, held_up)
    killed = fleet.ops.runs()[0].id
    resumed = fleet.ops.resume_run(killed, policy=FAST)
    assert resumed.ok
    account = fleet.ops.run(killed)
    assert account.ended == "interrupted"
    assert len(account.outcomes) == NUMBER
    took = {one.company_id for one in account.outcomes if one.status is Status.DONE}
    assert len(took) >= 10
    assert took | {one.company_id for one in resumed.outcomes} == {one.id for one in fleet.companies}
    even(fleet)
    for company in fleet.companies:
        its = due(fleet, company, released)
        assert [one.revision for one in fleet.ops.history(company.id)[: len(its)]] == its[::-1]
    # Both runs together did what one would have: undone one after the other, nothing of it is left.
    for run_id in (resumed.run_id or 0, killed):
        assert fleet.ops.rollback_run(run_id, policy=FAST).ok
    assert fleet.fingerprints() == before
    assert fleet.ops.migrate_tenant(policy=FAST).counts[Status.DONE] == NUMBER
    even(fleet)


def moved(maintenance: psycopg.Connection, fleet: World, before: Mapping[int, Fingerprint]) -> int:
    """How many companies a run has moved, by their stamps."""
    now = {one.company_id: one.heads for one in fleet.ops.tenant_states()}
    return sum(now[one] != its.heads for one, its in before.items())


def end_waiters(maintenance: psycopg.Connection, company: Company) -> None:
    """End what a killed process left waiting, as the server itself does once it looks."""
    waiters = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    for (pid,) in maintenance.execute(waiters, [company.database]).fetchall():
        maintenance.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_what_somebody_changed_by_hand_is_found_there_and_nowhere_else(fleet: World) -> None:
    before = fleet.fingerprints()
    spark, calin, acme = (having(fleet, plugin)[-1] for plugin in (SPARK, CALIN, ACME))
    plain = next(one for one in fleet.companies if one not in (spark, calin, acme))
    changes = [
        (plain, "people", "ALTER TABLE people ADD COLUMN hand int", "ALTER TABLE people DROP COLUMN hand"),
        (plain, "my_own", "CREATE TABLE my_own (id int)", "DROP TABLE my_own"),
        (
            spark,
            "sm_sites",
            "ALTER TABLE sm_sites ADD CONSTRAINT hand CHECK (id > 0)",
            "ALTER TABLE sm_sites DROP CONSTRAINT hand",
        ),
        (calin, "hand", "CREATE INDEX hand ON calin_transactions (created_at)", "DROP INDEX hand"),
        (
            acme,
            "acme_settings",
            "ALTER TABLE acme_settings ALTER every DROP NOT NULL",
            "ALTER TABLE acme_settings ALTER every SET NOT NULL",
        ),
    ]
    for company, _, change, _ in changes:
        fleet.do(company, change)
    found = {one.company_id: one for one in fleet.ops.drift() if not one.clean}
    assert found.keys() == {company.id for company, *_ in changes}
    for company, name, _, _ in changes:
        assert any(name in one.name for one in found[company.id].differences), (name, found[company.id])
    for company, _, _, repair in changes:
        fleet.do(company, repair)
    even(fleet)
    assert fleet.fingerprints() == before


@pytest.mark.parametrize("plugin", ["WaveMoneyPayment", "Ecreee E-Tender", ACME])
def test_installing_on_one_changes_no_other(fleet: World, plugin: str) -> None:
    needs = {SPARK, CALIN} if plugin == ACME else set[str]()
    company = next(one for one in having(fleet, *needs) if plugin not in fleet.sets[one.id])
    others = [one for one in fleet.companies if one != company]
    mine, theirs, central = fleet.fingerprint(company), fleet.fingerprints(others), fleet.central()
    assert fleet.ops.install_plugin(company.id, plugin).ok
    now = fleet.central()
    assert {name for name in now if now[name] != central[name]} == {"ops.runs", "ops.outcomes"}
    assert fleet.fingerprints(others) == theirs
    got = fleet.fingerprint(company)
    assert {name for name in mine.rows if got.rows[name] != mine.rows[name]} == {
        "public.plugins",
        "public.registration_tail",
        *(["public.manufacturers"] if got.rows["public.manufacturers"] != mine.rows["public.manufacturers"] else []),
    }
    assert fleet.ops.disable_plugin(company.id, plugin).ok
    assert fleet.ops.uninstall_plugin(company.id, plugin, drop_data=True).ok
    assert fleet.fingerprints(others) == theirs
    assert fleet.fingerprint(company).catalog == mine.catalog
    fleet.ops.drop_snapshots(days=0)
    even(fleet)


def test_what_another_plugin_stands_on_is_not_uninstalled_under_it(fleet: World) -> None:
    company = having(fleet, ACME)[0]
    before = fleet.fingerprint(company)
    with pytest.raises(MigrationError, match="stand on what is to be undone"):
        fleet.ops.uninstall_plugin(company.id, SPARK, drop_data=True)
    assert fleet.fingerprint(company) == before
    assert fleet.ops.snapshots() == []
