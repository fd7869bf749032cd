"""Figures: how long they take at a company with many payments, and of all companies against raw psycopg threads."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from inspect import signature
from typing import Any

import psycopg

from mpm_ops import CompanyReader, Ops, Result
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
SPANS = {"a month": MONTH, "a year": ("2026-01-01", "2027-01-01"), "three years": ("2024-01-01", "2027-01-01")}
#: The day of what has no span, such as loans.
DAY = "2026-12-31"
#: What each may take, in milliseconds.
LIMIT = 200
#: Every figure, as it is asked in a report.
ASKED: dict[str, Mapping[str, Any]] = {
    "revenue": {"per": "week", "by": "village"},
    "energy": {"per": "week", "by": "village"},
    "arpu": {"per": "month", "by": "connection_group"},
    "payment_flow": {"per": "week", "by": "agent"},
    "connections": {"by": "connection_group"},
    "targets": {},
    "customers": {"by": "village"},
    "churn": {"by": "village"},
    "loans": {"by": "appliance_type"},
    "portfolio_at_risk": {"by": "village"},
    "collection_rate": {"per": "month", "by": "appliance_type"},
    "agents": {},
    "tickets": {"per": "week", "by": "category"},
    "sms": {"per": "week"},
}


def compare(ops: Ops, companies: Sequence[CompanyReader]) -> Iterator[Comparison]:
    """Medians, in milliseconds; the companies lose the people that they have, and get customers with payments."""
    large, *small = companies
    for reader in companies:
        with ops._installation.server_of(reader.company).connect(
            reader.company.database, role=ops.settings.owner_role
        ) as connection:
            connection.execute("TRUNCATE people CASCADE")
            make_payments(connection, MANY if reader is large else FEW)
    for name, options in ASKED.items():
        yield from _alone(large.figures, name, options)
    yield _fan_out(ops, small)


def _alone(figures: Figures[Result], name: str, options: Mapping[str, Any]) -> Iterator[Comparison]:
    figure = getattr(figures, name)
    spans: Mapping[str, tuple[str, ...]] = {"a day": (DAY,)} if "on" in signature(figure).parameters else SPANS
    for span, days in spans.items():
        took = statistics.median(milliseconds(lambda days=days: figure(*days, **options).arrow) for _ in range(TURNS))  # type: ignore[misc]  # bound
        what = f"`{name}` of {span}, {MANY:,} payments in all".replace(",", " ")
        yield Comparison(what=what, against=f"{LIMIT} ms", ours=took, other=LIMIT, target=AtMost(1))


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
