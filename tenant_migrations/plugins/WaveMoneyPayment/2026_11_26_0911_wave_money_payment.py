"""WaveMoneyPayment: takes payments through Wave Money."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "15fe9dc2596f"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("WaveMoneyPayment",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "wave_money_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=True),
        sa.Column("merchant_name", sa.Text(), nullable=True),
        sa.Column("secret_key", sa.Text(), nullable=True),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column("payment_url", sa.Text(), nullable=True),
        sa.Column("result_url", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wave_money_credentials")),
    )
    op.create_table(
        "wave_money_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("status", sa.SmallInteger(), server_default=sa.text("-2"), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("meter_serial", sa.Text(), nullable=True),
        sa.Column("external_transaction_id", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wave_money_transactions")),
    )
    op.create_index(
        "ix_wave_money_transactions_manufacturer_transaction",
        "wave_money_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )


def downgrade() -> None:
    op.drop_table("wave_money_transactions")
    op.drop_table("wave_money_credentials")
