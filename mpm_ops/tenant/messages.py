"""Text messages: sent and received, their templates, the gateway's settings."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from mpm_ops.tenant.base import Base, CaseFree, Id, LooseRef, SmallInt, Stamped, one_of, pair


class Sms(Stamped, Base):
    """A text message.

    status: -1 failed, 0 stored, 1 sent, 2 delivered. direction: 0 incoming, 1 outgoing.
    """

    __tablename__ = "sms"
    __table_args__ = (
        pair("sms", "trigger"),
        one_of("status", -1, 0, 1, 2),
        one_of("direction", 0, 1),
    )

    id: Mapped[Id]
    # A phone number: joins addresses.phone, which need not exist.
    receiver: Mapped[str] = mapped_column(index=True)
    trigger_type: Mapped[str | None]
    trigger_id: Mapped[LooseRef | None]
    body: Mapped[str]
    status: Mapped[SmallInt] = mapped_column(server_default=sa.text("0"))
    uuid: Mapped[str | None]
    sender_id: Mapped[LooseRef | None]
    direction: Mapped[SmallInt] = mapped_column(server_default=sa.text("1"))
    # A plugin's gateway: which table that is depends on the plugin.
    gateway_id: Mapped[LooseRef | None]
    error_message: Mapped[str | None]
    attempts: Mapped[SmallInt] = mapped_column(server_default=sa.text("0"))


class SmsAndroidSetting(Stamped, Base):
    """A phone that sends messages for the company; `token` and `key` are secrets."""

    __tablename__ = "sms_android_settings"

    id: Mapped[Id]
    url: Mapped[str] = mapped_column(server_default="https://fcm.googleapis.com/fcm/send")
    token: Mapped[str | None]
    key: Mapped[str | None]
    callback: Mapped[str] = mapped_column(server_default="http://localhost:8000/api/sms/%s/confirm")


class SmsApplianceRemindRate(Stamped, Base):
    """When to remind of the installments of an appliance, in days before and after they are due."""

    __tablename__ = "sms_appliance_remind_rates"

    id: Mapped[Id]
    appliance_id: Mapped[int] = mapped_column(sa.ForeignKey("appliances.id", ondelete="CASCADE"), index=True)
    overdue_remind_rate: Mapped[int]
    remind_rate: Mapped[int]
    enabled: Mapped[bool] = mapped_column(server_default=sa.false())
    create_ticket: Mapped[bool] = mapped_column(server_default=sa.false())


class SmsBody(Stamped, Base):
    """The template of one kind of message; `body` is the company's own text, `place_holder` the one it came with."""

    __tablename__ = "sms_bodies"

    id: Mapped[Id]
    reference: Mapped[CaseFree] = mapped_column(unique=True)
    title: Mapped[str | None]
    body: Mapped[str | None]
    place_holder: Mapped[str]
    variables: Mapped[str]


class SmsResendInformationKey(Stamped, Base):
    """A word that a customer sends to get the last token again."""

    __tablename__ = "sms_resend_information_keys"

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(server_default="Resend")


class SmsVariableDefaultValue(Stamped, Base):
    """The example that a template's variable is shown with."""

    __tablename__ = "sms_variable_default_values"

    id: Mapped[Id]
    variable: Mapped[str]
    value: Mapped[str]
