"""What the companies' databases hold and do, a row for each at every snapshot; and when questions were asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "e31c7d40a9f6"
down_revision: str | tuple[str, ...] | None = "c4f8d1a7e3b2"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_table(
        "usage",
        sa.Column("taken_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("connections", sa.Integer(), nullable=True),
        sa.Column("transactions", sa.BigInteger(), nullable=True),
        sa.Column("inserted", sa.BigInteger(), nullable=True),
        sa.Column("updated", sa.BigInteger(), nullable=True),
        sa.Column("deleted", sa.BigInteger(), nullable=True),
        sa.Column("counted_since", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("questions", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("taken_at", "company_id", name=op.f("pk_usage")),
        schema="ops",
    )
    # Questions are only ever added to, so a few pages tell which part of the table a time is in.
    op.create_index(op.f("ix_questions_asked_at"), "questions", ["asked_at"], schema="ops", postgresql_using="brin")


def downgrade() -> None:
    op.drop_index(op.f("ix_questions_asked_at"), table_name="questions", schema="ops")
    op.drop_table("usage", schema="ops")
