"""SmsTransactionParser: reads payments out of the SMS of mobile money providers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8dec68db93a5"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("SmsTransactionParser",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "sms_parsing_rules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider_name", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("sender_pattern", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_parsing_rules")),
        sa.UniqueConstraint("provider_name", name=op.f("uq_sms_parsing_rules_provider_name")),
    )
    op.create_table(
        "sms_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider_name", sa.Text(), nullable=False),
        sa.Column("transaction_reference", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("sender_phone", sa.Text(), nullable=False),
        sa.Column("device_serial", sa.Text(), nullable=True),
        sa.Column("raw_message", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_transactions")),
        sa.UniqueConstraint("transaction_reference", name=op.f("uq_sms_transactions_transaction_reference")),
    )
    op.create_index(
        "ix_sms_transactions_manufacturer_transaction",
        "sms_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )


def downgrade() -> None:
    op.drop_table("sms_transactions")
    op.drop_table("sms_parsing_rules")
