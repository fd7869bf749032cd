"""DemoShsManufacturer: makes tokens that no solar home system takes, for trying things out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3d6748dc3f62"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("DemoShsManufacturer",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "demo_shs_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demo_shs_transactions")),
    )


def downgrade() -> None:
    op.drop_table("demo_shs_transactions")
