"""Rehearsals: the riskiest companies cloned, the clones migrated as the run would, and dropped again."""

from __future__ import annotations

import dataclasses
import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import psycopg

from mpm_ops.companies.clone import clone
from mpm_ops.companies.courses import Course, upgrade
from mpm_ops.companies.groups import outdated
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.preflight import preflight
from mpm_ops.companies.rehearsal import Rehearsal, Rehearsed, RehearsedStep, TableLock
from mpm_ops.companies.scratch import scratch_name
from mpm_ops.companies.sizes import sizes_of
from mpm_ops.errors import MpmOpsError
from mpm_ops.fleet.attempts import failure_of
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.signals import terminated_as_interrupted
from mpm_ops.postgres import databases
from mpm_ops.postgres.script import Row
from mpm_ops.records import Company, Outcome, Status
from mpm_ops.schema.apply import Manner, apply
from mpm_ops.schema.live import LivePool
from mpm_ops.schema.plan import Plan, Step

#: Table locks as pg_locks names them, the weakest first.
_MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
#: Marks the rows of the probe among those that a revision's own statements give.
_MARK = "mpm_ops_lock"
_PROBE = f"""
    SELECT '{_MARK}', relation, mode, extract(epoch FROM clock_timestamp() - transaction_timestamp())
    FROM pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608 our own text
_TABLES = """
    SELECT c.oid::text, c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v') AND n.nspname !~ '^(pg_|information_schema$|masked$)'
      AND c.relname <> 'alembic_version'
"""


def rehearse(
    installation: Installation, companies: Sequence[Company], *, count: int, policy: Policy, hooks: Hooks
) -> Rehearsal:
    """Clone the `count` riskiest of the companies that have something pending, and migrate the clones.

    One clone at a time, so that its times are its own and no more disk is taken than the largest needs. The clones
    are dropped in every case; nothing is written to the companies' databases, nor to the ledger.
    """
    course = upgrade(installation, companies)
    plans = course.plans
    waiting = [company for company in companies if company.id in plans]
    chosen = riskiest(waiting, sizes_of(installation, waiting), count)
    hooks.on_start({company.id: 1.0 for company, _ in chosen})
    clones = []
    with terminated_as_interrupted(), closing(LivePool()) as live:
        for company, why in chosen:
            hooks.on_note(f"{company}: {why}")
            clones.append(_Trial(installation, company, plans[company.id], policy, live).held(why))
            hooks.on_outcome(_outcome(clones[-1]))
    return Rehearsal(clones=clones, companies=len(waiting), workers=policy.workers, notes=_notes(course, clones))


def riskiest(companies: Sequence[Company], sizes: Mapping[str, int], count: int) -> list[tuple[Company, str]]:
    """Return `count` companies, half of them for their size and half for their age, and why each was chosen."""
    by_size = sorted(companies, key=lambda one: (-sizes.get(one.database, 0), one.id))
    by_age = sorted(companies, key=lambda one: (one.created_at, one.id))
    large = by_size[: math.ceil(count / 2)]
    old = [company for company in by_age if company not in large][: count // 2]
    return [
        *((one, f"no. {by_size.index(one) + 1} by size, {sizes.get(one.database, 0) / 1e6:.1f} MB") for one in large),
        *((one, f"no. {by_age.index(one) + 1} by age, since {one.created_at:%Y-%m-%d}") for one in old),
    ]


@dataclass
class _Trial:
    """The migration of one clone."""

    installation: Installation
    company: Company
    plan: Plan
    policy: Policy
    live: LivePool
    steps: list[RehearsedStep] = field(default_factory=list)
    #: Names by OID of the tables that were there before: nobody waits for one that the migration makes.
    tables: dict[str, str] = field(default_factory=dict)

    def held(self, why: str) -> Rehearsed:
        """Clone, migrate, drop; whatever goes wrong on the way is in the record."""
        company, began = self.company, time.monotonic()
        found = Rehearsed(
            company_id=company.id, company=company.name, server=company.server, why=why, plan=self.plan.hash
        )
        try:
            with (
                self.installation.maintenance(company.server) as connection,
                scratch_name(self.installation, connection) as name,
            ):
                copied_by = clone(self.installation, connection, company, name)
                size = databases.sizes(connection, [name])[name]
                copied = time.monotonic()
                found = dataclasses.replace(
                    found, copied_by=copied_by, copy_seconds=copied - began, size_before=size, size_after=size
                )
                return self._migrated(connection, found, name)
        except MpmOpsError as exc:
            if found.copied_by:
                return dataclasses.replace(found, failure=failure_of(exc))
            hint = f" ({exc.hint})" if exc.hint else ""
            return dataclasses.replace(found, not_rehearsed=f"{exc}{hint}")

    def _migrated(self, connection: psycopg.Connection, found: Rehearsed, name: str) -> Rehearsed:
        failure, began = None, time.monotonic()
        try:
            self._migrate(dataclasses.replace(self.company, database=name))
        except MpmOpsError as exc:
            failure = failure_of(exc)
        return dataclasses.replace(
            found,
            seconds=time.monotonic() - began,
            size_after=databases.sizes(connection, [name])[name],
            steps=self.steps,
            failure=failure,
        )

    def _migrate(self, cloned: Company) -> None:
        """Do to the clone what a run does to a company: ask the assertions, then apply the plan."""
        server, owner = self.installation.server_of(cloned), self.installation.settings.owner_role
        if self.policy.preflight != "off":
            for exc in preflight(self.installation, {cloned.id: self.plan}, [cloned], policy=self.policy).values():
                raise exc
        with server.connect(cloned.database, role=owner) as connection:
            self.tables = dict(connection.execute(_TABLES).fetchall())
        # A run makes missing groups first; a rehearsal makes nothing that outlives it.
        old = outdated(self.installation, [self.company])
        groups_of = None if old else self.company.database
        manner = Manner(
            lock_timeout=self.policy.lock_timeout,
            statement_timeout=self.policy.statement_timeout,
            one_transaction=self.policy.one_transaction,
            application="mpm_ops/rehearse",
            before=self.installation.reading.before_step,
            after=lambda step: self.installation.reading.after_step(step, groups_of),
            probe=[_PROBE],
            on_commit=self._went_through,
        )
        apply(server, cloned.database, self.plan, owner=owner, manner=manner, live=self.live)

    def _went_through(self, steps: Sequence[Step], rows: Sequence[Row], seconds: float) -> None:
        note = ""
        if any(step.live for step in steps):
            note = "live: its locks are not seen"
        elif not all(step.transactional for step in steps):
            note = "the locks of what runs outside of a transaction are not seen"
        revisions = [step.revision for step in steps]
        self.steps.append(
            RehearsedStep(revisions=revisions, seconds=seconds, locks=_locks(rows, self.tables), note=note)
        )


def _locks(rows: Sequence[Row], tables: Mapping[str, str]) -> list[TableLock]:
    """Return the strongest lock on each of the tables, by name."""
    strongest: dict[str, tuple[int, float]] = {}
    for row in rows:
        if row[0] == _MARK and row[1] in tables:
            _, relation, mode, seconds = row
            table = tables[str(relation)]
            strongest[table] = max(strongest.get(table, (0, 0.0)), (_MODES.index(str(mode)), float(seconds or 0)))
    return [
        TableLock(table=table, mode=_spelled(_MODES[mode]), seconds=seconds)
        for table, (mode, seconds) in sorted(strongest.items())
    ]


def _spelled(mode: str) -> str:
    """Return AccessExclusiveLock as ACCESS EXCLUSIVE."""
    return " ".join(re.findall("[A-Z][a-z]+", mode.removesuffix("Lock"))).upper()


def _outcome(tried: Rehearsed) -> Outcome:
    """Return a clone's outcome as that of its company, for whoever watches."""
    status = Status.SKIPPED if tried.not_rehearsed else Status.FAILED if tried.failure else Status.DONE
    return Outcome(
        company_id=tried.company_id,
        company=tried.company,
        status=status,
        reason=tried.not_rehearsed,
        failure=tried.failure,
        seconds=tried.seconds,
    )


def _notes(course: Course, clones: Sequence[Rehearsed]) -> list[str]:
    """Tell what the run would stumble over before it begins, and what the clones do not stand for."""
    failing = [f"{one}: {found}" for one in course.companies if isinstance(found := course.found[one.id], MpmOpsError)]
    left = len(course.distinct) - len({tried.plan for tried in clones})
    return [*course.notes, *failing, *([f"{left} of {len(course.distinct)} plans were not rehearsed"] if left else [])]
