"""The branches of the shipped plugins against MPM's own list of tables, and what of them may be read."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import pytest

from mpm_ops.schema.plan import Step
from mpm_ops.schema.trees import Tree
from mpm_ops.shipped import shipped
from mpm_ops.tenant.plugin_tables import HIDDEN, LISTED, PERSONAL, PLAIN
from tests.unit.test_tenant_models import FACTS

#: What MPM's list of tables calls some plugins, and its list of plugins.
OTHER_NAMES = {
    "Flutterwave": "FlutterwavePaymentProvider",
    "Paystack": "PaystackPaymentProvider",
    "Pesapal": "PesapalPaymentProvider",
    "SafaricomKe": "SafaricomKePaymentProvider",
    "VodacomMz": "VodacomMzPaymentProvider",
}
#: Sounds like a secret, and is none: words in an SMS, what customers bought, the other system's ids.
NO_SECRETS = {
    ("kelin_transactions", "open_token_1"),
    ("kelin_transactions", "open_token_2"),
    ("kelin_transactions", "pay_token"),
}
#: Sounds like a person's, and is the company's, or the maker's.
IMPERSONAL = {
    ("kelin_meter_daily_datas", "address_of_meter"),
    ("kelin_meter_minutely_datas", "address_of_meter"),
    ("kelin_meters", "meter_address"),
    ("prospect_extracted_files", "filename"),
    ("prospect_sync_settings", "action_name"),
    ("kelin_sync_settings", "action_name"),
    ("sm_sync_settings", "action_name"),
    ("steama_sync_settings", "action_name"),
    ("sm_meter_models", "model_name"),
    ("sm_organizations", "display_name"),
    ("sm_sms_bodies", "body"),
    ("steama_sms_bodies", "body"),
    ("sms_parsing_rules", "provider_name"),
    ("sms_parsing_rules", "sender_pattern"),
    ("sms_transactions", "provider_name"),
    ("steama_site_level_payment_plan_types", "name"),
    ("steama_user_types", "name"),
    ("wavecom_transactions", "message"),  # the serial number of what was paid for, as in `transactions`
}


def _facts() -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    facts: dict[str, dict[str, dict[str, dict[str, str]]]] = defaultdict(lambda: defaultdict(dict))
    with FACTS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            kind, _, name = row["owner"].partition(":")
            if kind == "plugin":
                facts[OTHER_NAMES.get(name, name)][row["table"]][row["column"]] = row
    return facts


#: Plugin -> table -> column -> what MPM has.
FACTS_BY_PLUGIN = _facts()
TABLES = {table: columns for tables in FACTS_BY_PLUGIN.values() for table, columns in tables.items()}
COLUMNS = [(table, column) for table, columns in TABLES.items() for column in columns]


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(shipped("tenant_migrations"), own=Path("/nonexistent"))


def only_step(tree: Tree, plugin: str) -> Step:
    (step,) = tree.plugin_plan(tree.heads(), plugin).steps
    return step


def test_every_plugin_with_tables_has_a_branch(tree: Tree) -> None:
    assert set(tree.folders.plugins) == set(FACTS_BY_PLUGIN)
    assert (len(FACTS_BY_PLUGIN), len(TABLES)) == (30, 106)


@pytest.mark.parametrize("plugin", sorted(FACTS_BY_PLUGIN))
def test_a_branch_makes_that_plugins_tables_and_takes_them_away(tree: Tree, plugin: str) -> None:
    step = only_step(tree, plugin)
    assert step.creates == set(FACTS_BY_PLUGIN[plugin])
    assert step.transactional
    (down,) = tree.without_plugin_plan(step.after, plugin).steps
    assert set(re.findall(r"DROP TABLE (\w+)", down.sql)) == set(FACTS_BY_PLUGIN[plugin])
    assert down.after == tree.heads()


def test_every_table_is_either_readable_or_hidden() -> None:
    assert sorted([*HIDDEN, *PLAIN, *LISTED]) == sorted(TABLES)


@pytest.mark.parametrize("table", sorted(LISTED))
def test_listed_columns_exist(table: str) -> None:
    assert set(LISTED[table]) <= set(TABLES[table])
    assert len(set(LISTED[table])) == len(LISTED[table])


def test_a_table_with_personal_data_lists_its_columns() -> None:
    for table, masks in PERSONAL.items():
        assert set(masks) <= set(LISTED[table]), table


def test_credentials_are_hidden() -> None:
    assert {table for table in TABLES if table.endswith(("_credentials", "_authentication"))} == HIDDEN


def test_what_sounds_like_a_secret_was_looked_at() -> None:
    words = ("password", "secret", "token", "key", "credential", "cipher", "payment_url")
    sounding = {
        (table, column)
        for table, column in COLUMNS
        if table not in HIDDEN and any(word in column.lower() for word in words)
    }
    readable = {(table, column) for table, column in sounding if table in PLAIN or column in LISTED[table]}
    assert readable == NO_SECRETS


def test_what_sounds_personal_was_looked_at() -> None:
    words = (
        "name", "phone", "mail", "address", "street", "sender", "receiver", "body", "content", "mobile", "message",
        "person", "party", "viber", "metadata", "data", "desc",
    )  # fmt: skip
    sounding = {
        (table, column)
        for table, column in COLUMNS
        if table not in HIDDEN
        and not column.endswith(("_id", "_type", "_of_data"))
        and any(word in column.lower() for word in words)
    }
    masked = {(table, column) for table, masks in PERSONAL.items() for column in masks}
    assert sounding - masked == IMPERSONAL
