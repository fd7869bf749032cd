"""SafaricomKePaymentProvider: takes M-PESA payments in Kenya."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "7f224ee94a9d"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("SafaricomKePaymentProvider",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "safaricom_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("consumer_key", sa.Text(), nullable=True),
        sa.Column("consumer_secret", sa.Text(), nullable=True),
        sa.Column("passkey", sa.Text(), nullable=True),
        sa.Column("shortcode", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), server_default="sandbox", nullable=False),
        sa.Column("validation_url", sa.Text(), nullable=True),
        sa.Column("confirmation_url", sa.Text(), nullable=True),
        sa.Column("timeout_url", sa.Text(), nullable=True),
        sa.Column("result_url", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint(
            "environment IN ('sandbox', 'production')", name=op.f("ck_safaricom_credentials_environment")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safaricom_credentials")),
    )
    op.create_index(op.f("ix_safaricom_credentials_environment"), "safaricom_credentials", ["environment"])
    op.create_table(
        "safaricom_transactions",
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
        sa.Column("phone_number", sa.Text(), nullable=False),
        sa.Column("checkout_request_id", sa.Text(), nullable=True),
        sa.Column("merchant_request_id", sa.Text(), nullable=True),
        sa.Column("mpesa_receipt_number", sa.Text(), nullable=True),
        sa.Column("transaction_date", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("account_reference", sa.Text(), nullable=True),
        sa.Column("transaction_desc", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("response_data", postgresql.JSONB(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safaricom_transactions")),
        sa.UniqueConstraint("order_id", name=op.f("uq_safaricom_transactions_order_id")),
        sa.UniqueConstraint("reference_id", name=op.f("uq_safaricom_transactions_reference_id")),
    )
    op.create_index(
        op.f("ix_safaricom_transactions_checkout_request_id"), "safaricom_transactions", ["checkout_request_id"]
    )
    op.create_index(op.f("ix_safaricom_transactions_customer_id"), "safaricom_transactions", ["customer_id"])
    op.create_index(op.f("ix_safaricom_transactions_device_type"), "safaricom_transactions", ["device_type"])
    op.create_index(
        "ix_safaricom_transactions_manufacturer_transaction",
        "safaricom_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )
    op.create_index(op.f("ix_safaricom_transactions_phone_number"), "safaricom_transactions", ["phone_number"])
    op.create_index(op.f("ix_safaricom_transactions_serial_id"), "safaricom_transactions", ["serial_id"])
    op.create_index(op.f("ix_safaricom_transactions_status"), "safaricom_transactions", ["status"])


def downgrade() -> None:
    op.drop_table("safaricom_transactions")
    op.drop_table("safaricom_credentials")
