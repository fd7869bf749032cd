"""Figures of several companies, and what is refused."""

from __future__ import annotations

import datetime as dt
import inspect
import itertools
from importlib import resources
from typing import Any

import pytest

from mpm_ops import CompanyReader, Ops, Result
from mpm_ops.errors import UsageError
from mpm_ops.figures.figures import Figures
from mpm_ops.figures.statements import statement
from tests.integration.figures.raw import rows

YEAR = ("2025-12-01", "2026-12-01")
FIGURES = sorted(name for name in dir(Figures) if name[0] != "_" and name != "asked_with")
#: The days that each takes, as strings.
GIVEN: dict[str, tuple[str, ...]] = {
    name: ("2026-11-01",) if "on" in inspect.signature(getattr(Figures, name)).parameters else YEAR for name in FIGURES
}
KINDS = ("Rule", "Unit", "Time", "Source", "Columns")
#: How Arrow calls the types that the docstrings name.
ARROW = {
    "text": "string",
    "bigint": "int64",
    "integer": "int32",
    "date": "date",
    "decimal": "decimal",
    "double": "double",
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_asked_of_all_companies_and_names_the_company(
    site: Ops, small: CompanyReader, ziwa: CompanyReader, name: str
) -> None:
    together: Result = getattr(site.figures, name)(*GIVEN[name])
    apart = [getattr(company.figures, name)(*GIVEN[name]) for company in (small, ziwa)]
    assert together.arrow.column_names == ["company", *apart[0].arrow.column_names]
    expected = [
        (company.name, *row) for company, of_one in zip((small, ziwa), apart, strict=True) for row in of_one.rows
    ]
    assert sorted(together.rows, key=str) == sorted(expected, key=str)
    assert not together.truncated


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_tells_its_rule_unit_time_source_and_columns(ziwa: CompanyReader, name: str) -> None:
    text = inspect.getdoc(getattr(Figures, name)) or ""
    paragraphs = [line.split(":")[0] for line in text.splitlines() if line.split(":")[0] in KINDS]
    assert paragraphs == list(KINDS)
    words = text.split("Columns: ")[1].replace(",", " ").split()
    # The word behind a column's first mention.
    documented = dict(reversed(list(itertools.pairwise(words))))
    found: Result = getattr(ziwa.figures, name)(*GIVEN[name])
    kinds = {field.name: str(field.type) for field in found.arrow.schema}
    for column, kind in kinds.items():
        # Of no values the type is not known.
        assert kind.startswith(ARROW[documented[column].strip(".")]) or kind == "null", column


def test_every_figure_has_a_file_of_its_name_and_every_file_is_one() -> None:
    files = {path.name for path in resources.files("mpm_ops.figures").joinpath("sql").iterdir()}
    assert files == {"shared.sql", *(f"{name}.sql" for name in FIGURES)}
    assert all(statement(name).startswith(f"-- {name}: ") for name in FIGURES)


def test_currencies_are_kept_apart(site: Ops, small: CompanyReader, ziwa: CompanyReader, server: Any) -> None:
    with server.connect(small.company.database) as connection:
        connection.execute("UPDATE main_settings SET currency = 'XOF'")
    found = site.figures.revenue(*YEAR)
    assert sorted(rows(found, "company", "currency")) == [("Small Power", "XOF"), (ziwa.name, "TZS")]


def test_some_companies_are_asked_with_options_of_query(site: Ops, small: CompanyReader, ziwa: CompanyReader) -> None:
    chosen = site.figures.asked_with(companies=[small.id], numeric="float")
    assert rows(chosen.revenue("2026-01-01", "2026-02-01"), "company", "revenue") == [("Small Power", 4750.25)]


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda figures: figures.revenue("2026-02-01", "2026-02-01"), "no day from 2026-02-01"),
        (lambda figures: figures.revenue("2026-13-01", "2027-01-01"), "'2026-13-01' is no day"),
        (lambda figures: figures.revenue(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "2027-01-01"), "is no day"),
        (lambda figures: figures.revenue(*YEAR, per="fortnight"), "'fortnight' is not known here"),
        (lambda figures: figures.revenue(*YEAR, by="agent"), "'agent' is not known here"),
        (lambda figures: figures.loans(by="x'; DROP TABLE people --"), "is not known here"),
        (lambda figures: figures.targets(*YEAR, by=None), "'None' is not known here"),
        (lambda figures: figures.targets(*YEAR, by="village"), "'village' is not known here"),
        (lambda figures: figures.customers(days_active=0), "days is 0"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(small: CompanyReader, ask: Any, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        ask(small.figures)


def test_today_is_the_default_day(small: CompanyReader) -> None:
    today = dt.datetime.now(dt.UTC).date()
    assert small.figures.portfolio_at_risk().rows in [
        small.figures.portfolio_at_risk(day).rows for day in (today, today + dt.timedelta(days=1))
    ]
