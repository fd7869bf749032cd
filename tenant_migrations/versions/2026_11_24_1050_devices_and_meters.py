"""Devices, meters, solar home systems and e-bikes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "882dbf39204b"
down_revision: str | tuple[str, ...] | None = "f5a3ff9df359"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_table(
        "manufacturers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("type", sa.Text(), server_default="meter", nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("contact_person", sa.Text(), nullable=True),
        sa.Column("api_name", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint("type IN ('meter', 'shs', 'e-bike')", name=op.f("ck_manufacturers_type")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manufacturers")),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("device_type", sa.Text(), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=False),
        sa.Column("device_serial", sa.Text(), nullable=False),
        sa.Column("manufacturer_mapping_status", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("manufacturer_mapping_checked_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_devices_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("device_serial", name=op.f("uq_devices_device_serial")),
    )
    op.create_index("ix_devices_device", "devices", ["device_type", "device_id"])
    op.create_index(op.f("ix_devices_person_id"), "devices", ["person_id"])
    op.create_table(
        "meter_types",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("online", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("phase", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("max_current", sa.Integer(), server_default=sa.text("10"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_types")),
    )
    op.create_table(
        "meters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("meter_type_id", sa.BigInteger(), nullable=False),
        sa.Column("in_use", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("manufacturer_id", sa.BigInteger(), nullable=False),
        sa.Column("connection_type_id", sa.BigInteger(), nullable=False),
        sa.Column("connection_group_id", sa.BigInteger(), nullable=False),
        sa.Column("tariff_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_group_id"], ["connection_groups.id"], name=op.f("fk_meters_connection_group_id")
        ),
        sa.ForeignKeyConstraint(
            ["connection_type_id"], ["connection_types.id"], name=op.f("fk_meters_connection_type_id")
        ),
        sa.ForeignKeyConstraint(["manufacturer_id"], ["manufacturers.id"], name=op.f("fk_meters_manufacturer_id")),
        sa.ForeignKeyConstraint(["meter_type_id"], ["meter_types.id"], name=op.f("fk_meters_meter_type_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_meters_tariff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meters")),
        sa.UniqueConstraint("serial_number", name=op.f("uq_meters_serial_number")),
    )
    op.create_index(op.f("ix_meters_connection_group_id"), "meters", ["connection_group_id"])
    op.create_index(op.f("ix_meters_connection_type_id"), "meters", ["connection_type_id"])
    op.create_index(op.f("ix_meters_manufacturer_id"), "meters", ["manufacturer_id"])
    op.create_index(op.f("ix_meters_meter_type_id"), "meters", ["meter_type_id"])
    op.create_index(op.f("ix_meters_tariff_id"), "meters", ["tariff_id"])
    op.create_table(
        "meter_consumptions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("meter_id", sa.BigInteger(), nullable=False),
        sa.Column("total_consumption", sa.Double(), nullable=False),
        sa.Column("consumption", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("credit_on_meter", sa.Double(), nullable=False),
        sa.Column("reading_date", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["meter_id"], ["meters.id"], name=op.f("fk_meter_consumptions_meter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_consumptions")),
    )
    op.create_index(op.f("ix_meter_consumptions_meter_id"), "meter_consumptions", ["meter_id"])
    op.create_table(
        "solar_home_systems",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("appliance_id", sa.BigInteger(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("manufacturer_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["appliance_id"], ["appliances.id"], name=op.f("fk_solar_home_systems_appliance_id")),
        sa.ForeignKeyConstraint(
            ["manufacturer_id"], ["manufacturers.id"], name=op.f("fk_solar_home_systems_manufacturer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_solar_home_systems")),
        sa.UniqueConstraint("serial_number", name=op.f("uq_solar_home_systems_serial_number")),
    )
    op.create_index(op.f("ix_solar_home_systems_appliance_id"), "solar_home_systems", ["appliance_id"])
    op.create_index(op.f("ix_solar_home_systems_manufacturer_id"), "solar_home_systems", ["manufacturer_id"])
    op.create_table(
        "e_bikes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("appliance_id", sa.BigInteger(), nullable=False),
        sa.Column("manufacturer_id", sa.BigInteger(), nullable=False),
        sa.Column("receive_time", sa.Text(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lng", sa.Double(), nullable=True),
        sa.Column("speed", sa.Double(), nullable=True),
        sa.Column("mileage", sa.Double(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("soh", sa.Text(), nullable=True),
        sa.Column("battery_level", sa.Double(), nullable=True),
        sa.Column("battery_voltage", sa.Double(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["appliance_id"], ["appliances.id"], name=op.f("fk_e_bikes_appliance_id")),
        sa.ForeignKeyConstraint(["manufacturer_id"], ["manufacturers.id"], name=op.f("fk_e_bikes_manufacturer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_e_bikes")),
        sa.UniqueConstraint("serial_number", name=op.f("uq_e_bikes_serial_number")),
    )
    op.create_index(op.f("ix_e_bikes_appliance_id"), "e_bikes", ["appliance_id"])
    op.create_index(op.f("ix_e_bikes_manufacturer_id"), "e_bikes", ["manufacturer_id"])


def downgrade() -> None:
    op.drop_table("e_bikes")
    op.drop_table("solar_home_systems")
    op.drop_table("meter_consumptions")
    op.drop_table("meters")
    op.drop_table("meter_types")
    op.drop_table("devices")
    op.drop_table("manufacturers")
