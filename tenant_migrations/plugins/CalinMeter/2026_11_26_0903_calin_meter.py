"""CalinMeter: makes tokens for Calin's prepayment meters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2d9982ec6586"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("CalinMeter",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "calin_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), server_default="http://api.calinhost.com/api", nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("api_key", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calin_api_credentials")),
    )
    op.create_table(
        "calin_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calin_transactions")),
    )


def downgrade() -> None:
    op.drop_table("calin_transactions")
    op.drop_table("calin_api_credentials")
