"""What is compared with opening a connection to each company: a run with nothing to do, and a drift check."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from functools import partial

import psycopg

from mpm_ops import Company, Status
from tests.benchmarks.comparison import AtMost, Comparison, milliseconds
from tests.benchmarks.fleet import Fleet


def compare(fleet: Fleet) -> Iterator[Comparison]:
    """Medians, in milliseconds for the whole fleet; connections are opened in as many threads as ours has."""
    idle = fleet.ops.migrate_tenant
    few = partial(fleet.ops.migrate_tenant, [company.id for company in fleet.companies[:10]])

    def connect(company: Company) -> None:
        psycopg.connect(fleet.server.dsn(company.database)).close()

    open_all = partial(fleet.each, connect, fleet.companies)
    assert idle().ok
    _assert_idle_opens_none(fleet)
    took: dict[str, list[float]] = {"idle": [], "few": [], "rest": [], "drift": [], "full": [], "opening": []}
    for _ in range(15):
        took["idle"].append(milliseconds(idle))
        took["few"].append(milliseconds(few))
    for _ in range(3):
        took["opening"].append(milliseconds(open_all))
        took["rest"].append(milliseconds(partial(_drift, fleet)))
        fleet.each(partial(_write, fleet), fleet.companies)
        took["drift"].append(milliseconds(partial(_drift, fleet)))
        took["full"].append(milliseconds(partial(_drift, fleet, full=True)))
    median = {name: statistics.median(times) for name, times in took.items()}
    opening = f"opening {len(fleet.companies)} connections"
    row = partial(Comparison, what="a run with nothing to do", ours=median["idle"])
    yield row(against=opening, other=median["opening"], target=AtMost(0.05))
    yield row(against="the same with 10 companies", other=median["few"], target=AtMost(2))
    row = partial(Comparison, against=opening, other=median["opening"])
    yield row(what="drift check, nobody wrote since the last", ours=median["rest"], target=AtMost(2))
    yield row(what="drift check, all written to since the last", ours=median["drift"], target=AtMost(2))
    yield row(what="drift check --full, as the first one", ours=median["full"], target=AtMost())


def _drift(fleet: Fleet, *, full: bool = False) -> None:
    found = fleet.ops.drift(full=full)
    assert len(found) == len(fleet.companies)
    assert not [one for one in found if one.differences or one.error]


def _write(fleet: Fleet, company: Company) -> None:
    """Write a row, as a company's application does all day."""
    with psycopg.connect(fleet.server.dsn(company.database)) as connection:
        connection.execute("INSERT INTO people (name, surname) VALUES ('Ada', 'Tester')")


def _assert_idle_opens_none(fleet: Fleet) -> None:
    """The server counts the sessions of each database: a run with nothing to do adds none.

    Nor does a drift check at rest, but for databases that the server itself has vacuumed since the last one; the
    first check after rows were written adds one each.
    """
    before = _sessions(fleet)
    report = fleet.ops.migrate_tenant()
    assert {outcome.status for outcome in report.outcomes} == {Status.SKIPPED}
    assert _sessions(fleet) == before
    _drift(fleet)
    before = _sessions(fleet)
    _drift(fleet)
    assert _sessions(fleet) <= before + len(fleet.companies) // 10
    fleet.each(partial(_write, fleet), fleet.companies)
    before = _sessions(fleet)
    _drift(fleet)
    assert _sessions(fleet) == before + len(fleet.companies)


def _sessions(fleet: Fleet) -> int:
    """Return how many sessions the companies' databases have had. A session is counted for certain once it is over."""
    names = [company.database for company in fleet.companies]
    open_sessions = "SELECT FROM pg_stat_activity WHERE datname = ANY(%s) AND backend_type = 'client backend'"
    deadline = time.monotonic() + 30
    with fleet.server.connect("postgres") as connection:
        while connection.execute(open_sessions, [names]).fetchone() is not None:
            assert time.monotonic() < deadline, "a connection to a company stays open"
        row = connection.execute(
            "SELECT sum(sessions) FROM pg_stat_database WHERE datname = ANY(%s)", [names]
        ).fetchone()
    assert row
    return int(row[0])
