"""ViberMessaging: talks with customers over Viber."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "51e435e1ec42"
down_revision: str | tuple[str, ...] | None = None
branch_labels: tuple[str, ...] | None = ("ViberMessaging",)
depends_on: str | tuple[str, ...] | None = ("04bc7f5ad834",)


def upgrade() -> None:
    op.create_table(
        "viber_contacts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("viber_id", sa.Text(), nullable=False),
        sa.Column("registered_meter_serial_number", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_viber_contacts_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_viber_contacts")),
    )
    op.create_index(op.f("ix_viber_contacts_person_id"), "viber_contacts", ["person_id"])
    op.create_table(
        "viber_credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("api_token", sa.Text(), nullable=True),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("has_webhook_created", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("deep_link", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_viber_credentials")),
    )
    op.create_table(
        "viber_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sms_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_viber_messages")),
    )


def downgrade() -> None:
    op.drop_table("viber_messages")
    op.drop_table("viber_credentials")
    op.drop_table("viber_contacts")
