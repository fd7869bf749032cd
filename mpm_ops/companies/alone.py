"""One fleet migration of an installation at a time: a night that takes too long does not meet the next one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from mpm_ops.central import history
from mpm_ops.companies.installation import Installation
from mpm_ops.errors import Busy
from mpm_ops.postgres import locks
from mpm_ops.postgres.server import translated
from mpm_ops.settings import operator

_KEY = "alone"
#: What PostgreSQL keeps of a session's name, in bytes.
_NAME = 63


@contextmanager
def alone(installation: Installation) -> Iterator[None]:
    """Be the only one at the fleet for a block. Raises Busy, at once, when a run or another such block is under way.

    Runs that were not begun alone are not held off. The lock is a session's in the central database: it goes with the
    process, however that ends, and when the central server is restarted; what keeps two runs out of one company is the
    lock of that company's database.
    """
    with installation.central():
        pass  # what is wrong with the central database is told there
    name = _session(installation.settings.prefix)
    connection = installation.server.open(installation.settings.central_database, application=name)
    with closing(connection):
        with translated():
            # Nothing is said on it until the end, which may be in the morning.
            connection.execute("SET idle_session_timeout = 0")
        with locks.try_lock(connection, _KEY) as got:
            with translated():
                _refuse(connection, got=got)
            yield


def _session(prefix: str) -> str:
    """Name the session that holds the lock after who holds it: all that another process can know."""
    name = f"mpm_ops/{prefix}alone {operator()}@{socket.gethostname()}"
    process = f" pid {os.getpid()}"
    return name.encode()[: _NAME - len(process)].decode(errors="ignore") + process


def _refuse(connection: psycopg.Connection, *, got: bool) -> None:
    """Raise Busy that names who holds the lock, and the run that is under way, as far as they are known."""
    under_way = history.under_way(connection)
    if got and not under_way:
        return
    told = [f"run {run.id} is {run.state} since {run.started_at:%Y-%m-%d %H:%M:%S %Z}" for run in under_way]
    if not got and (holder := locks.holder(connection, _KEY)):
        who = holder.application.partition("alone ")[2]
        since = f" since {holder.since:%Y-%m-%d %H:%M:%S %Z}" if holder.since else ""
        told.insert(0, f"{who or f'session {holder.pid}'} is at it{since}")
    raise Busy(
        f"another fleet migration is under way: {'; '.join(told) or 'it has just ended'}",
        hint="`mpm-ops status` shows how a run gets on.",
    )
