"""One question to all companies, against a loop of `pd.read_sql` with an engine each, and raw psycopg threads."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pandas as pd
import psycopg
import sqlalchemy as sa

from mpm_ops.analysis.reader import CompanyReader
from tests.benchmarks.comparison import AtMost, Comparison, Faster, milliseconds
from tests.benchmarks.fleet import WORKERS, Fleet

TURNS = 5
#: Some twenty rows of a company, as a report by month and village has.
_QUESTION = (
    "SELECT left(country_name, 1) AS initial, count(*) AS n, max(created_at) AS newest FROM countries GROUP BY 1"
)


def compare(fleet: Fleet) -> Iterator[Comparison]:
    """Medians, in milliseconds for all companies; all read with the same login, which has its grants before."""
    readers = [fleet.ops.company(company.id) for company in fleet.companies]
    ours = partial(fleet.ops.read_sql, _QUESTION)
    rows = len(ours())
    contenders = {"ours": ours, "engines": partial(_engines, readers), "raw": partial(_raw, readers)}
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(TURNS):
        for name, work in contenders.items():
            took[name].append(milliseconds(lambda work=work: _checked(len(work()), rows)))  # type: ignore[misc]  # bound
    median = {name: statistics.median(times) for name, times in took.items()}
    row = partial(Comparison, what=f"one question to {len(readers)} companies, as one frame", ours=median["ours"])
    yield row(against="a loop of `pd.read_sql`, an engine each", other=median["engines"], target=Faster(4))
    yield row(against=f"raw psycopg in {WORKERS} threads, rows only", other=median["raw"], target=AtMost(1.3))


def _checked(found: int, expected: int) -> None:
    assert found == expected


def _dsn(reader: CompanyReader) -> str:
    return reader._login.server.dsn(reader.company.database)


def _engines(readers: list[CompanyReader]) -> pd.DataFrame:
    frames = []
    for reader in readers:
        engine = sa.create_engine("postgresql+psycopg://", creator=partial(psycopg.connect, _dsn(reader)))
        frames.append(pd.read_sql(_QUESTION, engine).assign(company=reader.name))
        engine.dispose()
    return pd.concat(frames)


def _raw(readers: list[CompanyReader]) -> list[tuple[object, ...]]:
    def ask(reader: CompanyReader) -> list[tuple[object, ...]]:
        with psycopg.connect(_dsn(reader)) as connection:
            return connection.execute(_QUESTION).fetchall()

    with ThreadPoolExecutor(WORKERS) as pool:
        return [row for rows in pool.map(ask, readers) for row in rows]
