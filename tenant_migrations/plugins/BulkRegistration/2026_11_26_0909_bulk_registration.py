"""BulkRegistration: brings customers and their devices in from a CSV file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "00b442fe4219"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("BulkRegistration",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "bulk_registration_csv_datas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("csv_filename", sa.Text(), nullable=False),
        sa.Column("csv_data", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_registration_csv_datas")),
    )


def downgrade() -> None:
    op.drop_table("bulk_registration_csv_datas")
