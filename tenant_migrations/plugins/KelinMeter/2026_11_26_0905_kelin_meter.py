"""KelinMeter: synchronises Kelin's meters and their readings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3c5adf527e2f"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("KelinMeter",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "kelin_api_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_url", sa.Text(), nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("authentication_token", sa.Text(), nullable=True),
        sa.Column("is_authenticated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kelin_api_credentials")),
    )
    op.create_table(
        "kelin_customers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mpm_customer_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_no", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("mobile", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_customer_id"], ["people.id"], name=op.f("fk_kelin_customers_mpm_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kelin_customers")),
        sa.UniqueConstraint("customer_no", name=op.f("uq_kelin_customers_customer_no")),
        sa.UniqueConstraint("mpm_customer_id", name=op.f("uq_kelin_customers_mpm_customer_id")),
    )
    op.create_table(
        "kelin_meters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("mpm_meter_id", sa.BigInteger(), nullable=False),
        sa.Column("meter_address", sa.Text(), nullable=False),
        sa.Column("meter_name", sa.Text(), nullable=False),
        sa.Column("customer_no", sa.Text(), nullable=False),
        sa.Column("rtuId", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["mpm_meter_id"], ["meters.id"], name=op.f("fk_kelin_meters_mpm_meter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kelin_meters")),
        sa.UniqueConstraint("meter_address", name=op.f("uq_kelin_meters_meter_address")),
        sa.UniqueConstraint("mpm_meter_id", name=op.f("uq_kelin_meters_mpm_meter_id")),
    )
    op.create_index(op.f("ix_kelin_meters_customer_no"), "kelin_meters", ["customer_no"])
    op.create_table(
        "kelin_meter_daily_datas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("id_of_terminal", sa.Integer(), nullable=False),
        sa.Column("id_of_measurement_point", sa.Integer(), nullable=False),
        sa.Column("address_of_meter", sa.Text(), nullable=False),
        sa.Column("name_of_meter", sa.Text(), nullable=False),
        sa.Column("date_of_data", sa.Integer(), nullable=False),
        sa.Column("total_positive_active_power_cumulative_flow_indication", sa.Double(), nullable=False),
        sa.Column("total_positive_active_peak_power", sa.Double(), nullable=False),
        sa.Column("total_positive_active_flat_power", sa.Double(), nullable=False),
        sa.Column("total_positive_active_valley_power", sa.Double(), nullable=False),
        sa.Column("total_positive_active_spike_power", sa.Double(), nullable=False),
        sa.Column("total_positive_reactive_power_cumulative_flow_indication", sa.Double(), nullable=False),
        sa.Column("total_positive_reactive_peak_power", sa.Double(), nullable=False),
        sa.Column("total_positive_reactive_flat_power", sa.Double(), nullable=False),
        sa.Column("total_positive_reactive_valley_power", sa.Double(), nullable=False),
        sa.Column("total_positive_reactive_spike_power", sa.Double(), nullable=False),
        sa.Column("total_reverted_active_power_cumulative_flow_indication", sa.Double(), nullable=False),
        sa.Column("total_reverted_reactive_power_cumulative_flow_indication", sa.Double(), nullable=False),
        sa.Column("positive_active_total_daily_power", sa.Double(), nullable=False),
        sa.Column("positive_active_daily_power_in_peak", sa.Double(), nullable=False),
        sa.Column("positive_active_daily_power_in_flat", sa.Double(), nullable=False),
        sa.Column("positive_active_daily_power_in_valley", sa.Double(), nullable=False),
        sa.Column("positive_active_daily_power_in_spike", sa.Double(), nullable=False),
        sa.Column("positive_reactive_total_daily_power", sa.Double(), nullable=False),
        sa.Column("reverted_active_total_daily_power", sa.Double(), nullable=False),
        sa.Column("reverted_reactive_total_daily_power", sa.Double(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kelin_meter_daily_datas")),
    )
    op.create_table(
        "kelin_meter_minutely_datas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("id_of_terminal", sa.Integer(), nullable=False),
        sa.Column("id_of_measurement_point", sa.Integer(), nullable=False),
        sa.Column("address_of_meter", sa.Text(), nullable=False),
        sa.Column("name_of_meter", sa.Text(), nullable=False),
        sa.Column("date_of_data", sa.Integer(), nullable=False),
        sa.Column("time_of_data", sa.Integer(), nullable=False),
        sa.Column("positive_active_value", sa.Double(), nullable=False),
        sa.Column("positive_reactive_value", sa.Double(), nullable=False),
        sa.Column("inverted_active_value", sa.Double(), nullable=False),
        sa.Column("inverted_reactive_value", sa.Double(), nullable=False),
        sa.Column("positive_active_minute", sa.Double(), nullable=False),
        sa.Column("positive_reactive_minute", sa.Double(), nullable=False),
        sa.Column("inverted_active_minute", sa.Double(), nullable=False),
        sa.Column("inverted_reactive_minute", sa.Double(), nullable=False),
        sa.Column("voltage_of_phase_a", sa.Double(), nullable=False),
        sa.Column("voltage_of_phase_b", sa.Double(), nullable=False),
        sa.Column("voltage_of_phase_c", sa.Double(), nullable=False),
        sa.Column("power", sa.Double(), nullable=False),
        sa.Column("power_factor", sa.Double(), nullable=False),
        sa.Column("reactive_power", sa.Double(), nullable=False),
        sa.Column("current_of_phase_a", sa.Double(), nullable=False),
        sa.Column("current_of_phase_b", sa.Double(), nullable=False),
        sa.Column("current_of_phase_c", sa.Double(), nullable=False),
        sa.Column("temperature_1", sa.Double(), nullable=False),
        sa.Column("temperature_2", sa.Double(), nullable=False),
        sa.Column("pressure_1", sa.Double(), nullable=False),
        sa.Column("pressure_2", sa.Double(), nullable=False),
        sa.Column("flow_velocity", sa.Double(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kelin_meter_minutely_datas")),
    )
    op.create_table(
        "kelin_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("setting_id", sa.BigInteger(), nullable=False),
        sa.Column("setting_type", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kelin_settings")),
    )
    op.create_index("ix_kelin_settings_setting", "kelin_settings", ["setting_type", "setting_id"])
    op.create_table(
        "kelin_sync_settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("action_name", sa.Text(), nullable=False),
        sa.Column("sync_in_value_str", sa.Text(), nullable=False),
        sa.Column("sync_in_value_num", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("3"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kelin_sync_settings")),
        sa.UniqueConstraint("action_name", name=op.f("uq_kelin_sync_settings_action_name")),
    )
    op.create_table(
        "kelin_sync_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sync_setting_id", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_sync", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("next_sync", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["sync_setting_id"], ["kelin_sync_settings.id"], name=op.f("fk_kelin_sync_actions_sync_setting_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kelin_sync_actions")),
    )
    op.create_index(op.f("ix_kelin_sync_actions_sync_setting_id"), "kelin_sync_actions", ["sync_setting_id"])
    op.create_table(
        "kelin_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("meter_serial", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("op_type", sa.Integer(), nullable=False),
        sa.Column("pay_kwh", sa.Text(), nullable=False),
        sa.Column("open_token_1", sa.Text(), nullable=False),
        sa.Column("open_token_2", sa.Text(), nullable=False),
        sa.Column("pay_token", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kelin_transactions")),
    )


def downgrade() -> None:
    op.drop_table("kelin_transactions")
    op.drop_table("kelin_sync_actions")
    op.drop_table("kelin_sync_settings")
    op.drop_table("kelin_settings")
    op.drop_table("kelin_meter_minutely_datas")
    op.drop_table("kelin_meter_daily_datas")
    op.drop_table("kelin_meters")
    op.drop_table("kelin_customers")
    op.drop_table("kelin_api_credentials")
