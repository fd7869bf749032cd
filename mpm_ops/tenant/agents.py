"""Agents: people who sell and collect in the villages, and their accounts."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, CaseFree, Id, LooseRef, Money, Percent, SmallInt, Stamped, one_of, pair
from mpm_ops.tenant.payments import PROVIDER_STATUS


class AgentCommission(Stamped, Base):
    """What agents earn, and the debt that they may run up."""

    __tablename__ = "agent_commissions"

    id: Mapped[Id]
    name: Mapped[str]
    energy_commission: Mapped[Percent]
    appliance_commission: Mapped[Percent]
    risk_balance: Mapped[Money]


class Agent(Stamped, Base):
    """A person who sells for the company with the agent app."""

    __tablename__ = "agents"

    id: Mapped[Id]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id"), index=True)
    mini_grid_id: Mapped[int] = mapped_column(sa.ForeignKey("mini_grids.id"), index=True)
    agent_commission_id: Mapped[int] = mapped_column(sa.ForeignKey("agent_commissions.id"), index=True)
    # NOT NULL in MPM, which writes '-' for "none", here and in the two below.
    mobile_device_id: Mapped[str | None]
    email: Mapped[CaseFree] = mapped_column(unique=True)
    password: Mapped[str]
    fire_base_token: Mapped[str | None]
    balance: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    commission_revenue: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    remember_token: Mapped[str | None]
    connection: Mapped[str | None]


class AgentAssignedAppliance(Stamped, Base):
    """An appliance that a user gave an agent to sell, and its cost."""

    __tablename__ = "agent_assigned_appliances"

    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agents.id"), index=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    appliance_id: Mapped[int] = mapped_column(sa.ForeignKey("appliances.id"), index=True)
    cost: Mapped[Money]


class AgentSoldAppliance(Stamped, Base):
    """An assigned appliance that the agent sold, and to whom."""

    __tablename__ = "agent_sold_appliances"

    id: Mapped[Id]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id"), index=True)
    agent_assigned_appliance_id: Mapped[int] = mapped_column(sa.ForeignKey("agent_assigned_appliances.id"), index=True)


class AgentTransaction(Stamped, Base):
    """A payment taken by an agent."""

    __tablename__ = "agent_transactions"
    __table_args__ = (
        pair("agent_transactions", "manufacturer_transaction"),
        one_of("status", *PROVIDER_STATUS),
    )

    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agents.id"), index=True)
    mobile_device_id: Mapped[str]
    status: Mapped[SmallInt] = mapped_column(server_default=sa.text("0"))
    manufacturer_transaction_type: Mapped[str | None]
    manufacturer_transaction_id: Mapped[LooseRef | None]


class AgentBalanceHistory(Stamped, Base):
    """One movement on an agent's account."""

    __tablename__ = "agent_balance_histories"
    __table_args__ = (pair("agent_balance_histories", "trigger"),)

    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agents.id"), index=True)
    trigger_type: Mapped[str]
    trigger_id: Mapped[LooseRef]
    amount: Mapped[Money]
    available_balance: Mapped[Money]
    transaction_id: Mapped[int | None] = mapped_column(sa.ForeignKey("transactions.id"), index=True)


class AgentCharge(Stamped, Base):
    """Money that a user put on an agent's account."""

    __tablename__ = "agent_charges"

    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agents.id"), index=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    amount: Mapped[Money]


class AgentReceipt(Stamped, Base):
    """Money that a user collected from an agent."""

    __tablename__ = "agent_receipts"

    id: Mapped[Id]
    agent_id: Mapped[int] = mapped_column(sa.ForeignKey("agents.id"), index=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    amount: Mapped[Money]
    last_controlled_balance_history_id: Mapped[int] = mapped_column(
        sa.ForeignKey("agent_balance_histories.id"), index=True
    )


class AgentReceiptDetail(Stamped, Base):
    """The sums printed on a receipt."""

    __tablename__ = "agent_receipt_details"

    id: Mapped[Id]
    agent_receipt_id: Mapped[int] = mapped_column(sa.ForeignKey("agent_receipts.id", ondelete="CASCADE"), index=True)
    due: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    since_last_visit: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    earlier: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    collected: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    summary: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    commission_credited: Mapped[Money | None]
