"""ChintMeter: makes tokens for Chint's meters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "171df89c928d"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("ChintMeter",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "chint_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "api_url",
            sa.Text(),
            server_default="https://197.221.155.210/jianpanbiaoEnglish/PrepaidWebService.asmx",
            nullable=False,
        ),
        sa.Column("user_name", sa.Text(), nullable=True),
        sa.Column("user_password", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chint_api_credentials")),
    )
    op.create_table(
        "chint_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chint_transactions")),
    )


def downgrade() -> None:
    op.drop_table("chint_transactions")
    op.drop_table("chint_api_credentials")
