"""Money that comes in, what it was split over, and the tokens that it bought."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, Id, LooseRef, Money, SmallInt, Stamped, one_of, pair

#: What `status` says in every table of a payment provider: failed, pending, success.
PROVIDER_STATUS = (-1, 0, 1)


class Transaction(Stamped, Base):
    """A payment. Whether it succeeded is told by the provider's row that original_transaction points at."""

    __tablename__ = "transactions"
    __table_args__ = (
        pair("transactions", "original_transaction"),
        one_of(
            "type",
            "energy",
            "deferred_payment",
            "eaas_rate",
            "down_payment",
            "ad_hoc",
            "unknown",
            "imported",
            "3rd party api sync",
        ),
        sa.Index(None, "created_at"),
    )

    id: Mapped[Id]
    original_transaction_id: Mapped[LooseRef]
    original_transaction_type: Mapped[str]
    amount: Mapped[Money]
    type: Mapped[str | None] = mapped_column(server_default="unknown")
    sender: Mapped[str]
    # The serial number of the device paid for, as the payer typed it: may be wrong, so no foreign key.
    message: Mapped[str] = mapped_column(index=True)


class TransactionConflict(Stamped, Base):
    """A difference found between a provider's transaction and ours."""

    __tablename__ = "transaction_conflicts"
    __table_args__ = (pair("transaction_conflicts", "transaction"),)

    id: Mapped[Id]
    transaction_type: Mapped[str]
    transaction_id: Mapped[LooseRef]
    state: Mapped[str]


class CashTransaction(Stamped, Base):
    """A payment in cash, taken by a user."""

    __tablename__ = "cash_transactions"
    __table_args__ = (
        pair("cash_transactions", "manufacturer_transaction"),
        one_of("status", *PROVIDER_STATUS),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    status: Mapped[SmallInt] = mapped_column(server_default=sa.text("0"))
    manufacturer_transaction_type: Mapped[str | None]
    manufacturer_transaction_id: Mapped[LooseRef | None]


class ThirdPartyTransaction(Stamped, Base):
    """A payment that came from another system."""

    __tablename__ = "third_party_transactions"
    __table_args__ = (
        pair("third_party_transactions", "manufacturer_transaction"),
        one_of("status", *PROVIDER_STATUS),
    )

    id: Mapped[Id]
    # The other system's own id, any text: not a reference to transactions.
    transaction_id: Mapped[str]
    status: Mapped[SmallInt]
    description: Mapped[str | None]
    manufacturer_transaction_type: Mapped[str | None]
    manufacturer_transaction_id: Mapped[LooseRef | None]


class Token(Stamped, Base):
    """A code that loads energy or time on a device; at most one per transaction."""

    __tablename__ = "tokens"
    __table_args__ = (sa.Index(None, "created_at"),)

    id: Mapped[Id]
    transaction_id: Mapped[int] = mapped_column(sa.ForeignKey("transactions.id"), unique=True)
    token: Mapped[str]
    # In token_unit: kWh, days ...
    token_amount: Mapped[float | None]
    device_id: Mapped[int | None] = mapped_column(sa.ForeignKey("devices.id"), index=True)
    token_type: Mapped[str] = mapped_column(server_default="energy")
    token_unit: Mapped[str | None]


class PaymentHistory(Stamped, Base):
    """The part of one transaction that paid for one thing: energy, an installment, an access rate ..."""

    __tablename__ = "payment_histories"
    __table_args__ = (
        pair("payment_histories", "paid_for"),
        pair("payment_histories", "payer"),
        sa.Index(None, "created_at"),
    )

    id: Mapped[Id]
    amount: Mapped[Money]
    transaction_id: Mapped[int] = mapped_column(sa.ForeignKey("transactions.id"), index=True)
    payment_service: Mapped[str]
    sender: Mapped[str]
    payment_type: Mapped[str]
    paid_for_type: Mapped[str]
    paid_for_id: Mapped[LooseRef]
    payer_type: Mapped[str]
    payer_id: Mapped[LooseRef]


class AccessRatePayment(Stamped, Base):
    """What a meter owes for its access rate."""

    __tablename__ = "access_rate_payments"

    id: Mapped[Id]
    meter_id: Mapped[int] = mapped_column(sa.ForeignKey("meters.id"), index=True)
    access_rate_id: Mapped[int] = mapped_column(sa.ForeignKey("access_rates.id"), index=True)
    due_date: Mapped[dt.datetime]
    debt: Mapped[Money] = mapped_column(server_default=sa.text("0"))
    # A count of periods, although MPM stores it as a double.
    unpaid_in_row: Mapped[int] = mapped_column(server_default=sa.text("0"))
