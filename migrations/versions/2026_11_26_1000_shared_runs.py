"""Runs that several processes share: batches that are claimed, and the runs that each of them became."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c4f8d1a7e3b2"
down_revision: str | tuple[str, ...] | None = "a07e5c92b1d4"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("part_of", sa.BigInteger(), nullable=True), schema="ops")
    op.add_column("runs", sa.Column("batch", sa.Integer(), nullable=True), schema="ops")
    op.create_foreign_key(
        op.f("fk_runs_part_of"), "runs", "runs", ["part_of"], ["id"], source_schema="ops", referent_schema="ops"
    )
    op.create_index(op.f("ix_runs_part_of"), "runs", ["part_of"], schema="ops")
    op.create_table(
        "batches",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("gate", sa.Text(), server_default="", nullable=False),
        sa.Column("companies", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("done_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["ops.runs.id"], name=op.f("fk_batches_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_batches")),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_table("batches", schema="ops")
    op.drop_constraint(op.f("fk_runs_part_of"), "runs", schema="ops", type_="foreignkey")
    op.drop_index(op.f("ix_runs_part_of"), "runs", schema="ops")
    op.drop_column("runs", "batch", schema="ops")
    op.drop_column("runs", "part_of", schema="ops")
