"""Random fleets against a model: the ledger, the stamps and `alembic_version` always agree.

`MPM_OPS_HYPOTHESIS=deep pytest tests/integration/test_fleet_model.py --timeout 0` looks for longer, and elsewhere
each time.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import alembic.command
import psycopg
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from psycopg import sql

from mpm_ops import Company, FleetReport, Hooks, Ops, Policy, Status
from mpm_ops.central import ledger
from mpm_ops.fleet.policy import counted
from mpm_ops.fleet.stages import stages
from mpm_ops.postgres import databases, locks
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import LOCK, read_heads
from tests.conftest import DEEP
from tests.integration.fleet_model import (
    BASE,
    FOREIGN,
    KINDS,
    Expected,
    Heads,
    Model,
    Modelled,
    Place,
    Planned,
    Planner,
    Refusal,
    effects,
)
from tests.integration.test_migrations import Register, own_revision

#: Minutes of killed processes, stopped servers and copies: `make test-slow`.
pytestmark = pytest.mark.slow

SETTINGS = hypothesis_settings(
    max_examples=300 if DEEP else 10,
    stateful_step_count=30 if DEEP else 10,
    derandomize=not DEEP,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    # Finding the smallest example takes minutes.
    phases=[Phase.generate, *([Phase.shrink] if DEEP else [])],
)
NUMBER = 4
#: Seconds that the last session of an example may take to end.
PATIENCE = 20
ALL = 100
GATE = "SELECT 1 FROM people WHERE length(name) >= 20"
ROWS = {
    "long name": "INSERT INTO people (name, surname) VALUES (repeat('n', 30), 'x')",
    "twins": "INSERT INTO people (name, surname, education) VALUES ('a', 'x', 'same'), ('b', 'x', 'same')",
}
LOCKS = {"report": "SELECT count(*) FROM people", "writer": "LOCK TABLE people IN ROW EXCLUSIVE MODE"}
STAMPS = {"no stamp": None, "foreign stamp": FOREIGN, "stamp of base": BASE, "stamp 0": 0, "stamp 1": 1, "stamp 3": 3}
#: What matters most most often.
EVENTS = [*ROWS, *LOCKS] * 4 + ["clean", "calm"] * 3 + ["busy", "away", "shut", "by hand", "calm"] * 2 + [*STAMPS]
PUT_BACK = """
    DROP TABLE IF EXISTS notes;
    DROP INDEX IF EXISTS one_education;
    ALTER TABLE people DROP COLUMN IF EXISTS x, DROP CONSTRAINT IF EXISTS short;
    ALTER TABLE meters DROP COLUMN IF EXISTS y;
    ALTER TABLE countries DROP COLUMN IF EXISTS z;
    DELETE FROM people;
"""

one_company = st.integers(0, NUMBER - 1)
events = st.lists(st.tuples(one_company, st.sampled_from(EVENTS)), min_size=1, max_size=5)
companies = st.sampled_from([[0, 1, 2, 3]] * 3 + [[1], [0, 3], [1, 2, 3]])
amounts = st.sampled_from(["", "", "1", "2", "50%"])
policies = st.builds(
    # A gate stands behind a canary or a wave; without one there is none.
    lambda gate, **others: Policy(**others, gate=gate if others["canary"] or others["wave"] else ""),
    workers=st.sampled_from([4, 1]),
    attempts=st.sampled_from([2, 1]),
    backoff=st.just(0),
    lock_timeout=st.just(20),
    one_transaction=st.sampled_from([False, False, True]),
    preflight=st.sampled_from(["off", "skip", "stop"]),
    canary=amounts,
    wave=amounts,
    gate=st.sampled_from(["", GATE]),
    max_failures=amounts,
)


def would_fail(expected: Mapping[int, Expected]) -> bool:
    """Whether a preflight has found somebody."""
    return any(its.error == "PreflightFailed" for its in expected.values())


class Killed(BaseException):
    """The end of a run's process, as far as one process can play it."""


@dataclass
class World:
    """A fleet on a real server; made once, and put back before each example."""

    ops: Ops
    server: Server
    companies: Sequence[Company]
    core: Sequence[str]
    examples: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def put_back(self) -> None:
        """Bring every company to the core's head, as it was when it was new, and empty the ledger."""
        for path in self.ops.settings.own_tenant_migrations.glob("*.py"):
            path.unlink()
        self.ops.forget_revisions()
        for company in self.companies:
            with self.server.connect(company.database) as tenant, tenant.transaction():
                if read_heads(tenant):
                    tenant.execute(PUT_BACK.encode())
                    tenant.execute("UPDATE alembic_version SET version_num = %s", [self.core[-1]])
                tenant.execute(databases.stamp(company.database, read_heads(tenant)))
        assert self.ops.migrate_tenant().ok
        with self.server.connect(self.ops.settings.central_database) as central:
            central.execute("TRUNCATE ops.runs CASCADE")


class Fleet(RuleBasedStateMachine):
    """Whatever may happen to a fleet, in any order; `self.fleet` is what the model thinks of it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.ops, self.server = world, world.ops, world.server
        self.fleet: list[Modelled] = []
        #: By company: a session that holds a table, and one that plays another runner.
        self.holders: dict[int, psycopg.Connection] = {}
        self.runners: dict[int, psycopg.Connection] = {}
        #: The ids of the runs that applied revisions, and of those that were killed and are not accounted for yet.
        self.runs: list[int] = []
        self.killed: list[int] = []

    @initialize(kinds=st.permutations([name for name in KINDS if DEEP or name != "live"]))
    def begin(self, kinds: list[str]) -> None:
        self.world.put_back()
        example = next(self.world.examples)
        self.names = [f"x{example}r{nth}" for nth, _ in enumerate(kinds, 1)]
        self.kinds = [KINDS[kind] for kind in kinds]
        self.model = Model(core=self.world.core, own=(), kinds=())
        self.fleet = [Modelled(company=one, stamp=self.model.heads(0)) for one in self.world.companies]
        self.publish(2)

    def teardown(self) -> None:
        for nth, _ in enumerate(self.fleet):
            self.calm(nth)
        self.nobody_is_left()
        if DEEP and self.fleet:
            for found, one in zip(self.ops.drift(), self.fleet, strict=True):
                assert found.clean == (not one.invalid), found

    # What happens between the runs

    def publish(self, number: int) -> None:
        had, has = len(self.model.own), min(len(self.kinds), len(self.model.own) + number)
        for nth in range(had, has):
            name, kind = self.names[nth], self.kinds[nth]
            own_revision(self.ops.settings, name, self.names[nth - 1] if nth else None, kind.up, kind.down)
            path = next(self.ops.settings.own_tenant_migrations.glob(f"*_{name}.py"))
            path.write_text(f"{path.read_text()}\n{kind.more}\n")
        self.model = dataclasses.replace(self.model, own=self.names[:has], kinds=self.kinds[:has])
        self.ops.forget_revisions()

    def happen(self, events: Sequence[tuple[int, str]]) -> None:
        """Let things happen to companies: those that can, as they are."""
        for nth, event in events:
            one = self.fleet[nth]
            if event == "calm":
                self.calm(nth)
            elif one.away:
                continue
            elif event in STAMPS:
                self.mislead(nth, STAMPS[event])
            elif one.shut:
                continue
            elif event == "busy" and not one.busy:
                self.runners[nth] = self.server.open(one.company.database)
                locks.hold(self.runners[nth], LOCK)
                self.change(nth, busy=True)
            elif event in ("away", "shut"):
                self.shut_out(nth, event)
            elif one.at != BASE:
                self.happens_inside(nth, event)

    def shut_out(self, nth: int, event: str) -> None:
        one = self.fleet[nth]
        if not (one.busy or one.lock or self.killed):
            name = one.company.database
            if event == "away":
                self.maintain("ALTER DATABASE {} RENAME TO {}", name, f"away_{name}")
            else:
                self.maintain("ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
            self.change(nth, **{event: True})

    def happens_inside(self, nth: int, event: str) -> None:
        one = self.fleet[nth]
        if event in ROWS:
            self.plant(nth, event)
        elif event == "clean":
            with self.server.connect(one.company.database) as tenant:
                tenant.execute("DELETE FROM people")
            self.change(nth, rows=frozenset())
        elif event in LOCKS and not one.lock:
            self.holders[nth] = self.server.open(one.company.database)
            self.holders[nth].execute(f"BEGIN; {LOCKS[event]}".encode())
            self.change(nth, lock=event)
        elif event == "by hand" and not (one.busy or one.lock or self.killed):
            self.migrate_by_hand(nth)

    def plant(self, nth: int, rows: str) -> None:
        one = self.fleet[nth]
        kept_out = any(kind.fails == rows for kind in self.model.kinds[: one.at])
        with self.server.connect(one.company.database) as tenant:
            try:
                tenant.execute(ROWS[rows].encode())
            except psycopg.errors.IntegrityError:
                # An index that is not valid may keep them out, too.
                assert kept_out or (one.invalid and rows == "twins")
            else:
                assert not kept_out or (one.invalid and rows == "twins")
                self.change(nth, rows=one.rows | {rows})

    def migrate_by_hand(self, nth: int) -> None:
        """Plain Alembic, one revision further."""
        one = self.fleet[nth]
        if one.at == len(self.model.own) or not self.model.kinds[one.at].transactional:
            return
        engine = Server(self.server.dsn(one.company.database)).engine(one.company.database)
        config = self.ops._installation.tenant_tree._config
        fails = self.model.kinds[one.at].fails in one.rows
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(f'SET ROLE "{self.ops.settings.owner_role}"')
                connection.commit()
                with pytest.raises(Exception, match="violate") if fails else nullcontext():
                    alembic.command.upgrade(config(connection=connection), self.model.own[one.at])
        finally:
            engine.dispose()
        if not fails:
            self.change(nth, at=one.at + 1, stamp=self.model.heads(one.at + 1))

    def mislead(self, nth: int, stamp: Place | Heads | None) -> None:
        """Take the stamp away, or write one that may be wrong."""
        if isinstance(stamp, int):
            stamp = self.model.heads(min(stamp, len(self.model.own)))
        name = self.fleet[nth].company.database
        if stamp is None:
            self.maintain("COMMENT ON DATABASE {} IS NULL", name)
        else:
            with self.server.connect("postgres") as connection:
                connection.execute(databases.stamp(name, stamp))
        self.change(nth, stamp=stamp)

    # Runs

    @rule(
        more=st.integers(0, 2),
        events=events,
        chosen=companies,
        policy=policies,
        verify=st.sampled_from([False, False, True]),
    )
    def migrate(
        self, more: int, events: list[tuple[int, str]], chosen: list[int], policy: Policy, verify: bool
    ) -> None:
        self.publish(more)
        self.happen(events)
        ids = [self.fleet[nth].company.id for nth in chosen]
        report = self.ops.migrate_tenant(ids if len(ids) < NUMBER else None, policy=policy, verify=verify)
        self.check(report, self.upgraded(chosen, policy, verify=verify), policy)

    @rule(events=events, chosen=companies, policy=policies, outcomes=st.integers(1, 3))
    def kill(self, events: list[tuple[int, str]], chosen: list[int], policy: Policy, outcomes: int) -> None:
        """A run whose process dies when so many outcomes are known; the next run of any kind completes its account."""
        self.happen(events)
        # Of a company with a wrong stamp nobody can tell afterwards whether the run moved it.
        chosen = [nth for nth in chosen if self.fleet[nth].stamp in (None, self.model.heads(self.fleet[nth].at))]
        told: list[object] = []

        def on_outcome(outcome: object) -> None:
            told.append(outcome)
            if len(told) == outcomes:
                raise Killed

        ids = [self.fleet[nth].company.id for nth in chosen]
        try:
            report = self.ops.migrate_tenant(ids, policy=policy, hooks=Hooks(on_outcome=on_outcome))
        except Killed:
            expected = self.upgraded(chosen, policy)
            while (run := self.ops.runs(limit=1)[0]).state == "running":
                pass  # the server has not noticed yet
            self.wait_for_the_end("application_name = %s", ledger.application(self.ops.settings.prefix, run.id))
            self.came_after(run.id)
            if run.state == "abandoned":
                self.killed.append(run.id)
            else:  # nobody was begun: it was over before it was told
                assert run.state == ("halted" if policy.preflight == "stop" and would_fail(expected) else "finished")
            for nth, its in expected.items():
                self.see(nth, its)
            self.databases_are_as_the_model_says()
        else:
            self.check(report, self.upgraded(chosen, policy), policy)

    @precondition(lambda self: self.runs)
    @rule(events=events, which=st.integers(0, 5), policy=policies)
    def resume(self, events: list[tuple[int, str]], which: int, policy: Policy) -> None:
        self.happen(events)
        run_id = self.runs[-1 - which % len(self.runs)]
        report = self.ops.resume_run(run_id, policy=policy)
        settled = (Status.DONE, Status.SKIPPED)
        left = [one.company_id for one in self.ops.run(run_id).outcomes if one.status not in settled]
        whom = [nth for nth, one in enumerate(self.fleet) if one.company.id in left]
        self.check(report, self.upgraded(whom, policy), policy)

    @precondition(lambda self: self.runs)
    @rule(events=events, which=st.integers(0, 5), policy=policies)
    def undo(self, events: list[tuple[int, str]], which: int, policy: Policy) -> None:
        self.happen(events)
        run_id = self.runs[-1 - which % len(self.runs)]
        self.let_go()
        if not self.ops.run(run_id).outcomes:
            return
        report = self.ops.rollback_run(run_id, policy=policy)
        outcomes = {one.company_id: one for one in self.ops.run(run_id).outcomes}

        def planner(one: Modelled, heads: Heads) -> Planned:
            outcome = outcomes[one.company.id]
            if outcome.before == outcome.after or heads == outcome.before:
                return "nothing to undo"
            if heads != outcome.after:
                return Refusal("MigrationError")
            return self.down(self.model.place(heads), self.model.place(outcome.before))

        whom = [nth for nth, one in enumerate(self.fleet) if one.company.id in outcomes]
        self.check(report, self.taken(whom, planner, policy), policy)

    @rule(events=events, chosen=companies, step=st.sampled_from([None, None, 1, 1, 2, ALL]), policy=policies)
    def roll_back(self, events: list[tuple[int, str]], chosen: list[int], step: int | None, policy: Policy) -> None:
        self.happen(events)
        if step == ALL:
            self.reset(chosen[0], policy)
            return
        # Not below the first own revision: the model takes the core's as one.
        whom = [nth for nth in chosen if step is None or (self.believed(nth) or 0) >= step]
        if not whom:
            return
        if step is None:
            self.let_go()
        report = self.ops.rollback_tenant([self.fleet[nth].company.id for nth in whom], step=step, policy=policy)
        past = [self.ops.run(run_id) for run_id in reversed(self.runs)]

        def planner(one: Modelled, heads: Heads) -> Planned:
            at = self.model.place(heads)
            if at is None or step is not None:
                return Refusal("UnknownState") if at is None else self.down(at, at - (step or 0))
            for outcome in (its for run in past for its in run.outcomes):
                moved = outcome.company_id == one.company.id and outcome.before != outcome.after
                if moved and outcome.after == heads:
                    return self.down(at, self.model.place(outcome.before))
            return "no run brought it here"

        self.check(report, self.taken(whom, planner, policy), policy)

    def reset(self, nth: int, policy: Policy) -> None:
        self.let_go()
        report = self.ops.reset_tenant([self.fleet[nth].company.id], policy=policy)

        def planner(_: Modelled, heads: Heads) -> Planned:
            at = self.model.place(heads)
            return Refusal("UnknownState") if at is None else self.down(at, BASE) or "nothing there"

        self.check(report, self.taken([nth], planner, policy), policy)

    # What the model says to them

    def upgraded(self, whom: Sequence[int], policy: Policy, *, verify: bool = False) -> dict[int, Expected]:
        def planner(_: Modelled, heads: Heads) -> Planned:
            at = self.model.place(heads)
            if at is None:
                return Refusal("UnknownState")
            return range(at + 1, len(self.model.own) + 1) or "nothing to migrate"

        return self.taken(whom, planner, policy, verify=verify)

    def taken(
        self, whom: Sequence[int], planner: Planner, policy: Policy, *, verify: bool = False
    ) -> dict[int, Expected]:
        return {nth: self.model.expected(self.fleet[nth], planner, policy, verify=verify) for nth in whom}

    def down(self, at: Place | None, to: Place | None) -> Sequence[Place]:
        assert at is not None
        assert to is not None
        return range(at - 1, to - 1, -1)

    def believed(self, nth: int) -> Place | None:
        heads = self.model.believed(self.fleet[nth], verify=False)
        return None if heads is None else self.model.place(heads)

    def check(self, report: FleetReport, expected: dict[int, Expected], policy: Policy) -> None:
        """Compare a report with what must have come out, take the model along, and see that everything agrees."""
        if not expected:
            assert (report.run_id, report.outcomes) == (None, [])  # nothing is left, which is no run
            return
        assert report.run_id is not None
        self.came_after(report.run_id)
        assert [one.company_id for one in report.outcomes] == [self.fleet[nth].company.id for nth in expected]
        spared = self.spared(report, expected, policy)
        for outcome, (nth, its) in zip(report.outcomes, expected.items(), strict=True):
            if nth in spared:
                assert (outcome.status, outcome.before, outcome.after) == (Status.UNTOUCHED, its.planned, its.planned)
                self.change(nth, stamp=its.verified)
                continue
            failure = outcome.failure
            error = (failure.sqlstate or failure.kind, failure.revision) if failure else ("", "")
            found = (outcome.status, outcome.before, outcome.after, *error)
            assert found == (its.status, its.before, its.after, its.error, its.revision), outcome
            # Who waits for another attempt when the run stops has had the last one.
            assert outcome.attempts == its.attempts or (policy.max_failures and outcome.attempts < its.attempts)
            taken = tuple((*step, report.run_id) for step in its.passed)
            self.fleet[nth] = dataclasses.replace(its.leaves, history=self.fleet[nth].history + taken)
        self.databases_are_as_the_model_says()
        self.the_ledger_says_what_was_done(report)

    def spared(self, report: FleetReport, expected: Mapping[int, Expected], policy: Policy) -> Collection[int]:
        """The companies that the run must not have begun."""
        by_id = {self.fleet[nth].company.id: nth for nth in expected}
        waiting = [nth for nth, its in expected.items() if its.attempts]
        if policy.preflight == "stop" and would_fail(expected):
            assert report.ended == "halted"
            return waiting
        untouched = {by_id[one.company_id] for one in report.outcomes if one.status is Status.UNTOUCHED}
        allowed = max(1, counted(policy.max_failures, len(waiting))) if policy.max_failures else NUMBER + 1
        failures, closed, begun = 0, False, set[int]()
        for stage in stages([self.fleet[nth].company for nth in waiting], policy):
            if closed or failures >= allowed:
                break
            ours = {by_id[company.id] for company in stage.companies}
            # Who of a stage is begun before the budget is spent is up to the threads.
            begun |= ours - untouched if policy.max_failures else ours
            failures += sum(expected[nth].status is Status.FAILED for nth in ours & begun)
            if policy.gate and stage.name and failures < allowed:
                after = [expected[nth].leaves if nth in begun else self.fleet[nth] for nth in ours]
                closed = any(one.away or one.shut or one.at == BASE or "long name" in one.rows for one in after)
        left = [nth for nth in waiting if nth not in begun]
        assert report.ended == ("halted" if closed or failures >= allowed else "finished"), report
        assert report.ended == "halted" or not left
        return left

    def came_after(self, run_id: int) -> None:
        """Note a run; the first after a killed one has completed that one's account, but for whom it cannot read."""
        unread = {one.company.id for one in self.fleet if one.shut or one.busy}
        for killed in list(self.killed):
            waits = self.waits_for(killed)
            assert waits <= unread
            assert self.ops.run(killed).ended == ("abandoned" if waits else "interrupted")
            if not waits:
                self.killed.remove(killed)
        if self.ops.run(run_id).action == "migrate-tenant":
            self.runs.append(run_id)

    def waits_for(self, killed: int) -> set[int]:
        """The ids of the companies of whom a killed run's account does not tell."""
        if self.ops.run(killed).ended != "abandoned":
            return set()
        outcomes = self.ops.run(killed).outcomes
        return {one.company_id for one in outcomes if one.status is Status.UNTOUCHED and one.plan and not one.reason}

    def see(self, nth: int, its: Expected) -> None:
        """Look how far a killed run came with a company: it was begun or not, and nothing between."""
        one = self.fleet[nth]
        if one.away or one.shut:
            return
        with self.server.connect(one.company.database) as tenant:
            at = self.model.place(read_heads(tenant))
            invalid = "invalid" in effects(tenant)
            stamp = databases.stamps(tenant, one.company.database)[one.company.database]
        assert at in (one.at, its.leaves.at)
        assert invalid in (one.invalid, its.leaves.invalid)
        assert stamp in (one.stamp, its.leaves.stamp)
        if at != one.at:
            taken = tuple((*step, self.runs[-1]) for step in its.passed)
            one = dataclasses.replace(its.leaves, history=one.history + taken)
        self.fleet[nth] = dataclasses.replace(one, invalid=invalid, stamp=stamp)

    # What always holds

    def databases_are_as_the_model_says(self) -> None:
        with self.server.connect("postgres") as connection:
            stamps = databases.stamps(connection, f"{self.ops.settings.prefix}company_")
        for one in self.fleet:
            if one.away:
                continue
            assert stamps[one.company.database] == one.stamp, one
            if one.shut:
                continue
            with self.server.connect(one.company.database) as tenant:
                assert read_heads(tenant) == self.model.heads(one.at), one
                found = effects(tenant)
            expected = {name for name, kind in KINDS.items() if kind in self.model.kinds[: max(one.at, 0)]}
            assert found == expected | ({"index", "invalid"} if one.invalid else set()), one

    def the_ledger_says_what_was_done(self, report: FleetReport) -> None:
        told = self.ops.run(report.run_id or 0)
        assert list(told.outcomes) == list(report.outcomes)
        assert (told.ended, told.reason) == (report.ended, report.reason)
        for run in self.ops.runs():
            assert run.state in (["abandoned"] if run.id in self.killed else ["finished", "halted", "interrupted"])
        waits = set().union(*map(self.waits_for, self.killed))
        for one in self.fleet:
            if one.company.id in waits:
                continue
            steps = [(step.revision, step.direction, step.run_id) for step in self.ops.history(one.company.id)[:-1]]
            assert steps == list(reversed(one.history)), one

    # Doing and undoing

    def change(self, nth: int, **facts: Any) -> None:
        self.fleet[nth] = dataclasses.replace(self.fleet[nth], **facts)

    def calm(self, nth: int) -> None:
        """End what others do to a company."""
        one = self.fleet[nth]
        for sessions in (self.holders, self.runners):
            if nth in sessions:
                self.end(sessions.pop(nth))
        if one.away:
            self.maintain("ALTER DATABASE {} RENAME TO {}", f"away_{one.company.database}", one.company.database)
        if one.shut:
            self.maintain("ALTER DATABASE {} ALLOW_CONNECTIONS true", one.company.database)
        self.change(nth, lock="", busy=False, away=False, shut=False)

    def let_go(self) -> None:
        """End the table locks: the core's revisions would wait for them too, and the model takes those as one."""
        for nth in list(self.holders):
            self.end(self.holders.pop(nth))
            self.change(nth, lock="")

    def end(self, connection: psycopg.Connection) -> None:
        """Close a connection, and wait until its session and its locks are gone."""
        pid = connection.info.backend_pid
        connection.close()
        self.wait_for_the_end("pid = %s", pid)

    def wait_for_the_end(self, which: str, value: object) -> None:
        with self.server.connect("postgres") as other:
            query = f"SELECT 1 FROM pg_stat_activity WHERE {which}".encode()
            while other.execute(query, [value]).fetchone():
                pass

    def nobody_is_left(self) -> None:
        """See that the runs have closed what they opened."""
        query = "SELECT application_name, query FROM pg_stat_activity WHERE datname = ANY(%s) AND backend_type = %s"
        names = [one.company.database for one in self.fleet]
        began = time.monotonic()
        with self.server.connect("postgres") as other:
            while left := other.execute(query, [names, "client backend"]).fetchall():
                assert time.monotonic() - began < PATIENCE, left

    def maintain(self, statement: str, *names: str) -> None:
        with self.server.connect("postgres") as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def test_random_fleets_are_accounted_for(ops: Ops, register: Register, server: Server) -> None:
    core = [revision.id for revision in ops.tenant_revisions()]
    world = World(ops=ops, server=server, companies=[register(f"Company {n}") for n in range(NUMBER)], core=core)
    run_state_machine_as_test(lambda: Fleet(world), settings=SETTINGS)  # type: ignore[arg-type] # anything callable
