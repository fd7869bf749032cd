"""DemoMeterManufacturer: makes tokens that no meter takes, for trying things out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7bd9eaa9fb7b"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("DemoMeterManufacturer",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "demo_meter_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demo_meter_transactions")),
    )


def downgrade() -> None:
    op.drop_table("demo_meter_transactions")
