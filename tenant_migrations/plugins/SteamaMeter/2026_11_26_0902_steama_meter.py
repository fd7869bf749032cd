"""SteamaMeter: synchronises customers, meters and payments with Steamaco."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "f29325b7f647"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("SteamaMeter",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "steama_agents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("mpm_agent_id", sa.BigInteger(), nullable=False),
        sa.Column("is_credit_limited", sa.Boolean(), nullable=False),
        sa.Column("credit_balance", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_agent_id"], ["agents.id"], name=op.f("fk_steama_agents_mpm_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_agents")),
        sa.UniqueConstraint("agent_id", name=op.f("uq_steama_agents_agent_id")),
        sa.UniqueConstraint("mpm_agent_id", name=op.f("uq_steama_agents_mpm_agent_id")),
    )
    op.create_index(op.f("ix_steama_agents_site_id"), "steama_agents", ["site_id"])
    op.create_table(
        "steama_asset_rates_payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mpm_asset_people_id", sa.BigInteger(), nullable=False),
        sa.Column("down_payment", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_asset_rates_payment_plans")),
    )
    op.create_table(
        "steama_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("is_authenticated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("api_url", sa.Text(), server_default="https://api.steama.co", nullable=False),
        sa.Column("authentication_token", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_credentials")),
    )
    op.create_table(
        "steama_customer_basis_time_of_usages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_customer_basis_time_of_usages")),
    )
    op.create_table(
        "steama_flat_rate_payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("energy_price", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_flat_rate_payment_plans")),
    )
    op.create_table(
        "steama_hybrid_payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("connection_fee", sa.Numeric(precision=20, scale=4), nullable=True),
        sa.Column("subscription_cost", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("payment_days_of_month", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_hybrid_payment_plans")),
    )
    op.create_table(
        "steama_meters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("meter_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("bit_harvester_id", sa.Integer(), server_default=sa.text("0"), nullable=True),
        sa.Column("mpm_meter_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_meter_id"], ["meters.id"], name=op.f("fk_steama_meters_mpm_meter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_meters")),
        sa.UniqueConstraint("meter_id", name=op.f("uq_steama_meters_meter_id")),
        sa.UniqueConstraint("mpm_meter_id", name=op.f("uq_steama_meters_mpm_meter_id")),
    )
    op.create_index(op.f("ix_steama_meters_customer_id"), "steama_meters", ["customer_id"])
    op.create_table(
        "steama_meter_types",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mpm_meter_type_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("usage_spike_threshold", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["mpm_meter_type_id"], ["meter_types.id"], name=op.f("fk_steama_meter_types_mpm_meter_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_meter_types")),
    )
    op.create_index(op.f("ix_steama_meter_types_mpm_meter_type_id"), "steama_meter_types", ["mpm_meter_type_id"])
    op.create_table(
        "steama_minimum_top_up_requirements_payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("threshold", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_minimum_top_up_requirements_payment_plans")),
    )
    op.create_table(
        "steama_per_kwh_payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("energy_price", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_per_kwh_payment_plans")),
    )
    op.create_table(
        "steama_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("setting_id", sa.BigInteger(), nullable=False),
        sa.Column("setting_type", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_settings")),
    )
    op.create_index("ix_steama_settings_setting", "steama_settings", ["setting_type", "setting_id"])
    op.create_table(
        "steama_sites",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("mpm_mini_grid_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_mini_grid_id"], ["mini_grids.id"], name=op.f("fk_steama_sites_mpm_mini_grid_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_sites")),
        sa.UniqueConstraint("mpm_mini_grid_id", name=op.f("uq_steama_sites_mpm_mini_grid_id")),
        sa.UniqueConstraint("site_id", name=op.f("uq_steama_sites_site_id")),
    )
    op.create_table(
        "steama_site_level_payment_plan_types",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_site_level_payment_plan_types")),
    )
    op.create_table(
        "steama_site_level_payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_plan_type_id", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_plan_type_id"],
            ["steama_site_level_payment_plan_types.id"],
            name=op.f("fk_steama_site_level_payment_plans_payment_plan_type_id"),
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["steama_sites.id"], name=op.f("fk_steama_site_level_payment_plans_site_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_site_level_payment_plans")),
    )
    op.create_index(
        op.f("ix_steama_site_level_payment_plans_payment_plan_type_id"),
        "steama_site_level_payment_plans",
        ["payment_plan_type_id"],
    )
    op.create_index(op.f("ix_steama_site_level_payment_plans_site_id"), "steama_site_level_payment_plans", ["site_id"])
    op.create_table(
        "steama_sms_bodies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reference", postgresql.CITEXT(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("place_holder", sa.Text(), nullable=False),
        sa.Column("variables", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_sms_bodies")),
        sa.UniqueConstraint("reference", name=op.f("uq_steama_sms_bodies_reference")),
    )
    op.create_table(
        "steama_sms_feedback_words",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("meter_balance", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_sms_feedback_words")),
    )
    op.create_table(
        "steama_sms_notified_customers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("notify_type", sa.Text(), nullable=False),
        sa.Column("notify_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_sms_notified_customers")),
        sa.UniqueConstraint("notify_id", name=op.f("uq_steama_sms_notified_customers_notify_id")),
    )
    op.create_table(
        "steama_sms_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("not_send_elder_than_mins", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_sms_settings")),
        sa.UniqueConstraint("state", name=op.f("uq_steama_sms_settings_state")),
    )
    op.create_table(
        "steama_sms_variable_default_values",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_sms_variable_default_values")),
    )
    op.create_table(
        "steama_subscription_payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_fee", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("plan_duration", sa.Text(), server_default="0", nullable=False),
        sa.Column("energy_allotment", sa.Double(), nullable=True),
        sa.Column("top_ups_enabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_subscription_payment_plans")),
    )
    op.create_table(
        "steama_sync_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("action_name", sa.Text(), nullable=False),
        sa.Column("sync_in_value_str", sa.Text(), nullable=False),
        sa.Column("sync_in_value_num", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("3"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_sync_settings")),
        sa.UniqueConstraint("action_name", name=op.f("uq_steama_sync_settings_action_name")),
    )
    op.create_table(
        "steama_sync_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sync_setting_id", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_sync", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("next_sync", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["sync_setting_id"], ["steama_sync_settings.id"], name=op.f("fk_steama_sync_actions_sync_setting_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_sync_actions")),
    )
    op.create_index(op.f("ix_steama_sync_actions_sync_setting_id"), "steama_sync_actions", ["sync_setting_id"])
    op.create_table(
        "steama_tariffs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mpm_tariff_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_tariff_id"], ["tariffs.id"], name=op.f("fk_steama_tariffs_mpm_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_tariffs")),
        sa.UniqueConstraint("mpm_tariff_id", name=op.f("uq_steama_tariffs_mpm_tariff_id")),
    )
    op.create_table(
        "steama_tariff_override_payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("energy_price", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_tariff_override_payment_plans")),
    )
    op.create_table(
        "steama_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("synchronization_status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_transactions")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_steama_transactions_transaction_id")),
    )
    op.create_index(op.f("ix_steama_transactions_customer_id"), "steama_transactions", ["customer_id"])
    op.create_index(op.f("ix_steama_transactions_site_id"), "steama_transactions", ["site_id"])
    op.create_table(
        "steama_user_types",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mpm_connection_type_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("syntax", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["mpm_connection_type_id"],
            ["connection_types.id"],
            name=op.f("fk_steama_user_types_mpm_connection_type_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_user_types")),
    )
    op.create_index(
        op.f("ix_steama_user_types_mpm_connection_type_id"), "steama_user_types", ["mpm_connection_type_id"]
    )
    op.create_table(
        "steama_customers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("user_type_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("mpm_customer_id", sa.BigInteger(), nullable=False),
        sa.Column("energy_price", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("account_balance", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "low_balance_warning", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_customer_id"], ["people.id"], name=op.f("fk_steama_customers_mpm_customer_id")),
        sa.ForeignKeyConstraint(
            ["user_type_id"], ["steama_user_types.id"], name=op.f("fk_steama_customers_user_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_customers")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_steama_customers_customer_id")),
        sa.UniqueConstraint("mpm_customer_id", name=op.f("uq_steama_customers_mpm_customer_id")),
    )
    op.create_index(op.f("ix_steama_customers_site_id"), "steama_customers", ["site_id"])
    op.create_index(op.f("ix_steama_customers_user_type_id"), "steama_customers", ["user_type_id"])
    op.create_table(
        "steama_customer_basis_payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_plan_type", sa.Text(), nullable=False),
        sa.Column("payment_plan_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["steama_customers.id"], name=op.f("fk_steama_customer_basis_payment_plans_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_steama_customer_basis_payment_plans")),
    )
    op.create_index(
        op.f("ix_steama_customer_basis_payment_plans_customer_id"),
        "steama_customer_basis_payment_plans",
        ["customer_id"],
    )
    op.create_index(
        "ix_steama_customer_basis_payment_plans_payment_plan",
        "steama_customer_basis_payment_plans",
        ["payment_plan_type", "payment_plan_id"],
    )


def downgrade() -> None:
    op.drop_table("steama_customer_basis_payment_plans")
    op.drop_table("steama_customers")
    op.drop_table("steama_user_types")
    op.drop_table("steama_transactions")
    op.drop_table("steama_tariff_override_payment_plans")
    op.drop_table("steama_tariffs")
    op.drop_table("steama_sync_actions")
    op.drop_table("steama_sync_settings")
    op.drop_table("steama_subscription_payment_plans")
    op.drop_table("steama_sms_variable_default_values")
    op.drop_table("steama_sms_settings")
    op.drop_table("steama_sms_notified_customers")
    op.drop_table("steama_sms_feedback_words")
    op.drop_table("steama_sms_bodies")
    op.drop_table("steama_site_level_payment_plans")
    op.drop_table("steama_site_level_payment_plan_types")
    op.drop_table("steama_sites")
    op.drop_table("steama_settings")
    op.drop_table("steama_per_kwh_payment_plans")
    op.drop_table("steama_minimum_top_up_requirements_payment_plans")
    op.drop_table("steama_meter_types")
    op.drop_table("steama_meters")
    op.drop_table("steama_hybrid_payment_plans")
    op.drop_table("steama_flat_rate_payment_plans")
    op.drop_table("steama_customer_basis_time_of_usages")
    op.drop_table("steama_credentials")
    op.drop_table("steama_asset_rates_payment_plans")
    op.drop_table("steama_agents")
