"""StronMeter: makes tokens for Stron's meters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "05cbd767606c"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("StronMeter",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "stron_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), server_default="http://www.saitecapi.stronpower.com/api", nullable=False),
        sa.Column("api_token", sa.Text(), nullable=True),
        sa.Column("company_name", sa.Text(), nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("is_authenticated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stron_api_credentials")),
    )
    op.create_table(
        "stron_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stron_transactions")),
    )


def downgrade() -> None:
    op.drop_table("stron_transactions")
    op.drop_table("stron_api_credentials")
