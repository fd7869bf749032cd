"""What the read group of a company may select: reviewed table by table; a new table is hidden until listed here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Stands for every column of a table, also those that later revisions add: for tables that hold no secret.
EVERY_COLUMN: Final[tuple[str, ...]] = ()

#: Tables that nobody reads: a row of password_resets is as good as a password.
HIDDEN: Final[frozenset[str]] = frozenset({"password_resets"})

_PLAIN = (
    "access_rate_payments",
    "access_rates",
    "addresses",
    "agent_assigned_appliances",
    "agent_balance_histories",
    "agent_charges",
    "agent_commissions",
    "agent_receipt_details",
    "agent_receipts",
    "agent_sold_appliances",
    "agent_transactions",
    "appliance_people",
    "appliance_rates",
    "appliance_types",
    "appliances",
    "cash_transactions",
    "cities",
    "clusters",
    "connection_groups",
    "connection_types",
    "countries",
    "devices",
    "e_bikes",
    "geographical_informations",
    "logs",
    "main_settings",
    "manufacturers",
    "map_settings",
    "meter_consumptions",
    "meter_types",
    "meters",
    "mini_grids",
    "model_has_permissions",
    "model_has_roles",
    "payment_histories",
    "people",
    "permissions",
    "person_documents",
    "plugins",
    "registration_tail",
    "reports",
    "role_has_permissions",
    "roles",
    "sms",
    "sms_appliance_remind_rates",
    "sms_bodies",
    "sms_resend_information_keys",
    "sms_variable_default_values",
    "social_tariffs",
    "solar_home_systems",
    "sub_connection_types",
    "sub_targets",
    "targets",
    "tariff_pricing_components",
    "tariffs",
    "third_party_transactions",
    "ticket_categories",
    "ticket_comments",
    "ticket_outsource_payout_reports",
    "ticket_outsources",
    "ticket_users",
    "tickets",
    "time_of_usages",
    "tokens",
    "transaction_conflicts",
    "transactions",
)

#: Table -> its readable columns. Where secrets live the columns are listed, so that a new one stays hidden.
READABLE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    dict.fromkeys(_PLAIN, EVERY_COLUMN)
    | {
        # Not: password, remember_token.
        "users": ("id", "name", "company_id", "email", "created_at", "updated_at"),
        # Not: password, remember_token, fire_base_token (whoever has it can push to the agent's phone).
        "agents": (
            "id",
            "person_id",
            "mini_grid_id",
            "agent_commission_id",
            "mobile_device_id",
            "email",
            "balance",
            "commission_revenue",
            "connection",
            "created_at",
            "updated_at",
        ),
        # Not: token, key.
        "sms_android_settings": ("id", "url", "callback", "created_at", "updated_at"),
    }
)
