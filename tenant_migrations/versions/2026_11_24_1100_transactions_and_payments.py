"""Transactions, tokens and payments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a6bf34881ff1"
down_revision: str | tuple[str, ...] | None = "882dbf39204b"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_table(
        "transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("original_transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("original_transaction_type", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("type", sa.Text(), server_default="unknown", nullable=True),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint(
            "type IN ('energy', 'deferred_payment', 'eaas_rate', 'down_payment', 'ad_hoc', "
            "'unknown', 'imported', '3rd party api sync')",
            name=op.f("ck_transactions_type"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
    )
    op.create_index(op.f("ix_transactions_created_at"), "transactions", ["created_at"])
    op.create_index(op.f("ix_transactions_message"), "transactions", ["message"])
    op.create_index(
        "ix_transactions_original_transaction", "transactions", ["original_transaction_type", "original_transaction_id"]
    )
    op.create_table(
        "transaction_conflicts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("transaction_type", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transaction_conflicts")),
    )
    op.create_index(
        "ix_transaction_conflicts_transaction", "transaction_conflicts", ["transaction_type", "transaction_id"]
    )
    op.create_table(
        "cash_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint("status IN (-1, 0, 1)", name=op.f("ck_cash_transactions_status")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_cash_transactions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cash_transactions")),
    )
    op.create_index(
        "ix_cash_transactions_manufacturer_transaction",
        "cash_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )
    op.create_index(op.f("ix_cash_transactions_user_id"), "cash_transactions", ["user_id"])
    op.create_table(
        "third_party_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint("status IN (-1, 0, 1)", name=op.f("ck_third_party_transactions_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_third_party_transactions")),
    )
    op.create_index(
        "ix_third_party_transactions_manufacturer_transaction",
        "third_party_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("token_amount", sa.Double(), nullable=True),
        sa.Column("device_id", sa.BigInteger(), nullable=True),
        sa.Column("token_type", sa.Text(), server_default="energy", nullable=False),
        sa.Column("token_unit", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_tokens_device_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["transactions.id"], name=op.f("fk_tokens_transaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_tokens_transaction_id")),
    )
    op.create_index(op.f("ix_tokens_created_at"), "tokens", ["created_at"])
    op.create_index(op.f("ix_tokens_device_id"), "tokens", ["device_id"])
    op.create_table(
        "payment_histories",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_service", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("payment_type", sa.Text(), nullable=False),
        sa.Column("paid_for_type", sa.Text(), nullable=False),
        sa.Column("paid_for_id", sa.BigInteger(), nullable=False),
        sa.Column("payer_type", sa.Text(), nullable=False),
        sa.Column("payer_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transactions.id"], name=op.f("fk_payment_histories_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_histories")),
    )
    op.create_index(op.f("ix_payment_histories_created_at"), "payment_histories", ["created_at"])
    op.create_index("ix_payment_histories_paid_for", "payment_histories", ["paid_for_type", "paid_for_id"])
    op.create_index("ix_payment_histories_payer", "payment_histories", ["payer_type", "payer_id"])
    op.create_index(op.f("ix_payment_histories_transaction_id"), "payment_histories", ["transaction_id"])
    op.create_table(
        "access_rate_payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("meter_id", sa.BigInteger(), nullable=False),
        sa.Column("access_rate_id", sa.BigInteger(), nullable=False),
        sa.Column("due_date", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("debt", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("unpaid_in_row", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["access_rate_id"], ["access_rates.id"], name=op.f("fk_access_rate_payments_access_rate_id")
        ),
        sa.ForeignKeyConstraint(["meter_id"], ["meters.id"], name=op.f("fk_access_rate_payments_meter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_rate_payments")),
    )
    op.create_index(op.f("ix_access_rate_payments_access_rate_id"), "access_rate_payments", ["access_rate_id"])
    op.create_index(op.f("ix_access_rate_payments_meter_id"), "access_rate_payments", ["meter_id"])


def downgrade() -> None:
    op.drop_table("access_rate_payments")
    op.drop_table("payment_histories")
    op.drop_table("tokens")
    op.drop_table("third_party_transactions")
    op.drop_table("cash_transactions")
    op.drop_table("transaction_conflicts")
    op.drop_table("transactions")
