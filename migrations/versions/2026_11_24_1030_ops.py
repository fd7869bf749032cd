"""The schema ops: fleet runs, their outcomes, and registrations under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "19d7f3a86b4c"
down_revision: str | tuple[str, ...] | None = "c5e094b7a2d8"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA ops")
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("plans", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('running', 'finished', 'interrupted')", name=op.f("ck_runs_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        schema="ops",
    )
    op.create_table(
        "outcomes",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("company_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="untouched", nullable=False),
        sa.Column("before", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("after", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("sqlstate", sa.Text(), server_default="", nullable=False),
        sa.Column("revision", sa.Text(), server_default="", nullable=False),
        sa.Column("statement", sa.Text(), server_default="", nullable=False),
        sa.Column("hint", sa.Text(), server_default="", nullable=False),
        sa.Column("blocker", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('done', 'skipped', 'busy', 'failed', 'untouched')", name=op.f("ck_outcomes_status")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["ops.runs.id"], name=op.f("fk_outcomes_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "company_id", name=op.f("pk_outcomes")),
        schema="ops",
    )
    op.create_index(op.f("ix_outcomes_company_id"), "outcomes", ["company_id"], unique=False, schema="ops")
    op.create_table(
        "registration_steps",
        sa.Column("company_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("done_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("company_id", "step", name=op.f("pk_registration_steps")),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_table("registration_steps", schema="ops")
    op.drop_table("outcomes", schema="ops")
    op.drop_table("runs", schema="ops")
    op.execute("DROP SCHEMA ops")
