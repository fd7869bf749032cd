"""The fleet that all contenders migrate: companies that stand ten revisions behind before each of them begins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from psycopg import conninfo

from mpm_ops import Company, Ops
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.schema.plan import Plan
from tests.benchmarks.comparison import milliseconds

#: Companies that are worked on at the same time, by every contender that can.
WORKERS = 4
#: Revisions of the kinds that an application's releases bring, in the operations that `--autogenerate` writes.
REVISIONS = [
    ('op.add_column("people", sa.Column("nickname", sa.Text()))', 'op.drop_column("people", "nickname")'),
    (
        """op.create_table(
        "visits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_visits_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_visits"),
    )""",
        'op.drop_table("visits")',
    ),
    ('op.create_index("ix_visits_person_id", "visits", ["person_id"])', 'op.drop_index("ix_visits_person_id")'),
    (
        'op.add_column("meters", sa.Column("phase", sa.Integer(), server_default="1", nullable=False))',
        'op.drop_column("meters", "phase")',
    ),
    (
        'op.create_check_constraint(op.f("ck_meters_phase"), "meters", "phase IN (1, 3)")',
        'op.drop_constraint(op.f("ck_meters_phase"), "meters", type_="check")',
    ),
    (
        """op.create_table(
        "visit_notes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("visit_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name="fk_visit_notes_visit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_visit_notes"),
    )""",
        'op.drop_table("visit_notes")',
    ),
    (
        'op.create_index("uq_visit_notes", "visit_notes", ["visit_id", "body"], unique=True)',
        'op.drop_index("uq_visit_notes")',
    ),
    (
        'op.alter_column("visits", "seen_at", server_default=None)',
        'op.alter_column("visits", "seen_at", server_default=sa.text("now()"))',
    ),
    (
        'op.alter_column("visits", "seen_at", new_column_name="visited_at")',
        'op.alter_column("visits", "visited_at", new_column_name="seen_at")',
    ),
    (
        'op.add_column("people", sa.Column("vip", sa.Boolean(), server_default=sa.text("false"), nullable=False))',
        'op.drop_column("people", "vip")',
    ),
]
_FILE = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}


def upgrade():
    {up}


def downgrade():
    {back}
"""


def write_revisions(folder: Path, head: str) -> None:
    """Write the ten as an installation's own revisions on top of `head`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (up, back) in enumerate(REVISIONS, start=1):
        text = _FILE.format(
            revision=f"bench{number:02}",
            down=f"bench{number - 1:02}" if number > 1 else None,
            labels=None if number > 1 else ("own",),
            depends=None if number > 1 else head,
            up=up,
            back=back,
        )
        (folder / f"2026_12_{number:02}_0000_bench.py").write_text(text)


def company(number: int) -> dict[str, Any]:
    """Return what a registration asks for."""
    return {
        "name": f"Company {number}",
        "email": f"{number}@example.com",
        "admin_email": f"admin-{number}@example.com",
        "admin_password": "correct horse",
    }


class Absent(Exception):
    """A contender cannot be had here; the message says why."""


def _nothing(_: Sequence[Company]) -> None:
    pass


@dataclass(frozen=True)
class Contender:
    """One way to migrate companies, and how what it leaves behind is taken away (not timed)."""

    migrate: Callable[[Sequence[Company]], None]
    tidy: Callable[[Sequence[Company]], None] = _nothing
    #: Whether it stamps databases itself, as ours must; the others are stamped afterwards (not timed).
    stamps: bool = False


class Fleet:
    """Companies that stand ten revisions behind."""

    def __init__(self, ops: Ops, scratch: Path, size: int) -> None:
        self.ops = ops
        self.scratch = scratch
        for number in range(len(ops.list_companies()), size):
            ops.register(**company(number))
        #: All of this installation.
        self.companies: Sequence[Company] = ops.list_companies()
        write_revisions(ops.settings.own_tenant_migrations, ops.tenant_revisions()[-1].id)
        ops.forget_revisions()
        self.server, self.owner = ops._installation.server, ops.settings.owner_role
        self.tree = ops._installation.tenant_tree
        self.behind = tuple(ops.tenant_states([self.companies[0].id])[0].heads or ())
        self.plan: Plan = self.tree.upgrade_plan(self.behind)
        #: The last revision; Alembic's `heads` are those of all plugins.
        self.newest = self.plan.steps[-1].revision
        #: The SQL text that all get, as one script.
        self.text = "\n".join(
            statement
            for step in self.plan.steps
            for part in step.parts
            for statement in ("BEGIN;", *part.statements, "COMMIT;")
        )

    def race(
        self, contenders: Mapping[str, Contender], *, sample: int | None = None, rounds: int = 1
    ) -> dict[str, float]:
        """Return each contender's milliseconds per company, by name: the best of `rounds` in which they take turns.

        With a `sample` only so many companies are migrated. Each round is checked, and undone for the next.
        """
        chosen = self.companies[:sample]
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, contender in contenders.items():
                self._settle()
                times[name].append(milliseconds(partial(contender.migrate, chosen)) / len(chosen))
                contender.tidy(chosen)
                self._check(chosen, stamped=contender.stamps)
                self.undo(chosen)
        return {name: min(found) for name, found in times.items()}

    def undo(self, chosen: Sequence[Company]) -> None:
        """Take companies back to where they stand ten revisions behind."""
        report = self.ops.rollback_tenant([company.id for company in chosen], step=len(REVISIONS))
        assert report.ok, report.failed[0]

    def _settle(self) -> None:
        """Have the server write what is dirty, so that nobody pays for those before."""
        with self.server.connect("postgres") as connection:
            connection.execute("CHECKPOINT")

    def _check(self, chosen: Sequence[Company], *, stamped: bool) -> None:
        """See that every company got there, by its own table and by its stamp, which undoing goes by."""
        if not stamped:
            with self.server.connect("postgres") as connection, connection.transaction():
                for company in chosen:
                    connection.execute(databases.stamp(company.database, self.plan.after))
        states = self.ops.tenant_states([company.id for company in chosen], verify=True)
        late = [state for state in states if state.heads != self.plan.after or state.state == "wrong stamp"]
        assert not late, late[:3]

    def each(self, work: Callable[[Company], object], chosen: Sequence[Company]) -> None:
        """Do some work for each company, as many at a time as the contenders do."""
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, chosen))


def libpq(server: Server, database: str) -> dict[str, str]:
    """Return an environment that tells any program on libpq, or like it, how to reach a database."""
    given = {"port": "5432", **conninfo.conninfo_to_dict(server.dsn(database))}
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "passfile": "PGPASSFILE"}
    return {
        **os.environ,
        "PGDATABASE": database,
        **{variable: str(given[name]) for name, variable in names.items() if given.get(name)},
    }


def xargs(
    command: Sequence[str | Path], chosen: Sequence[Company], *, at_once: int, env: Mapping[str, str] | None = None
) -> None:
    """Run `command` as a process for each company, with its database in place of the word DATABASE."""
    names = "\n".join(company.database for company in chosen)
    line = ["xargs", "-P", str(at_once), "-I", "DATABASE", *map(str, command)]
    done = subprocess.run(line, input=names, text=True, env=env, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr[-2000:]}")
