"""PesapalPaymentProvider: takes payments through Pesapal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c5dea2c2c8a6"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("PesapalPaymentProvider",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "pesapal_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("consumer_key", sa.Text(), nullable=False),
        sa.Column("consumer_secret", sa.Text(), nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column("merchant_name", sa.Text(), server_default="Pesapal", nullable=False),
        sa.Column("merchant_email", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), server_default="test", nullable=False),
        sa.Column("currency", sa.Text(), server_default="KES", nullable=False),
        sa.Column("ipn_id", sa.Text(), nullable=True),
        sa.Column("ipn_registered_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint("environment IN ('test', 'live')", name=op.f("ck_pesapal_credentials_environment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pesapal_credentials")),
    )
    op.create_index(op.f("ix_pesapal_credentials_environment"), "pesapal_credentials", ["environment"])
    op.create_table(
        "pesapal_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), server_default="KES", nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("external_transaction_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("serial_id", sa.Text(), nullable=True),
        sa.Column("device_type", sa.Text(), nullable=True),
        sa.Column("order_tracking_id", sa.Text(), nullable=True),
        sa.Column("merchant_reference", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_url", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pesapal_transactions")),
        sa.UniqueConstraint("order_id", name=op.f("uq_pesapal_transactions_order_id")),
        sa.UniqueConstraint("order_tracking_id", name=op.f("uq_pesapal_transactions_order_tracking_id")),
        sa.UniqueConstraint("reference_id", name=op.f("uq_pesapal_transactions_reference_id")),
    )
    op.create_index(op.f("ix_pesapal_transactions_customer_id"), "pesapal_transactions", ["customer_id"])
    op.create_index(op.f("ix_pesapal_transactions_device_type"), "pesapal_transactions", ["device_type"])
    op.create_index(
        op.f("ix_pesapal_transactions_external_transaction_id"), "pesapal_transactions", ["external_transaction_id"]
    )
    op.create_index(
        "ix_pesapal_transactions_manufacturer_transaction",
        "pesapal_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )
    op.create_index(op.f("ix_pesapal_transactions_merchant_reference"), "pesapal_transactions", ["merchant_reference"])
    op.create_index(op.f("ix_pesapal_transactions_serial_id"), "pesapal_transactions", ["serial_id"])
    op.create_index(op.f("ix_pesapal_transactions_status"), "pesapal_transactions", ["status"])


def downgrade() -> None:
    op.drop_table("pesapal_transactions")
    op.drop_table("pesapal_credentials")
