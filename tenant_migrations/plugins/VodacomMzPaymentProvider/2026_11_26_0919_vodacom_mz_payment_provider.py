"""VodacomMzPaymentProvider: takes M-Pesa payments in Mozambique."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0a2b40882790"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("VodacomMzPaymentProvider",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "vodacom_mz_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_key", sa.Text(), nullable=True),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("service_provider_code", sa.Text(), nullable=True),
        sa.Column("live", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vodacom_mz_credentials")),
    )
    op.create_table(
        "vodacom_mz_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("serialNumber", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("payerPhoneNumber", sa.Text(), nullable=False),
        sa.Column("referenceId", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("conversationId", sa.Text(), nullable=True),
        sa.Column("transactionId", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vodacom_mz_transactions")),
        sa.UniqueConstraint("referenceId", name=op.f("uq_vodacom_mz_transactions_referenceId")),
    )


def downgrade() -> None:
    op.drop_table("vodacom_mz_transactions")
    op.drop_table("vodacom_mz_credentials")
