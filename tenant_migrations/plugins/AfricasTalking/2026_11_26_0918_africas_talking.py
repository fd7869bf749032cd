"""AfricasTalking: sends and receives SMS through Africa's Talking."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "53bb1ca0a1bd"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("AfricasTalking",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "africas_talking_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_key", sa.Text(), nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("short_code", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_africas_talking_credentials")),
    )
    op.create_table(
        "africas_talking_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sms_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["sms_id"], ["sms.id"], name=op.f("fk_africas_talking_messages_sms_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_africas_talking_messages")),
    )
    op.create_index(op.f("ix_africas_talking_messages_sms_id"), "africas_talking_messages", ["sms_id"])


def downgrade() -> None:
    op.drop_table("africas_talking_messages")
    op.drop_table("africas_talking_credentials")
