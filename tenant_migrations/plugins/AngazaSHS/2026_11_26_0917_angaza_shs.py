"""AngazaSHS: makes tokens for solar home systems through Angaza."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c295b31f5138"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("AngazaSHS",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "angaza_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), server_default="https://payg.angazadesign.com/nexus/v1", nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("client_secret", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_angaza_api_credentials")),
    )
    op.create_table(
        "angaza_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_angaza_transactions")),
    )


def downgrade() -> None:
    op.drop_table("angaza_transactions")
    op.drop_table("angaza_api_credentials")
