"""What a question through the guard is compared with: a raw named cursor of psycopg in a transaction of its own."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

import psycopg

from mpm_ops import Ops
from mpm_ops.analysis import guard
from mpm_ops.postgres.watched import WatchedConnection
from tests.benchmarks.comparison import AtMost, Comparison, milliseconds

TIMES = 1000
_QUESTION = "SELECT count(*) FROM countries"


def compare(ops: Ops, company: int) -> Comparison:
    """Medians of a one-row question on an open connection, both by the same login; they take turns at going first.

    Noting it in the audit log is not the guard's, and not in it.
    """
    reader = ops.company(company)
    with (
        reader._connection() as lent,
        psycopg.connect(reader._login.server.dsn(reader.company.database)) as connection,
    ):
        ours, raw = partial(_guarded, lent), partial(_raw, connection)
        assert ours() == raw() == [(245,)]
        took: dict[Callable[[], object], list[float]] = {ours: [], raw: []}
        for turn in range(TIMES):
            for work in (ours, raw) if turn % 2 else (raw, ours):
                took[work].append(milliseconds(work))
    return Comparison(
        what="a question of one row, on an open connection",
        against="a raw psycopg named cursor",
        ours=statistics.median(took[ours]),
        other=statistics.median(took[raw]),
        target=AtMost(1.3),
    )


def _guarded(connection: WatchedConnection) -> list[tuple[object, ...]]:
    return guard.ask(connection, _QUESTION).rows


def _raw(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    with connection.cursor(name="raw") as cursor:
        rows = cursor.execute(_QUESTION).fetchall()
    connection.rollback()
    return rows
