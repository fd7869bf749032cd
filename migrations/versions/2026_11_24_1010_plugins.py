"""Installable plugins and usage types."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "a81d57c06f23"
down_revision: str | tuple[str, ...] | None = "3f6b2c9d41e0"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None

#: Id, name, usage type, what it does.
PLUGINS = (
    (
        1,
        "SparkMeter",
        "mini-grid",
        "Synchronises customers, tariffs and readings with Koios and ThunderCloud.",
    ),
    (2, "SteamaMeter", "mini-grid", "Synchronises customers, meters and payments with Steamaco."),
    (3, "CalinMeter", "mini-grid", "Makes tokens for Calin's prepayment meters."),
    (4, "CalinSmartMeter", "mini-grid", "Makes tokens for Calin's smart meters."),
    (5, "KelinMeter", "mini-grid", "Synchronises Kelin's meters and their readings."),
    (6, "StronMeter", "mini-grid", "Makes tokens for Stron's meters."),
    (7, "SwiftaPayment", "general", "Takes payments through Swifta."),
    (8, "MesombPayment", "general", "Takes payments through MeSomb."),
    (9, "BulkRegistration", "general", "Brings customers and their devices in from a CSV file."),
    (10, "ViberMessaging", "general", "Talks with customers over Viber."),
    (11, "WaveMoneyPayment", "general", "Takes payments through Wave Money."),
    (12, "MicroStarMeter", "mini-grid", "Makes tokens for MicroStar's meters."),
    (13, "SunKingSHS", "shs", "Makes tokens for Sun King's solar home systems."),
    (14, "GomeLongMeter", "mini-grid", "Makes tokens for GomeLong's meters."),
    (15, "WavecomPayment", "general", "Takes payments through Wave in Senegal."),
    (16, "DalyBms", "e-bike", "Controls the batteries of e-bikes with a Daly battery management system."),
    (17, "AngazaSHS", "shs", "Makes tokens for solar home systems through Angaza."),
    (18, "AfricasTalking", "general", "Sends and receives SMS through Africa's Talking."),
    (19, "VodacomMzPaymentProvider", "general", "Takes M-Pesa payments in Mozambique."),
    (20, "ChintMeter", "mini-grid", "Makes tokens for Chint's meters."),
    (21, "DemoMeterManufacturer", "general", "Makes tokens that no meter takes, for trying things out."),
    (22, "DemoShsManufacturer", "general", "Makes tokens that no solar home system takes, for trying things out."),
    (23, "OdysseyDataExport", "general", "Offers payments to Odyssey through an API."),
    (24, "Prospect", "general", "Pushes installations, payments, customers and agents to Prospect."),
    (25, "PaystackPaymentProvider", "general", "Takes payments through Paystack."),
    (26, "TextbeeSmsGateway", "general", "Sends SMS through a telephone with Textbee."),
    (27, "Ecreee E-Tender", "general", "Offers meter data to ECREEE through an API."),
    (28, "SparkShs", "shs", "Makes tokens for Spark's solar home systems."),
    (29, "SmsTransactionParser", "general", "Reads payments out of the SMS of mobile money providers."),
    (30, "PesapalPaymentProvider", "general", "Takes payments through Pesapal."),
    (31, "SafaricomKePaymentProvider", "general", "Takes M-PESA payments in Kenya."),
    (32, "FlutterwavePaymentProvider", "general", "Takes payments through Flutterwave."),
)

#: Name, value.
USAGE_TYPES = (
    ("Mini-grid", "mini-grid"),
    ("Solar home system", "shs"),
    ("E-bike", "e-bike"),
    ("Mini-grid and solar home system", "mini-grid&shs"),
    ("Mini-grid and e-bike", "mini-grid&e-bike"),
    ("Solar home system and e-bike", "shs&e-bike"),
    ("Mini-grid, solar home system and e-bike", "mini-grid&shs&e-bike"),
)


def upgrade() -> None:
    op.create_table(
        "mpm_plugins",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("usage_type", sa.Text(), server_default="general", nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("installation_command", sa.Text(), nullable=True),
        sa.Column("root_class", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.CheckConstraint(
            "usage_type IN ('mini-grid', 'shs', 'e-bike', 'general')", name=op.f("ck_mpm_plugins_usage_type")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mpm_plugins")),
        sa.UniqueConstraint("name", name=op.f("uq_mpm_plugins_name")),
    )
    op.create_table(
        "usage_types",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_types")),
        sa.UniqueConstraint("value", name=op.f("uq_usage_types_value")),
    )
    _insert_plugins()
    op.bulk_insert(
        sa.table("usage_types", sa.column("name", sa.Text()), sa.column("value", sa.Text())),
        [{"name": name, "value": value} for name, value in USAGE_TYPES],
    )


def _insert_plugins() -> None:
    texts = ("name", "usage_type", "description", "installation_command", "root_class")
    op.bulk_insert(
        sa.table("mpm_plugins", sa.column("id", sa.BigInteger()), *(sa.column(text, sa.Text()) for text in texts)),
        [
            {
                "id": plugin_id,
                "name": name,
                "usage_type": usage_type,
                "description": description,
                "installation_command": f"{_kebab(name)}:install",
                "root_class": name.replace(" ", "").replace("-", ""),
            }
            for plugin_id, name, usage_type, description in PLUGINS
        ],
    )


def _kebab(name: str) -> str:
    """SparkMeter -> spark-meter, Ecreee E-Tender -> ecreee-e-tender: how MPM names its commands."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name.replace(" ", "-")).lower()


def downgrade() -> None:
    op.drop_table("usage_types")
    op.drop_table("mpm_plugins")
