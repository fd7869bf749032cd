"""FlutterwavePaymentProvider: takes payments through Flutterwave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "d5e38c648f65"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("FlutterwavePaymentProvider",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "flutterwave_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("secret_key", sa.Text(), nullable=False),
        sa.Column("encryption_key", sa.Text(), nullable=False),
        sa.Column("webhook_secret_hash", sa.Text(), nullable=True),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column("merchant_name", sa.Text(), server_default="Flutterwave", nullable=False),
        sa.Column("merchant_email", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), server_default="test", nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint("environment IN ('test', 'live')", name=op.f("ck_flutterwave_credentials_environment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flutterwave_credentials")),
    )
    op.create_index(op.f("ix_flutterwave_credentials_environment"), "flutterwave_credentials", ["environment"])
    op.create_table(
        "flutterwave_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), server_default="NGN", nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("reference_id", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("external_transaction_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("serial_id", sa.Text(), nullable=True),
        sa.Column("device_type", sa.Text(), nullable=True),
        sa.Column("flutterwave_reference", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_url", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flutterwave_transactions")),
        sa.UniqueConstraint("flutterwave_reference", name=op.f("uq_flutterwave_transactions_flutterwave_reference")),
        sa.UniqueConstraint("order_id", name=op.f("uq_flutterwave_transactions_order_id")),
        sa.UniqueConstraint("reference_id", name=op.f("uq_flutterwave_transactions_reference_id")),
    )
    op.create_index(op.f("ix_flutterwave_transactions_customer_id"), "flutterwave_transactions", ["customer_id"])
    op.create_index(op.f("ix_flutterwave_transactions_device_type"), "flutterwave_transactions", ["device_type"])
    op.create_index(
        op.f("ix_flutterwave_transactions_external_transaction_id"),
        "flutterwave_transactions",
        ["external_transaction_id"],
    )
    op.create_index(
        "ix_flutterwave_transactions_manufacturer_transaction",
        "flutterwave_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )
    op.create_index(op.f("ix_flutterwave_transactions_serial_id"), "flutterwave_transactions", ["serial_id"])
    op.create_index(op.f("ix_flutterwave_transactions_status"), "flutterwave_transactions", ["status"])


def downgrade() -> None:
    op.drop_table("flutterwave_transactions")
    op.drop_table("flutterwave_credentials")
