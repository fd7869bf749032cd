"""CalinSmartMeter: makes tokens for Calin's smart meters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "711891a70091"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("CalinSmartMeter",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "calin_smart_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), server_default="https://ami.calinhost.com/api", nullable=False),
        sa.Column("company_name", sa.Text(), nullable=True),
        sa.Column("user_name", sa.Text(), nullable=True),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("password_vend", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calin_smart_api_credentials")),
    )
    op.create_table(
        "calin_smart_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calin_smart_transactions")),
    )


def downgrade() -> None:
    op.drop_table("calin_smart_transactions")
    op.drop_table("calin_smart_api_credentials")
