"""What the groups of a company database may do in it, as its owner grants it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Collection
from functools import cache
from importlib import resources

import psycopg
from psycopg import sql

from mpm_ops.postgres import roles
from mpm_ops.postgres.hardening import let_application
from mpm_ops.schema.plan import Step
from mpm_ops.tenant.personal import PERSONAL
from mpm_ops.tenant.readable import READABLE

#: What a view does not let happen to its table, in SQL and in Alembic's words.
_IN_THE_WAY = re.compile(r"alter.*type|drop|rename", re.IGNORECASE | re.DOTALL)
_RENAMES = re.compile(r"rename", re.IGNORECASE)
_INDEXES = re.compile(r"\s*CREATE (?:UNIQUE )?INDEX\s", re.IGNORECASE)
_CREATES = re.compile(r'\s*CREATE TABLE (?:IF NOT EXISTS )?(?:public\.)?"?(\w+)"?\s*\(', re.IGNORECASE)
#: One column, and nothing after a comma.
_ADDS = re.compile(r'\s*ALTER TABLE (?:public\.)?"?(\w+)"? ADD COLUMN "?(\w+)"?\s[^,;]*;?\s*\Z', re.IGNORECASE)


def grant(connection: psycopg.Connection, *, owner: str, database: str = "") -> None:
    """Open the database that `connection` goes to, to the groups of `database` (default: itself). Run it as the owner.

    It has its masked views already, as a copy of the template has; the key of its masks is made here.
    """
    name = database or connection.info.dbname
    roles.grant_application(connection, owner=owner, database=name)
    let_application(connection, owner=owner, database=name)
    connection.execute(
        "INSERT INTO masked.key SELECT %s WHERE NOT EXISTS (SELECT FROM masked.key)", [secrets.token_bytes(32)]
    )
    connection.execute(_grants(name, READABLE).encode())


def masks(tables: Collection[str] = tuple(READABLE)) -> str:
    """Return the statement that makes the masked views of these tables, as far as the database has them.

    A table of which nothing is masked (any more) gets none, and loses the one that it has.
    """
    return _do("masks", specification=_specification(tables))


@cache
def reading_list() -> str:
    """Name the list of what may be read and masked: another list has another name."""
    everything = masks() + _grants("", READABLE)
    return f"mpm_ops reads={hashlib.sha256(everything.encode()).hexdigest()[:12]}"


def before_step(step: Step) -> list[str]:
    """Return the statements that a step's transactions need before its own: a view would not let its table change."""
    return [f"DROP VIEW IF EXISTS masked.{table}" for table in _taken_away(step)]


def after_step(step: Step, database: str | None) -> list[str]:
    """Return the statements that a step's transactions need to stay true to the list of what may be read.

    Granted to the groups of `database`; to nobody when it is None.
    Writing needs none: the application's group has it by default privileges. A table that is not listed stays hidden.
    """
    touched = _touched(step)
    if not touched:
        return []
    personal = [table for table in touched if table in PERSONAL]
    return [*([masks(personal)] if personal else []), *([_grants(database, touched)] if database else [])]


@cache
def _taken_away(step: Step) -> list[str]:
    """Return the tables whose views may be in the way: named where something is dropped, renamed or gets a type.

    Not those that are only named: who asks a view would be waited for, even where a revision just inserts rows.
    """
    return _named([text for text in _texts(step) if _IN_THE_WAY.search(text)], PERSONAL)


@cache
def _touched(step: Step) -> list[str]:
    """Return the listed tables that a step may make, or change readable columns of."""
    texts = _texts(step)
    anew = [text for text in texts if step.live or _RENAMES.search(text)]
    listed_by_column = [table for table, columns in READABLE.items() if columns]
    texts = texts if step.live else [text for text in texts if not _is_harmless(text)]
    return sorted(step.creates & set(READABLE) | {*_named(texts, listed_by_column), *_named(anew, READABLE)})


def _is_harmless(text: str) -> bool:
    """Whether a statement names a listed table and yet cannot change what may be read of it.

    Half of what releases bring: an index, a new table that refers to it, one new column that is not on the list.
    Looking at the server's side costs two milliseconds each time.
    """
    if ";" in text.rstrip().rstrip(";"):
        return False  # more than one statement, or a text that only looks like one
    if _INDEXES.match(text):
        return True
    if made := _CREATES.match(text):
        return made[1] not in READABLE
    added = _ADDS.match(text)
    return added is not None and added[2] not in READABLE.get(added[1], ())


def _texts(step: Step) -> list[str]:
    """Return a step's statements; of a live one there is only the file's text."""
    return [step.source] if step.live else [text for part in step.parts for text in part.statements]


def _named(texts: Collection[str], tables: Collection[str]) -> list[str]:
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    return sorted(words.intersection(tables))


def _grants(database: str, tables: Collection[str]) -> str:
    read, personal = roles.read_group(database), roles.personal_group(database)
    return _do("grants", specification=_specification(tables), read=read, personal=personal)


def _specification(tables: Collection[str]) -> str:
    listed = {table: {"columns": READABLE[table], "masks": PERSONAL.get(table, {})} for table in sorted(tables)}
    return json.dumps(listed)


def _do(section: str, **values: str) -> str:
    """Return one of the blocks of tenant/reading.sql as a statement, with these values in it."""
    body = sql.SQL(_sections()[section]).format(**{name: sql.Literal(value) for name, value in values.items()})
    return sql.SQL("DO {}").format(sql.Literal(body.as_string())).as_string()


@cache
def _sections() -> dict[str, str]:
    text = resources.files("mpm_ops.tenant").joinpath("reading.sql").read_text(encoding="utf-8")
    return {found[1]: found[2] for found in re.finditer(r"^-- (\w+): .*?\n(.*?)(?=^-- \w+: |\Z)", text, re.M | re.S)}
