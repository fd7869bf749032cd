"""What a fleet run must do to every company, worked out without a database: the model of test_fleet_model.

The engine plans from the stamp and goes by `alembic_version`; the model knows both, and everything in the way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import psycopg

from mpm_ops import Company, Policy, Status

Heads = tuple[str, ...]
#: Where a database is: so many of the own revisions are applied; BASE is without any revision, the core's neither.
Place = int
BASE: Place = -1
#: A head that no tree has.
FOREIGN = ("fedcba987654",)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What one revision of the installation's own does."""

    up: str
    down: str
    #: True in a database in which the revision is applied.
    there: str
    #: Locks of others on the table people that keep it from going up and down.
    blocked_up: tuple[str, ...] = ()
    blocked_down: tuple[str, ...] = ()
    #: Rows that it cannot go up with, and what the server says to them.
    fails: str = ""
    sqlstate: str = ""
    transactional: bool = True
    #: More lines of its file.
    more: str = ""


_COLUMN = "EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.{}') AND attname = '{}')"
_BOTH = ("report", "writer")
KINDS = {
    "column": Kind(
        up="op.add_column('people', sa.Column('x', sa.Text()))",
        # The column keeps a nameless place in pg_attribute.
        down="op.drop_column('people', 'x')",
        there=_COLUMN.format("people", "x"),
        blocked_up=_BOTH,
        blocked_down=_BOTH,
    ),
    "check": Kind(
        up="op.create_check_constraint(op.f('short'), 'people', 'length(name) < 20')",
        down="op.drop_constraint(op.f('short'), 'people')",
        there="EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('public.people') AND conname = 'short')",
        blocked_up=_BOTH,
        blocked_down=_BOTH,
        fails="long name",
        sqlstate="23514",
        more="preflight = {'long names': 'SELECT 1 FROM people WHERE length(name) >= 20'}",
    ),
    "table": Kind(
        up="op.execute('CREATE TABLE notes (id bigint)'); op.execute('CREATE INDEX ON notes (id)')",
        down="op.drop_table('notes')",
        there="to_regclass('public.notes') IS NOT NULL",
    ),
    "default": Kind(
        up="op.add_column('meters', sa.Column('y', sa.Integer(), server_default='7', nullable=False))",
        down="op.drop_column('meters', 'y')",
        there=_COLUMN.format("meters", "y"),
    ),
    "index": Kind(
        up="with op.get_context().autocommit_block():\n"
        "        op.execute('CREATE UNIQUE INDEX CONCURRENTLY one_education ON people (education)')",
        down="with op.get_context().autocommit_block():\n        op.execute('DROP INDEX CONCURRENTLY one_education')",
        there="to_regclass('public.one_education') IS NOT NULL",
        # It waits for those who write, and its end for those who read.
        blocked_up=("writer",),
        blocked_down=_BOTH,
        fails="twins",
        sqlstate="23505",
        transactional=False,
    ),
    "live": Kind(
        up="op.get_bind().execute(sa.text('SELECT id FROM countries')).fetchall()\n"
        "    op.add_column('countries', sa.Column('z', sa.Text()))",
        down="op.drop_column('countries', 'z')",
        there=_COLUMN.format("countries", "z"),
        transactional=False,
        more="live = True",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Modelled:
    """One company as the model has it."""

    company: Company
    at: Place = 0
    #: What its stamp says; None when it has none.
    stamp: Heads | None = None
    #: Bad rows that it has.
    rows: frozenset[str] = frozenset()
    #: An index that broke off was left, or one that could not be dropped.
    invalid: bool = False
    #: Renamed, closed to connections, worked on by another runner.
    away: bool = False
    shut: bool = False
    busy: bool = False
    #: How another session holds the table people: as a report, as a writer, not at all.
    lock: str = ""
    #: Revision, direction and run, oldest first.
    history: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Expected:
    """How one company must come out of a run, if the run begins it."""

    status: Status
    before: Heads
    after: Heads
    #: SQLSTATE or class of the error, and the revision in which it is met.
    error: str = ""
    revision: str = ""
    attempts: int = 1
    #: The company afterwards, and the revisions that it went through.
    leaves: Modelled
    passed: tuple[tuple[str, str], ...] = ()
    #: Where it is planned from, and its stamp then: all there is when the run does not begin it.
    planned: Heads
    verified: Heads | None


class Refusal(str):
    """The class of the error that is met while a company is planned."""


#: Where a plan leads from some heads, step by step; or why there is nothing to do.
Planned = Sequence[Place] | str
Planner = Callable[[Modelled, Heads], Planned]


@dataclass(frozen=True, kw_only=True)
class Model:
    """The revisions that are published, and what each does to a company."""

    #: Every core revision, oldest first; the last is the head.
    core: Sequence[str]
    #: The own ones that are published, with their kinds.
    own: Sequence[str]
    kinds: Sequence[Kind]

    def heads(self, at: Place) -> Heads:
        """What `alembic_version` says at a place."""
        return () if at == BASE else (self.own[at - 1] if at else self.core[-1],)

    def place(self, heads: Heads) -> Place | None:
        """Where a database with these heads is; None for a head that the tree does not have."""
        return next((at for at in range(BASE, len(self.own) + 1) if self.heads(at) == heads), None)

    def believed(self, one: Modelled, *, verify: bool) -> Heads | None:
        """The heads that a run plans from; None when they cannot be read."""
        if one.stamp is not None and not verify:
            return one.stamp
        return None if one.shut else self.heads(one.at)

    def expected(self, one: Modelled, planner: Planner, policy: Policy, *, verify: bool = False) -> Expected:
        """Tell how a company must come out of a run, if the run begins it."""
        heads = self.believed(one, verify=verify)
        if one.away or heads is None:
            return _failed(one, (), "MigrationError" if one.away else "ServerUnavailable")
        if verify and not one.busy:
            one = dataclasses.replace(one, stamp=heads)
        plan = planner(one, heads)
        if isinstance(plan, Refusal):
            return _failed(one, heads, plan)
        place = self.place(heads)
        if isinstance(plan, str) or place is None:
            return _expected(one, heads, Status.SKIPPED, attempts=0)
        if policy.preflight != "off" and (revision := self._preflight(one, place, plan)):
            if one.shut:
                return _failed(one, heads, "ServerUnavailable", attempts=0)
            return _failed(one, heads, "PreflightFailed", revision=revision, attempts=0)
        its = self._applied(one, heads, (place, *plan), policy)
        return dataclasses.replace(its, planned=heads, verified=one.stamp)

    def _preflight(self, one: Modelled, place: Place, plan: Sequence[Place]) -> str:
        """Name the revision whose assertion fails."""
        for to in plan:
            if to > place and to > 0 and (kind := self.kinds[to - 1]).more.startswith("preflight"):
                # Where the table is still to be made by an earlier step, there is nothing to ask yet.
                not_there = one.at == BASE and to == plan[0]
                if one.shut or not_there or (kind.fails in one.rows and one.at != BASE):
                    return self.own[to - 1]
        return ""

    def _applied(self, one: Modelled, heads: Heads, route: Sequence[Place], policy: Policy) -> Expected:
        truth = self.heads(one.at)
        if one.shut:
            return _failed(one, heads, "ServerUnavailable")
        if one.busy:
            return _expected(one, heads, Status.BUSY)
        if one.at not in route:
            return _failed(one, truth, "StateChanged")
        rest = route[route.index(one.at) :]
        steps = list(pairwise(rest))
        if not steps:
            return _expected(dataclasses.replace(one, stamp=truth), truth, Status.SKIPPED)
        if policy.one_transaction and not all(self._kind(a, b).transactional for a, b in steps):
            return _failed(one, truth, "MigrationError")
        now, passed = one, list[tuple[str, str]]()
        for a, b in steps:
            error, revision, left = self._step(now, a, b)
            if error:
                attempts = policy.attempts if error == "55P03" else 1
                if policy.one_transaction:
                    return _failed(one, truth, error, revision=revision, attempts=attempts)
                its = _failed(left, truth, error, revision=revision, attempts=attempts)
                return dataclasses.replace(its, after=self.heads(a), passed=tuple(passed))
            passed += self._revisions(a, b)
            now = left
        its = _expected(now, truth, Status.DONE)
        return dataclasses.replace(its, after=self.heads(now.at), passed=tuple(passed))

    def _step(self, one: Modelled, a: Place, b: Place) -> tuple[str, str, Modelled]:
        """Take one step; return the error and its revision, if any, and the company afterwards."""
        kind, up = self._kind(a, b), b > a
        revision = self.own[max(a, b) - 1] if max(a, b) > 0 else ""
        blocked = one.lock in (kind.blocked_up if up else kind.blocked_down)
        if not kind.transactional and kind.blocked_up and up and one.invalid and one.lock:
            blocked = True  # the index that broke off cannot be taken away
        if blocked or (up and kind.fails in one.rows):
            left = one if kind.transactional else dataclasses.replace(one, invalid=True)
            return "55P03" if blocked else kind.sqlstate, revision, left
        after = dataclasses.replace(one, at=b, stamp=self.heads(b))
        if kind is KINDS["index"]:
            after = dataclasses.replace(after, invalid=False)
        if b == BASE:
            after = dataclasses.replace(after, rows=frozenset(), invalid=False)
        return "", "", after

    def _kind(self, a: Place, b: Place) -> Kind:
        own = max(a, b)
        return self.kinds[own - 1] if own else Kind(up="", down="", there="")

    def _revisions(self, a: Place, b: Place) -> list[tuple[str, str]]:
        """The revisions of a step between two places; the core's are one step here."""
        own = max(a, b)
        ids = [self.own[own - 1]] if own else self.core
        return [(one, "upgrade") for one in ids] if b > a else [(one, "downgrade") for one in reversed(ids)]


def _expected(one: Modelled, heads: Heads, status: Status, *, attempts: int = 1) -> Expected:
    """A company that is not moved."""
    return Expected(
        status=status, before=heads, after=heads, attempts=attempts, leaves=one, planned=heads, verified=one.stamp
    )


def _failed(one: Modelled, heads: Heads, error: str, *, revision: str = "", attempts: int = 1) -> Expected:
    """A company that fails, and is not moved."""
    its = _expected(one, heads, Status.FAILED, attempts=attempts)
    return dataclasses.replace(its, error=error, revision=revision)


def effects(connection: psycopg.Connection) -> set[str]:
    """The kinds of revisions whose effect is in a database; and 'invalid' when an index is."""
    conditions = {name: kind.there for name, kind in KINDS.items()}
    conditions["invalid"] = "EXISTS (SELECT FROM pg_index WHERE NOT indisvalid)"
    values = ", ".join(f"('{name}', {condition})" for name, condition in conditions.items())
    rows = connection.execute(f"SELECT kind FROM (VALUES {values}) AS v (kind, there) WHERE there".encode())
    return {name for (name,) in rows}
