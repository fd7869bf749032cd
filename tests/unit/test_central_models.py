"""The models of the central database against MPM's tables (tests/data/central-schema.tsv)."""

from __future__ import annotations

import csv
from pathlib import Path

from mpm_ops.central.models import metadata

FACTS = Path(__file__).parents[1] / "data" / "central-schema.tsv"

#: Laravel's own: its queue's and its debugger's.
LEFT_OUT = {"failed_jobs", "telescope_entries", "telescope_entries_tags", "telescope_monitoring"}
#: Ours: whether a registration is through, and which server a database is on.
ADDED = {("companies", "status"), ("company_databases", "server")}
#: MPM's -1 for "none" is NULL here.
NULLABLE_HERE = {("companies", "country_id")}


def facts() -> dict[tuple[str, str], dict[str, str]]:
    with FACTS.open(newline="") as file:
        return {
            (row["table"], row["column"]): row
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if row["table"] not in LEFT_OUT
        }


def test_tables_and_columns_are_mpms() -> None:
    ours = {(table.name, column.name) for table in metadata.tables.values() if not table.schema for column in table.c}
    assert ours - ADDED == set(facts())


def test_nullable_is_what_is_nullable_in_mpm() -> None:
    for (table, name), row in facts().items():
        nullable = metadata.tables[table].c[name].nullable
        assert nullable == (row["nullable"] == "yes" or (table, name) in NULLABLE_HERE), f"{table}.{name}"


def test_company_ids_have_one_type_and_a_foreign_key() -> None:
    referring = [("company_databases", "company_id"), ("database_proxies", "fk_company_id"), ("api_keys", "company_id")]
    for table, name in referring:
        column = metadata.tables[table].c[name]
        assert str(column.type) == str(metadata.tables["companies"].c.id.type) == "BIGINT"
        assert {key.target_fullname for key in column.foreign_keys} == {"companies.id"}


def test_what_must_not_be_there_twice_is_unique() -> None:
    unique = {
        (table.name, *(column.name for column in constraint.columns))  # type: ignore[attr-defined]  # only a UNIQUE's
        for table in metadata.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ == "UniqueConstraint"
    }
    assert {
        ("companies", "name"),
        ("companies", "email"),
        ("company_databases", "company_id"),
        ("company_databases", "database_name"),
        ("database_proxies", "email"),
    } <= unique
