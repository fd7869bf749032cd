"""Prospect: pushes installations, payments, customers and agents to Prospect."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "f84f61e259fb"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("Prospect",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "prospect_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), nullable=True),
        sa.Column("api_token", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prospect_credentials")),
    )
    op.create_table(
        "prospect_extracted_files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("file_path", sa.Text(), nullable=True),
        sa.Column("records_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=True),
        sa.Column("extracted_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("is_synced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("synced_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prospect_extracted_files")),
    )
    op.create_table(
        "prospect_sync_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("action_name", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("sync_in_value_str", sa.Text(), nullable=False),
        sa.Column("sync_in_value_num", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("3"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prospect_sync_settings")),
        sa.UniqueConstraint("action_name", name=op.f("uq_prospect_sync_settings_action_name")),
    )
    op.create_table(
        "prospect_sync_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sync_setting_id", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_sync", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("next_sync", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["sync_setting_id"], ["prospect_sync_settings.id"], name=op.f("fk_prospect_sync_actions_sync_setting_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prospect_sync_actions")),
    )
    op.create_index(op.f("ix_prospect_sync_actions_sync_setting_id"), "prospect_sync_actions", ["sync_setting_id"])


def downgrade() -> None:
    op.drop_table("prospect_sync_actions")
    op.drop_table("prospect_sync_settings")
    op.drop_table("prospect_extracted_files")
    op.drop_table("prospect_credentials")
