"""The models of a company database against MPM's own list of tables, and what of them may be read."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest
import sqlalchemy as sa

from mpm_ops.tenant import plugin_tables
from mpm_ops.tenant.models import metadata
from mpm_ops.tenant.personal import PERSONAL
from mpm_ops.tenant.readable import EVERY_COLUMN, HIDDEN, READABLE

FACTS = Path(__file__).parents[1] / "data" / "tenant-schema.tsv"

#: Tables with an id and nothing to say: no code of MPM writes to them.
EMPTY_SHELLS = {"revenues", "loans", "payment_profiles"}

#: Columns whose NOT NULL is not MPM's, and why.
OTHER_NULLABLE = {
    ("agents", "connection"): "MPM writes '-' for none",
    ("agents", "fire_base_token"): "MPM writes '-' for none",
    ("agents", "mobile_device_id"): "MPM writes '-' for none",
    ("sub_connection_types", "tariff_id"): "MPM seeds a row while no tariff exists",
}

#: MySQL types of columns that became boolean although MPM declares them int.
INT_FLAGS = {
    ("addresses", "is_primary"),
    ("people", "is_customer"),
    ("ticket_users", "out_source"),
}

SECRETS = {
    "users": {"password", "remember_token"},
    "agents": {"password", "remember_token", "fire_base_token"},
    "sms_android_settings": {"token", "key"},
    "password_resets": {"token"},
}

#: Sounds like a person's, and is the company's: its places, products, prices, roles and texts; and serial numbers.
IMPERSONAL = {
    ("agent_commissions", "name"),
    ("appliance_types", "name"),
    ("appliances", "name"),
    ("cities", "name"),
    ("clusters", "geo_json"),
    ("clusters", "name"),
    ("connection_groups", "name"),
    ("connection_types", "name"),
    ("countries", "country_name"),
    ("main_settings", "company_name"),
    ("manufacturers", "api_name"),
    ("manufacturers", "name"),
    ("map_settings", "latitude"),
    ("mini_grids", "name"),
    ("permissions", "guard_name"),
    ("permissions", "name"),
    ("reports", "name"),
    ("roles", "guard_name"),
    ("roles", "name"),
    ("sms_bodies", "body"),
    ("sub_connection_types", "name"),
    ("tariff_pricing_components", "name"),
    ("tariffs", "name"),
    ("ticket_categories", "label_name"),
    ("transactions", "message"),
}


def _facts() -> dict[str, dict[str, dict[str, str]]]:
    facts: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    with FACTS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["owner"] == "core" and row["table"] not in EMPTY_SHELLS:
                facts[row["table"]][row["column"]] = row
    return facts


FACTS_BY_TABLE = _facts()
OF_PLUGINS = {*plugin_tables.HIDDEN, *plugin_tables.PLAIN, *plugin_tables.LISTED}
COLUMNS = [(table, column) for table, columns in FACTS_BY_TABLE.items() for column in columns]


def _column(table: str, column: str) -> sa.Column[object]:
    return metadata.tables[table].columns[column]


def test_models_are_the_core_tables_without_the_empty_shells() -> None:
    assert set(metadata.tables) == set(FACTS_BY_TABLE)
    assert len(metadata.tables) == 70


@pytest.mark.parametrize("table", sorted(FACTS_BY_TABLE))
def test_columns_are_those_of_mpm(table: str) -> None:
    assert set(metadata.tables[table].columns.keys()) == set(FACTS_BY_TABLE[table])


def test_null_is_allowed_where_mpm_allows_it() -> None:
    differing = {
        (table, column)
        for table, column in COLUMNS
        if _column(table, column).nullable != (FACTS_BY_TABLE[table][column]["nullable"] == "yes")
    }
    assert differing == set(OTHER_NULLABLE)


def test_defaults_are_kept() -> None:
    for table, column in COLUMNS:
        default = FACTS_BY_TABLE[table][column]["default"]
        if default in ("", "NULL") or default.upper().startswith("CURRENT_TIMESTAMP"):
            continue
        ours = _column(table, column).server_default
        assert isinstance(ours, sa.DefaultClause), (table, column)
        flags = {"true": "1", "false": "0"}
        said = str(ours.arg)
        assert flags.get(said, said) == default, (table, column)


def test_flags_are_booleans_and_nothing_else_is() -> None:
    flags = {key for key in COLUMNS if FACTS_BY_TABLE[key[0]][key[1]]["mysql_type"] == "tinyint(1)"}
    # plugins.status stays a number like every other status.
    expected = (flags | INT_FLAGS) - {("plugins", "status")}
    assert {key for key in COLUMNS if isinstance(_column(*key).type, sa.Boolean)} == expected


def test_every_date_knows_its_time_zone() -> None:
    for key in COLUMNS:
        kind = _column(*key).type
        assert not isinstance(kind, sa.DateTime) or kind.timezone, key


def test_every_foreign_key_column_leads_an_index() -> None:
    for table in metadata.tables.values():
        leading = {next(iter(index.columns.keys()), None) for index in table.indexes}
        for constraint in table.constraints:
            if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
                leading.update(constraint.columns.keys()[:1])
        for column in table.columns:
            assert not column.foreign_keys or column.name in leading, f"{table.name}.{column.name}"


def test_the_id_of_a_reference_to_one_of_several_tables_is_no_foreign_key() -> None:
    for table, column in COLUMNS:
        if "poly" in FACTS_BY_TABLE[table][column]["key_references"]:
            assert not _column(table, column).foreign_keys, (table, column)


def test_no_name_is_longer_than_postgresql_keeps() -> None:
    for table in metadata.tables.values():
        names = [table.name, *table.columns.keys()]
        names += [str(index.name) for index in table.indexes]
        names += [str(constraint.name) for constraint in table.constraints]
        assert max(map(len, names)) <= 63, table.name


def test_the_tables_refer_to_one_another_without_a_circle() -> None:
    # sorted_tables warns of a circle, and warnings are errors here.
    assert len(metadata.sorted_tables) == len(metadata.tables)


def test_every_table_is_either_readable_or_hidden() -> None:
    assert set(READABLE) & HIDDEN == set()
    assert set(READABLE) | HIDDEN == set(metadata.tables) | OF_PLUGINS


@pytest.mark.parametrize("table", sorted(table for table in metadata.tables if READABLE.get(table)))
def test_listed_columns_exist(table: str) -> None:
    assert set(READABLE[table]) <= set(metadata.tables[table].columns.keys())


def test_a_table_with_personal_data_lists_its_columns() -> None:
    for table, masks in PERSONAL.items():
        assert set(masks) <= set(READABLE[table]), table


def test_what_sounds_personal_was_looked_at() -> None:
    words = (
        "name", "phone", "mail", "address", "street", "birth", "sender", "receiver", "lat", "lng", "geo", "body",
        "content", "comment", "description", "location", "document", "contact", "mobile", "message", "person",
    )  # fmt: skip
    sounding = {
        (table, column)
        for table, column in COLUMNS
        if table not in HIDDEN and not column.endswith(("_id", "_type")) and any(word in column for word in words)
    }
    masked = {(table, column) for table, masks in PERSONAL.items() for column in masks if table in metadata.tables}
    assert sounding - masked - IMPERSONAL == set()
    assert sounding >= IMPERSONAL


@pytest.mark.parametrize("table", sorted(SECRETS))
def test_no_secret_is_readable(table: str) -> None:
    if table in HIDDEN:
        return
    assert READABLE[table] != EVERY_COLUMN
    assert set(READABLE[table]) == set(metadata.tables[table].columns.keys()) - SECRETS[table]


def test_what_sounds_like_a_secret_was_looked_at() -> None:
    sounding = {
        (table, column)
        for table, column in COLUMNS
        if any(word in column for word in ("password", "secret", "token", "key", "credential"))
    }
    known = {(table, column) for table, columns in SECRETS.items() for column in columns}
    # What customers bought, and words that they send: business data.
    business = {(table, column) for table, column in sounding if table in ("tokens", "sms_resend_information_keys")}
    assert sounding == known | business
