"""Companies to ask for figures: a small one that was added up by hand, and one of the demo."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpm_ops import CompanyReader, Ops, Result
from mpm_ops.demo.profiles import ZIWA
from mpm_ops.figures.figures import Figures
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX, clean, make_settings
from tests.integration.figures.raw import Raw

#: The last day of the demo's year.
LAST = dt.date(2026, 11, 23)


@pytest.fixture(scope="module")
def site(server: Server, dsn: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """An installation for the tests of one module, which only read."""
    settings = make_settings(dsn, tmp_path_factory.mktemp("figures"), central=f"{PREFIX}central_{secrets.token_hex(3)}")
    with server.connect("postgres") as connection:
        databases.create(connection, settings.central_database, template=template)
        databases.close_to_public(connection, settings.central_database)
    with Ops(settings) as ops:
        yield ops
    clean(server, f"{PREFIX}company_", f"{PREFIX}reader_", settings.central_database)


@pytest.fixture(scope="module")
def small(site: Ops, server: Server) -> CompanyReader:
    """The company of small_company.sql."""
    company = registered(site, "Small Power")
    with server.connect(company.company.database) as connection:
        connection.execute((Path(__file__).parent / "small_company.sql").read_bytes())
        connection.execute("ANALYZE")
    return company


@pytest.fixture(scope="module")
def figures(small: CompanyReader) -> Figures[Result]:
    """The figures of the small company, asked as an analyst does who sees no names."""
    return small.figures


@pytest.fixture(scope="module")
def ziwa(site: Ops) -> CompanyReader:
    """A company of the demo with its year of business."""
    company = registered(site, ZIWA.name)
    site.fill_demo(company.company, ZIWA, until=LAST)
    return company


@pytest.fixture(scope="module")
def raw(site: Ops, ziwa: CompanyReader) -> Raw:
    """The demo company's rows."""
    return Raw(site.company(ziwa.id, personal_data=True))


def registered(ops: Ops, name: str) -> CompanyReader:
    tag = secrets.token_hex(4)
    company = ops.register(
        name=name, email=f"{tag}@example.com", admin_email=f"admin-{tag}@example.com", admin_password="correct horse"
    )
    return ops.company(company.id)
