"""Who asked which company what: only ever added to, by analysts through a view without a way to read it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a07e5c92b1d4"
down_revision: str | tuple[str, ...] | None = "d95a1f3e6c28"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_table(
        "questions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("asked_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("login", sa.Text(), server_default=sa.text("SESSION_USER"), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("sqlstate", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("outcome IN ('answered', 'cut', 'failed')", name=op.f("ck_questions_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
        schema="ops",
    )
    op.create_index(op.f("ix_questions_company_id"), "questions", ["company_id"], schema="ops")
    op.execute(
        "CREATE VIEW granted.questions AS "
        "SELECT who, company_id, statement, rows, seconds, outcome, sqlstate FROM ops.questions"
    )


def downgrade() -> None:
    op.execute("DROP VIEW granted.questions")
    op.drop_table("questions", schema="ops")
