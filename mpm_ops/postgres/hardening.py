"""Hardening: what PUBLIC, and so every login, may do in a database, beyond what PostgreSQL lets everybody do (D6).

`standard` needs the database's owner only and works on managed servers. `strict` takes functions and views of the
server's own catalog away as well, which takes a superuser; the owner of the company databases keeps all of them, and
an application what it needs by name. It is a matter of each database, and comes along when one is copied.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Final

import psycopg
from psycopg import sql

from mpm_ops.errors import ServerError
from mpm_ops.postgres import roles
from mpm_ops.records import Hardening

#: Functions that do something, or tell of other companies, even in a transaction that is read-only.
FUNCTIONS: Final = (
    # Locks fill the lock table of the whole server; notes, messages and large objects are writes.
    r"pg_(try_)?advisory_\w+",
    r"pg_notify|pg_logical_emit_message|pg_export_snapshot|txid_current|pg_current_xact_id",
    r"lo_\w+|lowrite|loread",
    # Settings, and time that others wait for.
    r"set_config|pg_sleep\w*|pg_(cancel|terminate)_backend|pg_log_backend_memory_contexts",
    # Statements in a text, which no grammar has looked at.
    r"\w+_to_xml|\w+_to_xmlschema|\w+_to_xml_and_xmlschema|ts_stat|ts_rewrite",
    # Names, sizes and doings of others.
    r"pg_stat_get_(db|activity|progress|backend|subscription|replication|wal_senders|wal_receiver|slru|io)\w*",
    r"pg_describe_object|pg_identify_object\w*|shobj_description|pg_lock_status|pg_prepared_xact",
    r"pg_get_replication_slots|pg_(safe_snapshot_)?blocking_pids|pg_database_size|pg_tablespace_\w+",
    r"pg_show_all_file_settings|pg_cursor|pg_isolation_test_session_is_blocked|pg_get_(wal|shmem)\w*",
)
#: Views and tables of the catalog that show other companies, their logins and what these do.
VIEWS: Final = (
    r"pg_(database|tablespace|roles|user|group|shadow|auth_members|db_role_setting|shdescription|shdepend|shseclabel)",
    r"pg_(seclabels|locks|prepared_xacts|replication_slots|replication_origin\w*|cursors|subscription\w*)",
    r"pg_stat_(activity|database|database_conflicts|ssl|gssapi|replication|replication_slots|wal_receiver|recovery_prefetch)",
    r"pg_stat_(progress_\w+|subscription\w*|bgwriter|checkpointer|io|slru|wal|archiver)",
)
LANGUAGES: Final = ("plpgsql", "sql")
#: What applications ask of the server, of what `strict` takes away: locks, notes, settings, waits, their transaction.
APPLICATION: Final = (
    r"pg_(try_)?advisory_\w+",
    r"pg_notify|set_config|pg_sleep|txid_current|pg_current_xact_id|ts_rewrite",
)


def harden(connection: psycopg.Connection, level: Hardening, *, owner: str) -> None:
    """Close the database that `connection` goes to as far as `level` says; again changes nothing.

    The login is a superuser for STRICT; for STANDARD one that may act as `owner`.
    Raises ServerError when it is not (`check`).
    """
    check(connection, level)
    for statement in statements(level, owner=owner):
        connection.execute(statement.encode())


def statements(level: Hardening, *, owner: str) -> list[str]:
    """Return what closes a database as far as `level` says."""
    strict = [_block("strict", owner=owner, **closed())] if level is Hardening.STRICT else []
    return [*strict, _block("standard", owner=owner)]


def check(connection: psycopg.Connection, level: Hardening) -> None:
    """Raise ServerError when the login of `connection` may not close a database as far as `level` says."""
    if level is Hardening.STRICT and connection.info.parameter_status("is_superuser") != "on":
        raise ServerError(
            f"{Hardening.STRICT} takes a superuser, and {connection.info.user} is none",
            hint=f"Log in as one to harden, or stay at {Hardening.STANDARD}: MPM_OPS_HARDENING={Hardening.STANDARD}",
        )


def let_application(connection: psycopg.Connection, *, owner: str, database: str) -> None:
    """Let the application's group of `database` do what it needs of what `strict` has left to the owner alone."""
    app = roles.app_group(database)
    connection.execute(_block("application", owner=owner, app=app, functions=_pattern(APPLICATION)).encode())


def closed() -> dict[str, str]:
    """Return what `strict` closes, as the sections of SQL want it: two patterns and a list as JSON."""
    return {"functions": _pattern(FUNCTIONS), "views": _pattern(VIEWS), "languages": json.dumps(LANGUAGES)}


def sections(text: str) -> dict[str, str]:
    """Divide a file of SQL at its lines `-- section: NAME`."""
    return {name: body for name, _, body in (part.partition("\n") for part in text.split("\n-- section: ")[1:])}


def _pattern(alternatives: tuple[str, ...]) -> str:
    return f"^({'|'.join(alternatives)})$"


def _block(section: str, **values: str) -> str:
    """Return a section of hardening.sql as a statement, with these values in it."""
    body = sql.SQL(_sections()[section]).format(**{name: sql.Literal(value) for name, value in values.items()})
    return sql.SQL("DO {}").format(sql.Literal(body.as_string())).as_string()


@cache
def _sections() -> dict[str, str]:
    return sections(resources.files("mpm_ops.postgres").joinpath("hardening.sql").read_text(encoding="utf-8"))
