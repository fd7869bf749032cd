"""TextbeeSmsGateway: sends SMS through a telephone with Textbee."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "22eb144ade39"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("TextbeeSmsGateway",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "textbee_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_key", sa.Text(), nullable=True),
        sa.Column("device_id", sa.Text(), nullable=True),
        sa.Column("webhook_secret", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_textbee_credentials")),
    )
    op.create_table(
        "textbee_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sms_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at_textbee", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["sms_id"], ["sms.id"], name=op.f("fk_textbee_messages_sms_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_textbee_messages")),
    )
    op.create_index(op.f("ix_textbee_messages_sms_id"), "textbee_messages", ["sms_id"])


def downgrade() -> None:
    op.drop_table("textbee_messages")
    op.drop_table("textbee_credentials")
