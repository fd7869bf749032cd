"""The message templates of a fresh company, and the examples for their variables."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "f86c1cebe9fa"
down_revision: str | tuple[str, ...] | None = "934bf23051af"
branch_labels: tuple[str, ...] | None = None
depends_on: str | tuple[str, ...] | None = None

# Reference, title, text with its [variables]. The texts are ours; a company writes its own into `body`.
TEMPLATES = (
    (
        "SmsTransactionHeader",
        "Transaction: opening",
        "Dear [name] [surname], we received your payment of [transaction_amount].",
    ),
    ("SmsReminderHeader", "Reminder: opening", "Dear [name] [surname],"),
    (
        "SmsResendInformationHeader",
        "Information on request: opening",
        "Dear [name] [surname], here is what you asked for.",
    ),
    ("EnergyConfirmation", "Energy bought", "Meter [meter]: enter the token [token] for [energy] kWh."),
    ("AccessRateConfirmation", "Access rate paid", "[amount] went to your access rate."),
    (
        "ApplianceRateReminder",
        "Installment due soon",
        "The next installment for your [appliance_type_name] is due on [due_date]: [remaining] to pay.",
    ),
    ("ApplianceRatePayment", "Installment paid", "[amount] went to the installments of your [appliance_type_name]."),
    (
        "OverdueApplianceRateReminder",
        "Installment overdue",
        "The installment for your [appliance_type_name] was due on [due_date]: [remaining] is still to pay.",
    ),
    (
        "PricingDetails",
        "Price and taxes",
        "Price [amount], with [vat_energy] VAT on energy and [vat_others] on other items.",
    ),
    ("ResendInformation", "Last token again", "Meter [meter]: your last token is [token], [energy] kWh for [amount]."),
    ("ResendInformationLastTransactionNotFound", "No token to send again", "We found no payment for meter [meter]."),
    ("SmsReminderFooter", "Reminder: closing", "Thank you for paying in time."),
    ("SmsTransactionFooter", "Transaction: closing", "Thank you for your payment."),
    ("SmsResendInformationFooter", "Information on request: closing", "Thank you for being our customer."),
    (
        "TokenConfirmationMeter",
        "Token for a meter",
        "Dear [name] [surname], enter the token [token] on meter [meter_serial] for [energy] kWh.",
    ),
    (
        "TokenConfirmationSHS",
        "Token for a solar home system",
        "[name] [surname], we received [amount]. Enter [token] on device [device_serial] for [duration] [unit].",
    ),
    (
        "TransactionConfirmationNoToken",
        "Payment without a token",
        "Dear [name] [surname], we received your payment of [amount]. Thank you.",
    ),
)

VARIABLES = {
    "name": "Amina",
    "surname": "Juma",
    "amount": "1000",
    "appliance_type_name": "Solar Home System",
    "remaining": "3",
    "due_date": "2021/04/01",
    "meter": "47000268748",
    "token": "5182 0067 3394 8215 7740",
    "vat_energy": "15",
    "vat_others": "10",
    "energy": "5123.1",
    "transaction_amount": "500",
    "duration": "30",
    "unit": "days",
    "meter_serial": "47000268748",
    "device_serial": "SHS-100123",
}


def upgrade() -> None:
    templates = sa.table("sms_bodies", *_texts("reference", "title", "place_holder", "variables"))
    op.bulk_insert(
        templates,
        [
            {
                "reference": reference,
                "title": title,
                "place_holder": text,
                "variables": ",".join(re.findall(r"\[(\w+)\]", text)),
            }
            for reference, title, text in TEMPLATES
        ],
    )
    examples = sa.table("sms_variable_default_values", *_texts("variable", "value"))
    op.bulk_insert(examples, [{"variable": variable, "value": value} for variable, value in VARIABLES.items()])
    op.bulk_insert(sa.table("sms_resend_information_keys", *_texts("key")), [{"key": "Resend"}])


def downgrade() -> None:
    # mpm-ops: ignore downgrade-drops-data: the rows are the upgrade's; a company changes their text and adds none
    op.execute("DELETE FROM sms_resend_information_keys")
    op.execute("DELETE FROM sms_variable_default_values")
    op.execute("DELETE FROM sms_bodies")


def _texts(*names: str) -> list[sa.ColumnClause[str]]:
    return [sa.column(name, sa.Text) for name in names]
