"""GomeLongMeter: makes tokens for GomeLong's meters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "60d11f4fc948"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("GomeLongMeter",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "gome_long_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), server_default="http://60.205.216.142:8085/api/EKPower", nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("user_password", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gome_long_api_credentials")),
    )
    op.create_table(
        "gome_long_tariffs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tariff_id", sa.Text(), nullable=False),
        sa.Column("mpm_tariff_id", sa.BigInteger(), nullable=False),
        sa.Column("vat", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_tariff_id"], ["tariffs.id"], name=op.f("fk_gome_long_tariffs_mpm_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gome_long_tariffs")),
        sa.UniqueConstraint("mpm_tariff_id", name=op.f("uq_gome_long_tariffs_mpm_tariff_id")),
        sa.UniqueConstraint("tariff_id", name=op.f("uq_gome_long_tariffs_tariff_id")),
    )
    op.create_table(
        "gome_long_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gome_long_transactions")),
    )


def downgrade() -> None:
    op.drop_table("gome_long_transactions")
    op.drop_table("gome_long_tariffs")
    op.drop_table("gome_long_api_credentials")
