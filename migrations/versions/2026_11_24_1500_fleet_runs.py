"""Fleet runs that can be paused, halted and resumed; the plan and the start of every outcome."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5b1e7c90d3a6"
down_revision: str | tuple[str, ...] | None = "19d7f3a86b4c"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("reason", sa.Text(), server_default="", nullable=False), schema="ops")
    op.add_column("runs", sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False), schema="ops")
    op.add_column("runs", sa.Column("resumes", sa.BigInteger(), nullable=True), schema="ops")
    op.create_foreign_key(
        op.f("fk_runs_resumes"), "runs", "runs", ["resumes"], ["id"], source_schema="ops", referent_schema="ops"
    )
    op.drop_constraint(op.f("ck_runs_state"), "runs", schema="ops")
    op.create_check_constraint(
        op.f("ck_runs_state"), "runs", "state IN ('running', 'finished', 'halted', 'interrupted')", schema="ops"
    )
    op.add_column("outcomes", sa.Column("plan", sa.Text(), server_default="", nullable=False), schema="ops")


def downgrade() -> None:
    op.drop_column("outcomes", "plan", schema="ops")
    op.drop_constraint(op.f("ck_runs_state"), "runs", schema="ops")
    op.execute("UPDATE ops.runs SET state = 'interrupted' WHERE state = 'halted'")
    op.create_check_constraint(
        op.f("ck_runs_state"), "runs", "state IN ('running', 'finished', 'interrupted')", schema="ops"
    )
    op.drop_constraint(op.f("fk_runs_resumes"), "runs", schema="ops", type_="foreignkey")
    op.drop_column("runs", "resumes", schema="ops")
    op.drop_column("runs", "paused", schema="ops")
    op.drop_column("runs", "reason", schema="ops")
