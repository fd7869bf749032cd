"""Which statements of a revision may change what can be read, so that the server has to look."""

from __future__ import annotations

import pytest

from mpm_ops.companies.grants import Reading


@pytest.mark.parametrize(
    ("statement", "harmless"),
    [
        ("ALTER TABLE people ADD COLUMN nickname TEXT;", True),
        ("CREATE INDEX ix ON people (name);", True),
        ("CREATE TABLE visits (\n id BIGINT, FOREIGN KEY(person_id) REFERENCES people (id)\n);", True),
        ("ALTER TABLE people ADD COLUMN name TEXT;", False),
        ("ALTER TABLE people ADD COLUMN nickname TEXT, DROP COLUMN name;", False),
        ("ALTER TABLE people ADD COLUMN x TEXT; ALTER TABLE people ADD COLUMN name TEXT;", False),
        ("CREATE TABLE people (id BIGINT);", False),
        ("ALTER TABLE people RENAME TO persons;", False),
        ("DO 'BEGIN EXECUTE ''ALTER TABLE people ADD COLUMN name text''; END'", False),
        ("CREATE TABLE visits (id BIGINT); ALTER TABLE people ADD COLUMN name TEXT", False),
        ("CREATE INDEX ix ON people (name); ALTER TABLE people ADD COLUMN name TEXT", False),
    ],
)
def test_what_cannot_change_what_may_be_read(statement: str, harmless: bool) -> None:
    assert Reading()._is_harmless(statement) is harmless
