"""MicroStarMeter: makes tokens for MicroStar's meters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b9dc04860e87"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("MicroStarMeter",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "micro_star_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), nullable=True),
        sa.Column("certificate_file_name", sa.Text(), nullable=True),
        sa.Column("certificate_path", sa.Text(), nullable=True),
        sa.Column("certificate_password", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_micro_star_api_credentials")),
    )
    op.create_table(
        "micro_star_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_micro_star_transactions")),
    )


def downgrade() -> None:
    op.drop_table("micro_star_transactions")
    op.drop_table("micro_star_api_credentials")
