"""WavecomPayment: takes payments through Wave in Senegal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "6d4fca08bb27"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("WavecomPayment",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "wavecom_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wavecom_transactions")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_wavecom_transactions_transaction_id")),
    )
    op.create_index(
        "ix_wavecom_transactions_manufacturer_transaction",
        "wavecom_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )


def downgrade() -> None:
    op.drop_table("wavecom_transactions")
