"""What is remembered of drift: references by state, and the last check of each company."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "7c0d52e9b1f4"
down_revision: str | tuple[str, ...] | None = "e2a4c81d7f36"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_table(
        "drift_references",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("objects", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_drift_references")),
        schema="ops",
    )
    op.create_table(
        "drift_checks",
        sa.Column("company_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("heads", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("marker", sa.Text(), nullable=False),
        sa.Column("differences", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("checked_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_drift_checks_company_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("company_id", name=op.f("pk_drift_checks")),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_table("drift_checks", schema="ops")
    op.drop_table("drift_references", schema="ops")
