"""What the ledger's statements cost with many companies; their databases are not needed for that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import psycopg

from mpm_ops import Ops, Settings
from mpm_ops.central import batches, history, ledger, registry
from mpm_ops.central.batches import Piece
from mpm_ops.central.ledger import Part, Planned
from mpm_ops.postgres import databases, locks, sessions
from mpm_ops.records import Company, Outcome, Status
from tests.benchmarks.recorded import Cost

SIZES = (1_000, 10_000, 100_000)
BATCHES, BATCH = 100, 50
#: A statement is measured for so many seconds, and so often, at least.
SECONDS, ROUNDS = 1.0, 3
_STEP = {"revision": "b", "direction": "upgrade", "hash": "s", "after": ["b"]}
_PLAN = {"hash": "p", "from": ["a"], "to": ["b"], "steps": [_STEP]}
_COMPANIES = """
    INSERT INTO companies (id, name, address, phone, email, status)
    SELECT n, 'Company ' || n, '', '', n || '@example.com', 'active' FROM generate_series(1, %(n)s) AS n;
"""
_DATABASES = """
    INSERT INTO company_databases (company_id, database_name)
    SELECT n, 'ledger_company_' || n FROM generate_series(1, %(n)s) AS n
"""


def ledger_costs(settings: Settings, scratch: Path) -> Mapping[str, Mapping[int, Cost]]:
    """Return the cost of what is read of the ledger, by the number of companies in it.

    A night before has migrated all, and the shared run is half done: its first fifty batches of a hundred.
    """
    found: dict[str, dict[int, Cost]] = {}
    for size in SIZES:
        name = f"ledger{size}_central"
        given = {"central_database": name, "prefix": f"ledger{size}_", "home": scratch}
        with Ops(settings.model_copy(update=given)) as ops:
            ops.migrate()
            with ops._installation.server.connect(name) as connection:
                for statement, cost in _measured(connection, size).items():
                    found.setdefault(statement, {})[size] = cost
    return found


def catalog_costs(ops: Ops) -> Mapping[str, Cost]:
    """Return the cost of what is asked of each server, whose catalog has all companies of this installation."""
    with ops._installation.server.connect("postgres") as connection:
        application, prefix = "mpm_ops/bench", f"{ops.settings.prefix}company_"
        return {
            "stamps": _cost(connection, lambda: databases.stamps(connection, prefix)),
            "limits": _cost(connection, lambda: _limits(connection, application)),
        }


def _limits(connection: psycopg.Connection, application: str) -> None:
    """As `Watch.limits`, which every run asks twice a second."""
    sessions.blockers(connection, application)
    sessions.count(connection, application)
    sessions.free(connection)


def _measured(connection: psycopg.Connection, size: int) -> dict[str, Cost]:
    connection.execute(_COMPANIES, {"n": size})
    connection.execute(_DATABASES, {"n": size})
    companies = registry.companies(connection)
    _night(connection, companies)
    shared: list[int] = []
    opened = _cost(connection, lambda: shared.append(_open(connection, companies, None)), rounds=1)
    run_id, of_batch = shared[0], size // BATCHES
    pieces = [[one.id for one in companies[at : at + of_batch]] for at in range(0, size, of_batch)]
    batches.write(connection, run_id, [Piece(number=n, companies=ids) for n, ids in enumerate(pieces, start=1)])
    for number in range(1, BATCHES // 2 + 1):
        part = companies[(number - 1) * of_batch : number * of_batch]
        own = _open(connection, part, Part(run_id, number))
        ledger.record(connection, own, [_done(one) for one in part])
        ledger.close_run(connection, own, state="finished", reason="")
        batches.close(connection, run_id, number)
    connection.execute("SELECT pg_advisory_unlock_all()")
    locks.share(connection, ledger.lock_key(run_id))
    connection.execute("ANALYZE")
    return {
        "open": opened,
        "state": _cost(connection, lambda: _state(connection, run_id)),
        "join": _cost(connection, lambda: _join(connection, run_id)),
        "plan": _cost(connection, lambda: _plan(connection, run_id, companies[:BATCH])),
        "fleet": _cost(connection, lambda: _fleet(connection)),
        "progress": _cost(connection, lambda: history.run(connection, run_id)),
        "end": _cost(connection, lambda: history.outcomes(connection, run_id)),
    }


def _state(connection: psycopg.Connection, run_id: int) -> None:
    """As `RunMember.state`."""
    history.state(connection, run_id)
    batches.listed(connection, run_id)


def _join(connection: psycopg.Connection, run_id: int) -> None:
    """What whoever takes part in a run reads first."""
    history.state(connection, run_id)
    batches.total(connection, run_id)
    ledger.policy(connection, run_id)


def _plan(connection: psycopg.Connection, run_id: int, companies: list[Company]) -> None:
    """What a batch reads before it begins: who is in it, how long each took, what was edited."""
    ids = [one.id for one in companies]
    batches.companies(connection, run_id, 1)
    registry.with_ids(connection, ids)
    history.hashes(connection)
    history.abandoned(connection)
    ledger.durations(connection, "migrate-tenant", ids)


def _fleet(connection: psycopg.Connection) -> None:
    """What the first worker reads before it writes the run: all companies, and how long each took."""
    ids = [one.id for one in registry.companies(connection)]
    history.hashes(connection)
    ledger.durations(connection, "migrate-tenant", ids)


def _night(connection: psycopg.Connection, companies: list[Company]) -> None:
    """A run of the night before, in which all are done."""
    run_id = _open(connection, companies, None)
    connection.execute(
        "UPDATE ops.outcomes SET status = 'done', seconds = 0.02, after = '{b}' WHERE run_id = %s", [run_id]
    )
    ledger.close_run(connection, run_id, state="finished", reason="")
    connection.execute("SELECT pg_advisory_unlock_all()")


def _open(connection: psycopg.Connection, companies: list[Company], part: Part | None) -> int:
    return ledger.open_run(
        connection,
        action="migrate-tenant",
        operator="bench",
        policy={},
        plans=[_PLAN],
        planned=[Planned(company=one, before=("a",), plan="p") for one in companies],
        idle={},
        part=part,
    )


def _done(company: Company) -> Outcome:
    return Outcome(company_id=company.id, company=company.name, status=Status.DONE, before=("a",), after=("b",))


def _cost(connection: psycopg.Connection, work: Callable[[], object], *, rounds: int | None = None) -> Cost:
    """Return the CPU that `work` takes here, and of the server's process for this connection: a mean of many rounds.

    The system counts a process's CPU in hundredths of a second, so it is done until there are many of those.
    """
    backend = psutil.Process(connection.info.backend_pid)
    before, worker, began, done = backend.cpu_times(), time.thread_time(), time.monotonic(), 0
    while done < (rounds or ROUNDS) or (rounds is None and time.monotonic() - began < SECONDS):
        work()
        done += 1
    after = backend.cpu_times()
    server = after.user + after.system - before.user - before.system
    return Cost(worker=(time.thread_time() - worker) / done, server=server / done)
