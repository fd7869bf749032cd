"""Agents and their accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "8607441a1618"
down_revision: str | tuple[str, ...] | None = "a6bf34881ff1"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None


def upgrade() -> None:
    op.create_table(
        "agent_commissions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("energy_commission", sa.Numeric(), nullable=False),
        sa.Column("appliance_commission", sa.Numeric(), nullable=False),
        sa.Column("risk_balance", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_commissions")),
    )
    op.create_table(
        "agents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("mini_grid_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_commission_id", sa.BigInteger(), nullable=False),
        sa.Column("mobile_device_id", sa.Text(), nullable=True),
        sa.Column("email", postgresql.CITEXT(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("fire_base_token", sa.Text(), nullable=True),
        sa.Column("balance", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("commission_revenue", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("remember_token", sa.Text(), nullable=True),
        sa.Column("connection", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_commission_id"], ["agent_commissions.id"], name=op.f("fk_agents_agent_commission_id")
        ),
        sa.ForeignKeyConstraint(["mini_grid_id"], ["mini_grids.id"], name=op.f("fk_agents_mini_grid_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_agents_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
        sa.UniqueConstraint("email", name=op.f("uq_agents_email")),
    )
    op.create_index(op.f("ix_agents_agent_commission_id"), "agents", ["agent_commission_id"])
    op.create_index(op.f("ix_agents_mini_grid_id"), "agents", ["mini_grid_id"])
    op.create_index(op.f("ix_agents_person_id"), "agents", ["person_id"])
    op.create_table(
        "agent_assigned_appliances",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("appliance_id", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_assigned_appliances_agent_id")),
        sa.ForeignKeyConstraint(
            ["appliance_id"], ["appliances.id"], name=op.f("fk_agent_assigned_appliances_appliance_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_agent_assigned_appliances_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_assigned_appliances")),
    )
    op.create_index(op.f("ix_agent_assigned_appliances_agent_id"), "agent_assigned_appliances", ["agent_id"])
    op.create_index(op.f("ix_agent_assigned_appliances_appliance_id"), "agent_assigned_appliances", ["appliance_id"])
    op.create_index(op.f("ix_agent_assigned_appliances_user_id"), "agent_assigned_appliances", ["user_id"])
    op.create_table(
        "agent_sold_appliances",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_assigned_appliance_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_assigned_appliance_id"],
            ["agent_assigned_appliances.id"],
            name=op.f("fk_agent_sold_appliances_agent_assigned_appliance_id"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_agent_sold_appliances_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_sold_appliances")),
    )
    op.create_index(
        op.f("ix_agent_sold_appliances_agent_assigned_appliance_id"),
        "agent_sold_appliances",
        ["agent_assigned_appliance_id"],
    )
    op.create_index(op.f("ix_agent_sold_appliances_person_id"), "agent_sold_appliances", ["person_id"])
    op.create_table(
        "agent_transactions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("mobile_device_id", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("manufacturer_transaction_type", sa.Text(), nullable=True),
        sa.Column("manufacturer_transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint("status IN (-1, 0, 1)", name=op.f("ck_agent_transactions_status")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_transactions_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_transactions")),
    )
    op.create_index(op.f("ix_agent_transactions_agent_id"), "agent_transactions", ["agent_id"])
    op.create_index(
        "ix_agent_transactions_manufacturer_transaction",
        "agent_transactions",
        ["manufacturer_transaction_type", "manufacturer_transaction_id"],
    )
    op.create_table(
        "agent_balance_histories",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("trigger_type", sa.Text(), nullable=False),
        sa.Column("trigger_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("available_balance", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_balance_histories_agent_id")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transactions.id"], name=op.f("fk_agent_balance_histories_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_balance_histories")),
    )
    op.create_index(op.f("ix_agent_balance_histories_agent_id"), "agent_balance_histories", ["agent_id"])
    op.create_index(op.f("ix_agent_balance_histories_transaction_id"), "agent_balance_histories", ["transaction_id"])
    op.create_index("ix_agent_balance_histories_trigger", "agent_balance_histories", ["trigger_type", "trigger_id"])
    op.create_table(
        "agent_charges",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_charges_agent_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_agent_charges_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_charges")),
    )
    op.create_index(op.f("ix_agent_charges_agent_id"), "agent_charges", ["agent_id"])
    op.create_index(op.f("ix_agent_charges_user_id"), "agent_charges", ["user_id"])
    op.create_table(
        "agent_receipts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("last_controlled_balance_history_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_receipts_agent_id")),
        sa.ForeignKeyConstraint(
            ["last_controlled_balance_history_id"],
            ["agent_balance_histories.id"],
            name=op.f("fk_agent_receipts_last_controlled_balance_history_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_agent_receipts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_receipts")),
    )
    op.create_index(op.f("ix_agent_receipts_agent_id"), "agent_receipts", ["agent_id"])
    op.create_index(
        op.f("ix_agent_receipts_last_controlled_balance_history_id"),
        "agent_receipts",
        ["last_controlled_balance_history_id"],
    )
    op.create_index(op.f("ix_agent_receipts_user_id"), "agent_receipts", ["user_id"])
    op.create_table(
        "agent_receipt_details",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_receipt_id", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("since_last_visit", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("earlier", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("collected", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("summary", sa.Numeric(precision=20, scale=4), server_default=sa.text("0"), nullable=False),
        sa.Column("commission_credited", sa.Numeric(precision=20, scale=4), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_receipt_id"],
            ["agent_receipts.id"],
            name=op.f("fk_agent_receipt_details_agent_receipt_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_receipt_details")),
    )
    op.create_index(op.f("ix_agent_receipt_details_agent_receipt_id"), "agent_receipt_details", ["agent_receipt_id"])


def downgrade() -> None:
    op.drop_table("agent_receipt_details")
    op.drop_table("agent_receipts")
    op.drop_table("agent_charges")
    op.drop_table("agent_balance_histories")
    op.drop_table("agent_transactions")
    op.drop_table("agent_sold_appliances")
    op.drop_table("agent_assigned_appliances")
    op.drop_table("agents")
    op.drop_table("agent_commissions")
