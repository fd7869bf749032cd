"""SwiftaPayment: takes payments through Swifta."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "79c5d04f1e4f"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("SwiftaPayment",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "swifta_authentication",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("expire_date", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_swifta_authentication")),
    )
    op.create_table(
        "swifta_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("transaction_reference", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.SmallInteger(), server_default=sa.text("-2"), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("cipher", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_swifta_transactions")),
    )
    op.create_index(
        "ix_swifta_transactions_manufacturer_transaction",
        "swifta_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )


def downgrade() -> None:
    op.drop_table("swifta_transactions")
    op.drop_table("swifta_authentication")
