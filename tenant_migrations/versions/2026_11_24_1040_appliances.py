"""Appliances and their sale by installments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "f5a3ff9df359"
down_revision: str | tuple[str, ...] | None = "edbdbd72f397"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_table(
        "appliance_types",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", postgresql.CITEXT(), nullable=False),
        sa.Column("paygo_enabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appliance_types")),
    )
    op.create_table(
        "appliances",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("appliance_type_id", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["appliance_type_id"], ["appliance_types.id"], name=op.f("fk_appliances_appliance_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appliances")),
    )
    op.create_index(op.f("ix_appliances_appliance_type_id"), "appliances", ["appliance_type_id"])
    op.create_table(
        "appliance_people",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("appliance_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("total_cost", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("rate_count", sa.Integer(), nullable=False),
        sa.Column("creator_type", sa.Text(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("down_payment", sa.Numeric(precision=20, scale=4), nullable=True),
        sa.Column("first_payment_date", sa.Date(), nullable=True),
        sa.Column("device_serial", sa.Text(), nullable=True),
        sa.Column("payment_type", sa.Text(), server_default="installment", nullable=False),
        sa.Column("minimum_payable_amount", sa.Numeric(precision=20, scale=4), nullable=True),
        sa.Column("price_per_day", sa.Numeric(precision=20, scale=4), nullable=True),
        sa.Column("deleted_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint(
            "payment_type IN ('installment', 'energy_service')", name=op.f("ck_appliance_people_payment_type")
        ),
        sa.ForeignKeyConstraint(["appliance_id"], ["appliances.id"], name=op.f("fk_appliance_people_appliance_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_appliance_people_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appliance_people")),
    )
    op.create_index(op.f("ix_appliance_people_appliance_id"), "appliance_people", ["appliance_id"])
    op.create_index("ix_appliance_people_creator", "appliance_people", ["creator_type", "creator_id"])
    op.create_index(op.f("ix_appliance_people_device_serial"), "appliance_people", ["device_serial"])
    op.create_index(op.f("ix_appliance_people_person_id"), "appliance_people", ["person_id"])
    op.create_table(
        "appliance_rates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("appliance_person_id", sa.BigInteger(), nullable=False),
        sa.Column("rate_cost", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("remaining", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("due_date", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("remind", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["appliance_person_id"],
            ["appliance_people.id"],
            name=op.f("fk_appliance_rates_appliance_person_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appliance_rates")),
    )
    op.create_index(op.f("ix_appliance_rates_appliance_person_id"), "appliance_rates", ["appliance_person_id"])
    op.create_index(op.f("ix_appliance_rates_due_date"), "appliance_rates", ["due_date"])


def downgrade() -> None:
    op.drop_table("appliance_rates")
    op.drop_table("appliance_people")
    op.drop_table("appliances")
    op.drop_table("appliance_types")
