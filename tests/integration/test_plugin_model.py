"""A small fleet, plugins and releases in any order, against a model of sets: after each step both say the same.

`MPM_OPS_HYPOTHESIS=deep pytest tests/integration/test_plugin_model.py --timeout 0` looks for longer, and elsewhere
each time.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from mpm_ops import Company, FleetReport, Status
from mpm_ops.errors import UsageError
from mpm_ops.postgres.server import Server
from tests.conftest import DEEP
from tests.integration.plugin_fleet import ACME, CALIN, SPARK, World, world
from tests.integration.test_plugins import ask, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NUMBER = 3
STEPS = 200 if DEEP else 60
PLAYS = 20 if DEEP else 3
BRANCHES = ("core", SPARK, CALIN, ACME)
PLUGINS = BRANCHES[1:]
#: Of the plugins, a table that shows whether a company has it.
TABLES = {SPARK: "sm_sites", CALIN: "calin_transactions", ACME: "acme_settings"}


@dataclass
class Modelled:
    """What a company is to be: its published revisions by branch, None where it has not the branch, and switches."""

    has: dict[str, tuple[str, ...] | None] = field(default_factory=lambda: {"core": (), **dict.fromkeys(PLUGINS)})
    on: dict[str, bool] = field(default_factory=dict)

    def state(self) -> dict[str, tuple[str, ...] | None]:
        return dict(self.has)


@dataclass
class Moved:
    """What one run did to one company."""

    before: dict[str, tuple[str, ...] | None]
    after: dict[str, tuple[str, ...] | None]


@dataclass
class Model:
    """What the operations do to the fleet, and how each comes out."""

    published: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(BRANCHES, ()))
    fleet: dict[int, Modelled] = field(default_factory=dict)
    runs: dict[int, dict[int, Moved]] = field(default_factory=dict)

    def migrate(self, one: Modelled) -> Status:
        before = one.state()
        one.has = {name: None if has is None else self.published[name] for name, has in before.items()}
        return Status.SKIPPED if one.has == before else Status.DONE

    def install(self, one: Modelled, plugin: str) -> Status:
        if one.on.get(plugin) and one.has[plugin] == self.published[plugin]:
            return Status.SKIPPED
        one.has[plugin] = self.published[plugin]
        one.on[plugin] = True
        return Status.DONE

    def uninstall(self, one: Modelled, plugin: str) -> Status:
        if plugin not in one.on:
            return Status.SKIPPED
        one.has[plugin] = None
        del one.on[plugin]
        return Status.DONE

    def switch(self, one: Modelled, plugin: str, *, on: bool) -> Status:
        if one.on[plugin] is on:
            return Status.SKIPPED
        one.on[plugin] = on
        return Status.DONE

    def roll_back(self, one: Modelled, moved: Moved | None) -> Status:
        """Undo what a run applied, as far as it is there: the plugins may have come, gone, and gone on since."""
        if moved is None or moved.before == moved.after or one.has == moved.before:
            return Status.SKIPPED
        new = {name: after[len(moved.before[name] or ()) :] for name, after in moved.after.items() if after}
        there = {name: [each for each in ids if each in (one.has[name] or ())] for name, ids in new.items()}
        if not any(there.values()):
            return Status.SKIPPED
        if one.has["core"] != moved.after["core"]:
            return Status.FAILED
        if any(ids and (one.has[name] or ())[-len(ids) :] != tuple(ids) for name, ids in there.items()):
            return Status.FAILED  # another revision stands on it
        for name, ids in there.items():
            if ids:
                one.has[name] = (one.has[name] or ())[: -len(ids)]
        return Status.DONE


@dataclass
class Play:
    """The fleet and its model, and what is done to both."""

    world: World
    model: Model
    dice: random.Random

    def company(self) -> Company:
        return self.dice.choice(self.world.companies)

    def some(self) -> list[Company]:
        return self.dice.sample(self.world.companies, self.dice.choice([1, 2, NUMBER, NUMBER]))

    def step(self) -> str:
        """Do something; tell what. See that it came out as the model says."""
        what = self.dice.choice(["install", "uninstall", "publish", "migrate", "roll back"] * 2 + ["install", "switch"])
        if what == "publish":
            return self.publish()
        if what == "migrate":
            return self.migrate()
        if what == "roll back":
            return self.roll_back()
        company, plugin = self.company(), self.dice.choice(PLUGINS)
        one = self.model.fleet[company.id]
        if what == "install":
            came = self.world.ops.install_plugin(company.id, plugin)
            return self.told(f"install {plugin}", came, {company.id: self.model.install(one, plugin)})
        if what == "uninstall":
            came = self.world.ops.uninstall_plugin(company.id, plugin, drop_data=True)
            return self.told(f"uninstall {plugin}", came, {company.id: self.model.uninstall(one, plugin)})
        return self.switch(company, one, plugin, on=self.dice.random() < 0.5)

    def switch(self, company: Company, one: Modelled, plugin: str, *, on: bool) -> str:
        verb = self.world.ops.enable_plugin if on else self.world.ops.disable_plugin
        if plugin not in one.on:
            with pytest.raises(UsageError):
                verb(company.id, plugin)
            return f"switch {plugin}, which {company} has not"
        return self.told(
            f"switch {plugin} {on}", verb(company.id, plugin), {company.id: self.model.switch(one, plugin, on=on)}
        )

    def publish(self) -> str:
        branch = self.dice.choice(BRANCHES)
        table = f"t_{sum(map(len, self.model.published.values()))}_{secrets.token_hex(3)}"
        made = self.world.publish(
            branch, f"op.create_table('{table}', sa.Column('id', sa.Integer()))", f"op.drop_table('{table}')"
        )
        self.model.published[branch] += (made,)
        return f"publish {made} on {branch}"

    def migrate(self) -> str:
        chosen = self.some()
        report = self.world.ops.migrate_tenant([one.id for one in chosen])
        moved, expected = {}, {}
        for company in chosen:
            one = self.model.fleet[company.id]
            before = one.state()
            expected[company.id] = self.model.migrate(one)
            moved[company.id] = Moved(before, one.state())
        self.model.runs[report.run_id or 0] = moved
        return self.told("migrate", report, expected)

    def roll_back(self) -> str:
        if not self.model.runs:
            return "nothing to roll back"
        run = self.dice.choice(list(self.model.runs)[-3:])
        report = self.world.ops.rollback_run(run)
        moved = self.model.runs[run]
        expected = {one: self.model.roll_back(self.model.fleet[one], moved.get(one)) for one in moved}
        return self.told(f"roll back run {run}", report, expected)

    def told(self, what: str, report: FleetReport, expected: Mapping[int, Status]) -> str:
        came = {one.company_id: one.status for one in report.outcomes}
        assert came == expected, (what, report.outcomes)
        return f"{what}: {', '.join(f'{one} {status}' for one, status in came.items())}"

    def same(self) -> None:
        """The databases are what the model says: revisions, stamps, tables, rows."""
        tree = self.world.ops._installation.tenant_tree
        verified = {one.company_id: one for one in self.world.ops.tenant_states(verify=True)}
        ids = {one.name: one.id for one in self.world.ops.list_plugins()}
        for company in self.world.companies:
            one, state = self.model.fleet[company.id], verified[company.id]
            expected = {each for its in one.has.values() for each in its or ()}
            published = {each for its in self.model.published.values() for each in its}
            assert {each.id for each in tree.applied(state.heads or ())} & published == expected, company
            current = all(its is None or its == self.model.published[name] for name, its in one.has.items())
            assert state.state == ("current" if current else "behind"), company
            tables = {name for (name,) in ask(self.world.server, company, "SELECT relname::text FROM pg_class")}
            assert {name for name, table in TABLES.items() if table in tables} == {
                name for name in PLUGINS if one.has[name] is not None
            }
            switches = sorted((ids[name], int(on)) for name, on in one.on.items())
            assert rows(self.world.server, company)[0] == switches, company


@pytest.fixture(scope="module")
def small(server: Server, dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(server, dsn, tmp_path_factory.mktemp("small"), tag="s") as made:
        for number in range(NUMBER):
            made.register(number, set())
        yield made


def begun(small: World) -> Model:
    """Bring everybody to what is newest, without plugins, whatever was done to them."""
    assert small.ops.migrate_tenant().ok
    for company in small.companies:
        for plugin in PLUGINS:
            assert small.ops.uninstall_plugin(company.id, plugin, drop_data=True).ok
    published = {name: tuple(small.new(name)) for name in BRANCHES}
    fleet = {one.id: Modelled(has={"core": published["core"], **dict.fromkeys(PLUGINS)}) for one in small.companies}
    return Model(published=published, fleet=fleet)


@pytest.mark.parametrize("number", range(PLAYS))
def test_any_order_of_operations_leaves_what_the_model_says(small: World, number: int) -> None:
    seed = secrets.randbelow(1 << 30) if DEEP else number
    print(f"seed {seed}")  # noqa: T201 shown when it fails
    play = Play(small, begun(small), random.Random(seed))
    for _ in range(STEPS):
        print(play.step())  # noqa: T201 as above
        play.same()
    small.ops.drop_snapshots(days=0)
    assert small.ops.audit() == []
    assert [one for one in small.ops.drift() if not one.clean] == []
    assert small.ops.migrate_tenant().ok


def test_what_a_run_brought_to_a_plugin_that_is_gone_since_is_not_there_to_be_undone(small: World) -> None:
    begun(small)
    company = small.companies[0]
    small.ops.install_plugin(company.id, SPARK)
    small.publish(SPARK, "op.create_table('gone', sa.Column('id', sa.Integer()))", "op.drop_table('gone')")
    run = small.ops.migrate_tenant([company.id]).run_id or 0
    small.ops.uninstall_plugin(company.id, SPARK, drop_data=True)
    (told,) = small.ops.rollback_run(run).outcomes
    assert (told.status, told.reason) == (Status.SKIPPED, f"nothing that run {run} applied is there any more")
    small.ops.drop_snapshots(days=0)
