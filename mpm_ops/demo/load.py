"""Writes a made-up business into a company's database with COPY, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import psycopg
from psycopg import sql

from mpm_ops.demo.book import Chunk, Ref
from mpm_ops.demo.copying import HEADER, TRAILER, encoded
from mpm_ops.demo.deferred import deferred
from mpm_ops.demo.profiles import Profile
from mpm_ops.errors import AlreadyExists, MpmOpsError

#: Called with the rows that are written, and with which part of the business's time is behind.
OnRows = Callable[[int, float], None]

#: The tables that grow with the payments, the meters and the loans.
_MANY = (
    "addresses",
    "agent_balance_histories",
    "agent_transactions",
    "appliance_rates",
    "cash_transactions",
    "devices",
    "geographical_informations",
    "meter_consumptions",
    "meters",
    "payment_histories",
    "people",
    "sms",
    "third_party_transactions",
    "ticket_comments",
    "tickets",
    "tokens",
    "transactions",
)
_TYPES = """
SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
#: MPM's rule: a commission moves commission_revenue, of which a receipt pays out; all else moves the balance.
_ACCOUNTS = """
UPDATE agents a
SET balance = l.balance, commission_revenue = l.earned - coalesce(r.credited, 0), updated_at = l.at
FROM (SELECT agent_id, max(created_at) AS at,
             coalesce(sum(amount) FILTER (WHERE trigger_type <> 'agent_commission'), 0) AS balance,
             coalesce(sum(amount) FILTER (WHERE trigger_type = 'agent_commission'), 0) AS earned
      FROM agent_balance_histories GROUP BY agent_id) l
LEFT JOIN (SELECT agent_id, sum(commission_credited) AS credited
           FROM agent_receipts JOIN agent_receipt_details d ON d.agent_receipt_id = agent_receipts.id
           GROUP BY agent_id) r USING (agent_id)
WHERE a.id = l.agent_id
"""


def load(
    connection: psycopg.Connection,
    profile: Profile,
    chunks: Iterable[Chunk],
    *,
    on_rows: OnRows = lambda *_: None,
) -> int:
    """Write all rows or none; return how many. Raises AlreadyExists when the company has customers."""
    with connection.transaction():
        # Two at once would both find the table empty.
        connection.execute("LOCK TABLE people IN SHARE ROW EXCLUSIVE MODE")
        if connection.execute("SELECT 1 FROM people WHERE is_customer LIMIT 1").fetchone():
            raise AlreadyExists("the company has customers already", hint="Made-up ones are for new companies only.")
        writer = _Writer(connection)
        with deferred(connection, _MANY):
            for chunk in chunks:
                writer.write(chunk)
                on_rows(writer.rows, chunk.behind)
        writer.finish()
        connection.execute(
            "UPDATE main_settings SET currency = %s, country = %s, language = %s",
            [profile.currency, profile.country, profile.language],
        )
        connection.execute(
            "UPDATE map_settings SET latitude = %s, longitude = %s", [profile.latitude, profile.longitude]
        )
        # Within the transaction, so that breaking it off here leaves nothing either.
        connection.execute("ANALYZE")
    return writer.rows


class _Writer:
    """Copies chunks into a database, and knows what it needs of it."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self.rows = 0
        self._types: dict[str, Mapping[str, str]] = {}
        self._known: dict[Ref, int] = {}

    def write(self, chunk: Chunk) -> None:
        """Copy the rows of a chunk."""
        if not chunk.rows:
            return
        if chunk.table not in self._types:
            self._types[chunk.table] = dict(self._connection.execute(_TYPES, [chunk.table]).fetchall())
        columns = {
            name: self._found(value) if isinstance(value, Ref) else value for name, value in chunk.columns.items()
        }
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            sql.Identifier(chunk.table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self._connection.cursor().copy(statement) as copy:
            copy.write(HEADER)
            for piece in encoded(replace(chunk, columns=columns), self._types[chunk.table]):
                copy.write(piece)
            copy.write(TRAILER)
        self.rows += chunk.rows

    def finish(self) -> None:
        """Let new ids begin behind those that were written, and tell the agents what is on their accounts."""
        for table in self._types:
            name = sql.Identifier(table)
            self._connection.execute(
                sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), (SELECT max(id) FROM {}))").format(
                    sql.Literal(table), name
                )
            )
        self._connection.execute(_ACCOUNTS)

    def _found(self, ref: Ref) -> int:
        """Look up the id of a row that the database has; each one once."""
        if ref not in self._known:
            query = sql.SQL("SELECT min(id) FROM {} WHERE {}::text = %(value)s OR %(value)s IS NULL").format(
                sql.Identifier(ref.table), sql.Identifier(ref.column)
            )
            found = self._connection.execute(query, {"value": ref.value}).fetchone()
            if found is None or found[0] is None:
                sought = "" if ref.value is None else f" with {ref.column} {ref.value!r}"
                raise MpmOpsError(
                    f"{ref.table} has no row{sought}",
                    hint="A company as registration makes it has one; a database that was made anew since has not.",
                )
            self._known[ref] = found[0]
        return self._known[ref]
