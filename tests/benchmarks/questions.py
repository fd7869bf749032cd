"""What a question through the guard is compared with: a raw named cursor of psycopg in a transaction of its own."""

from __future__ import annotations

import statistics
from functools import partial

import psycopg

from mpm_ops import Ops
from mpm_ops.analysis import guard
from mpm_ops.postgres.watched import WatchedConnection
from tests.benchmarks.comparison import AtMost, Comparison, milliseconds

#: Connections of each, one after the other, and questions on each. Where the system puts a server's process, beside the
#: client's or on another core, makes more of a difference than what is measured: a pair of connections says little.
PAIRS, TIMES = 20, 100
_QUESTION = "SELECT count(*) FROM countries"


def compare(ops: Ops, company: int) -> Comparison:
    """Medians of a one-row question on an open connection, both by the same login; they take turns at going first.

    Noting it in the audit log is not the guard's, and not in it.
    """
    reader = ops.company(company)
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(PAIRS):
        with (
            reader._connection(keep=False) as lent,
            psycopg.connect(reader._login.server.dsn(reader.company.database)) as connection,
        ):
            ours, raw = partial(_guarded, lent), partial(_raw, connection)
            assert ours() == raw() == [(245,)]
            for turn in range(TIMES):
                pairs = [(took[0], ours), (took[1], raw)]
                for times, work in pairs if turn % 2 else reversed(pairs):
                    times.append(milliseconds(work))
    return Comparison(
        what="a question of one row, on an open connection",
        against="a raw psycopg named cursor",
        ours=statistics.median(took[0]),
        other=statistics.median(took[1]),
        target=AtMost(1.3),
    )


def _guarded(connection: WatchedConnection) -> list[tuple[object, ...]]:
    return guard.ask(connection, _QUESTION).rows


def _raw(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    with connection.cursor(name="raw") as cursor:
        rows = cursor.execute(_QUESTION).fetchall()
    connection.rollback()
    return rows
