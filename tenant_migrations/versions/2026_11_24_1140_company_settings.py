"""Settings of the company, plugins and the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "cf3758d3c0e2"
down_revision: str | tuple[str, ...] | None = "183003b39725"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_table(
        "main_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("usage_type", sa.Text(), server_default="mini-grid&shs&e-bike", nullable=False),
        sa.Column("site_title", sa.Text(), nullable=False),
        sa.Column("company_name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("vat_energy", sa.Numeric(), nullable=True),
        sa.Column("vat_appliance", sa.Numeric(), nullable=True),
        sa.Column("sms_gateway_id", sa.BigInteger(), nullable=True),
        sa.Column("transaction_sms_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint(
            "usage_type IN ('mini-grid', 'shs', 'e-bike', 'mini-grid&shs', 'mini-grid&e-bike', "
            "'shs&e-bike', 'mini-grid&shs&e-bike')",
            name=op.f("ck_main_settings_usage_type"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_main_settings")),
    )
    op.create_index("uq_main_settings_one_row", "main_settings", [sa.literal_column("(true)")], unique=True)
    op.create_table(
        "map_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("zoom", sa.Integer(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_map_settings")),
    )
    op.create_index("uq_map_settings_one_row", "map_settings", [sa.literal_column("(true)")], unique=True)
    op.create_table(
        "plugins",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mpm_plugin_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint("status IN (0, 1)", name=op.f("ck_plugins_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugins")),
        sa.UniqueConstraint("mpm_plugin_id", name=op.f("uq_plugins_mpm_plugin_id")),
    )
    op.create_table(
        "registration_tail",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("component", postgresql.CITEXT(), nullable=True),
        sa.Column("adjusted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("updated_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_tail")),
    )
    op.create_table(
        "logs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("affected_type", sa.Text(), nullable=False),
        sa.Column("affected_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_logs_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logs")),
    )
    op.create_index("ix_logs_affected", "logs", ["affected_type", "affected_id"])
    op.create_index(op.f("ix_logs_user_id"), "logs", ["user_id"])


def downgrade() -> None:
    op.drop_table("logs")
    op.drop_table("registration_tail")
    op.drop_table("plugins")
    op.drop_table("map_settings")
    op.drop_table("main_settings")
