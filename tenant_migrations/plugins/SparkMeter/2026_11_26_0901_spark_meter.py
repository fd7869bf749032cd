"""SparkMeter: synchronises customers, tariffs and readings with Koios and ThunderCloud."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "9125f8cf7214"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("SparkMeter",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "sm_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), server_default="https://www.sparkmeter.cloud/api/v0", nullable=False),
        sa.Column("api_key", sa.Text(), nullable=True),
        sa.Column("api_secret", sa.Text(), nullable=True),
        sa.Column("is_authenticated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_api_credentials")),
    )
    op.create_table(
        "sm_customers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("mpm_customer_id", sa.BigInteger(), nullable=False),
        sa.Column("credit_balance", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("low_balance_limit", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_customer_id"], ["people.id"], name=op.f("fk_sm_customers_mpm_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_customers")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_sm_customers_customer_id")),
        sa.UniqueConstraint("mpm_customer_id", name=op.f("uq_sm_customers_mpm_customer_id")),
    )
    op.create_index(op.f("ix_sm_customers_site_id"), "sm_customers", ["site_id"])
    op.create_table(
        "sm_meter_models",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("mpm_meter_type_id", sa.BigInteger(), nullable=False),
        sa.Column("continuous_limit", sa.Integer(), nullable=False),
        sa.Column("inrush_limit", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["mpm_meter_type_id"], ["meter_types.id"], name=op.f("fk_sm_meter_models_mpm_meter_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_meter_models")),
    )
    op.create_index(op.f("ix_sm_meter_models_mpm_meter_type_id"), "sm_meter_models", ["mpm_meter_type_id"])
    op.create_index(op.f("ix_sm_meter_models_site_id"), "sm_meter_models", ["site_id"])
    op.create_table(
        "sm_organizations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_organizations")),
        sa.UniqueConstraint("code", name=op.f("uq_sm_organizations_code")),
        sa.UniqueConstraint("organization_id", name=op.f("uq_sm_organizations_organization_id")),
    )
    op.create_table(
        "sm_sales_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sales_account_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_type", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("credit", sa.Numeric(precision=20, scale=4), nullable=True),
        sa.Column("markup", sa.Numeric(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_sales_accounts")),
    )
    op.create_index(op.f("ix_sm_sales_accounts_site_id"), "sm_sales_accounts", ["site_id"])
    op.create_table(
        "sm_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("setting_id", sa.BigInteger(), nullable=False),
        sa.Column("setting_type", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_settings")),
    )
    op.create_index("ix_sm_settings_setting", "sm_settings", ["setting_type", "setting_id"])
    op.create_table(
        "sm_sites",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("mpm_mini_grid_id", sa.BigInteger(), nullable=False),
        sa.Column("thundercloud_url", sa.Text(), nullable=False),
        sa.Column("thundercloud_token", sa.Text(), nullable=True),
        sa.Column("is_authenticated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_online", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_mini_grid_id"], ["mini_grids.id"], name=op.f("fk_sm_sites_mpm_mini_grid_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_sites")),
        sa.UniqueConstraint("mpm_mini_grid_id", name=op.f("uq_sm_sites_mpm_mini_grid_id")),
        sa.UniqueConstraint("site_id", name=op.f("uq_sm_sites_site_id")),
        sa.UniqueConstraint("thundercloud_url", name=op.f("uq_sm_sites_thundercloud_url")),
    )
    op.create_table(
        "sm_sms_bodies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reference", postgresql.CITEXT(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("place_holder", sa.Text(), nullable=False),
        sa.Column("variables", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_sms_bodies")),
        sa.UniqueConstraint("reference", name=op.f("uq_sm_sms_bodies_reference")),
    )
    op.create_table(
        "sm_sms_feedback_words",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("meter_reset", sa.Text(), nullable=True),
        sa.Column("meter_balance", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_sms_feedback_words")),
    )
    op.create_table(
        "sm_sms_notified_customers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("notify_type", sa.Text(), nullable=False),
        sa.Column("notify_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_sms_notified_customers")),
        sa.UniqueConstraint("notify_id", name=op.f("uq_sm_sms_notified_customers_notify_id")),
    )
    op.create_table(
        "sm_sms_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("not_send_elder_than_mins", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_sms_settings")),
        sa.UniqueConstraint("state", name=op.f("uq_sm_sms_settings_state")),
    )
    op.create_table(
        "sm_sms_variable_default_values",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_sms_variable_default_values")),
    )
    op.create_table(
        "sm_sync_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("action_name", sa.Text(), nullable=False),
        sa.Column("sync_in_value_str", sa.Text(), nullable=False),
        sa.Column("sync_in_value_num", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("3"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_sync_settings")),
        sa.UniqueConstraint("action_name", name=op.f("uq_sm_sync_settings_action_name")),
    )
    op.create_table(
        "sm_sync_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sync_setting_id", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_sync", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("next_sync", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["sync_setting_id"], ["sm_sync_settings.id"], name=op.f("fk_sm_sync_actions_sync_setting_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_sync_actions")),
    )
    op.create_index(op.f("ix_sm_sync_actions_sync_setting_id"), "sm_sync_actions", ["sync_setting_id"])
    op.create_table(
        "sm_tariffs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("tariff_id", sa.Text(), nullable=False),
        sa.Column("mpm_tariff_id", sa.BigInteger(), nullable=False),
        sa.Column("flat_load_limit", sa.Integer(), nullable=False),
        sa.Column("plan_duration", sa.Text(), nullable=True),
        sa.Column("plan_price", sa.Numeric(precision=20, scale=4), nullable=True),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_tariff_id"], ["tariffs.id"], name=op.f("fk_sm_tariffs_mpm_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_tariffs")),
        sa.UniqueConstraint("mpm_tariff_id", name=op.f("uq_sm_tariffs_mpm_tariff_id")),
        sa.UniqueConstraint("tariff_id", name=op.f("uq_sm_tariffs_tariff_id")),
    )
    op.create_index(op.f("ix_sm_tariffs_site_id"), "sm_tariffs", ["site_id"])
    op.create_table(
        "sm_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), server_default="created", nullable=False),
        sa.Column("timestamp", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sm_transactions")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_sm_transactions_transaction_id")),
    )
    op.create_index(op.f("ix_sm_transactions_site_id"), "sm_transactions", ["site_id"])


def downgrade() -> None:
    op.drop_table("sm_transactions")
    op.drop_table("sm_tariffs")
    op.drop_table("sm_sync_actions")
    op.drop_table("sm_sync_settings")
    op.drop_table("sm_sms_variable_default_values")
    op.drop_table("sm_sms_settings")
    op.drop_table("sm_sms_notified_customers")
    op.drop_table("sm_sms_feedback_words")
    op.drop_table("sm_sms_bodies")
    op.drop_table("sm_sites")
    op.drop_table("sm_settings")
    op.drop_table("sm_sales_accounts")
    op.drop_table("sm_organizations")
    op.drop_table("sm_meter_models")
    op.drop_table("sm_customers")
    op.drop_table("sm_api_credentials")
