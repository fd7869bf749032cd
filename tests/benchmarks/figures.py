"""Figures: how long they take at a company with many payments, and of all companies against raw psycopg threads."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg

from mpm_ops import CompanyReader, Ops
from mpm_ops.analysis.params import bind
from mpm_ops.figures.figures import Figures
from tests.benchmarks.comparison import AtMost, Comparison, milliseconds
from tests.benchmarks.fleet import WORKERS
from tests.integration.figures.many import make_payments

TURNS = 5
#: Companies that are asked together; one more is the large one.
COMPANIES = 100
#: Payments of the one company, and of each of the many.
MANY, FEW = 100_000, 500
MONTH = ("2026-06-01", "2026-07-01")
#: What each may take of a month, in milliseconds.
LIMIT = 200


def compare(ops: Ops, companies: Sequence[CompanyReader]) -> Iterator[Comparison]:
    """Medians, in milliseconds, of companies that have no payments yet: they are made."""
    large, *small = companies
    for reader in companies:
        with ops._installation.server_of(reader.company).connect(
            reader.company.database, role=ops.settings.owner_role
        ) as connection:
            make_payments(connection, MANY if reader is large else FEW)
    for name, options in _asked().items():
        figure = partial(getattr(large.figures, name), *MONTH, **options)
        took = statistics.median(milliseconds(lambda figure=figure: figure().arrow) for _ in range(TURNS))  # type: ignore[misc]  # bound
        what = f"`{name}` of a month, {MANY:,} payments in all".replace(",", " ")
        yield Comparison(what=what, against=f"{LIMIT} ms", ours=took, other=LIMIT, target=AtMost(1))
    yield _fan_out(ops, small)


def _asked() -> dict[str, Mapping[str, Any]]:
    return {
        "revenue": {"per": "week", "by": "village"},
        "energy": {"per": "week", "by": "village"},
        "payment_flow": {"per": "week", "by": "agent"},
        "targets": {},
    }


def _fan_out(ops: Ops, readers: Sequence[CompanyReader]) -> Comparison:
    noted: list[tuple[str, Mapping[str, Any]]] = []

    def note(sql: str, *, params: Mapping[str, Any], max_rows: int | None) -> None:
        noted.append((sql, params))

    Figures(note).revenue(*MONTH, per="week", by="village")
    figures = ops.figures.asked_with(companies=[reader.id for reader in readers])
    ours, raw = partial(_ours, figures), partial(_raw, readers, *noted[0])
    assert ours() == raw() > 0
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(TURNS * 2):
        pairs = [(took[0], ours), (took[1], raw)]
        for times, work in pairs if turn % 2 else reversed(pairs):
            times.append(milliseconds(work))
    return Comparison(
        what=f"`ops.figures.revenue` of {len(readers)} companies, as one table",
        against=f"raw psycopg in {WORKERS} threads, rows only",
        ours=statistics.median(took[0]),
        other=statistics.median(took[1]),
        target=AtMost(1.3),
    )


def _ours(figures: Figures[Any]) -> int:
    return len(figures.revenue(*MONTH, per="week", by="village"))


def _raw(readers: Sequence[CompanyReader], sql: str, params: Mapping[str, Any]) -> int:
    bound = bind(sql, params)

    def ask(reader: CompanyReader) -> int:
        dsn = reader._login.server.dsn(reader.company.database)
        with psycopg.connect(dsn, options="-c search_path=masked,public") as connection:
            cursor = psycopg.RawCursor(connection)
            return len(cursor.execute(bound.text.encode(), bound.values).fetchall())

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(ask, readers))
