"""A company with so many payments that it tells how they are found."""

from __future__ import annotations

from pathlib import Path

import psycopg

_ROWS = Path(__file__).with_name("many_payments.sql")


def make_payments(connection: psycopg.Connection, count: int) -> None:
    """Write so many payments of the year 2026, and whose they are, into the database of a new company."""
    connection.execute("SELECT set_config('made.payments', %s, false)", [str(count)])
    connection.execute(_ROWS.read_bytes())
    connection.execute("ANALYZE")
