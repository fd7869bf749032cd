"""DalyBms: controls the batteries of e-bikes with a Daly battery management system."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "68e3cc0bdc43"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("DalyBms",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "daly_bms_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), server_default="https://dev.iov18.com/api", nullable=False),
        sa.Column("user_name", sa.Text(), nullable=True),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("access_token", sa.Text(), nullable=True),
        sa.Column("token_expires_in", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daly_bms_api_credentials")),
    )
    op.create_table(
        "daly_bms_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daly_bms_transactions")),
    )


def downgrade() -> None:
    op.drop_table("daly_bms_transactions")
    op.drop_table("daly_bms_api_credentials")
