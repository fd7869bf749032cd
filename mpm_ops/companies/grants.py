"""What the groups of a company database may do in it, as its owner grants it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping
from functools import cache, cached_property
from importlib import resources

import psycopg
from psycopg import sql

from mpm_ops.postgres import roles
from mpm_ops.postgres.hardening import let_application
from mpm_ops.schema.plan import Step
from mpm_ops.tenant.manifests import PluginManifest
from mpm_ops.tenant.masks import Mask
from mpm_ops.tenant.personal import PERSONAL
from mpm_ops.tenant.readable import READABLE

#: What a view does not let happen to its table, in SQL and in Alembic's words.
_IN_THE_WAY = re.compile(r"alter.*type|drop|rename", re.IGNORECASE | re.DOTALL)
_RENAMES = re.compile(r"rename", re.IGNORECASE)
_INDEXES = re.compile(r"\s*CREATE (?:UNIQUE )?INDEX\s", re.IGNORECASE)
_CREATES = re.compile(r'\s*CREATE TABLE (?:IF NOT EXISTS )?(?:public\.)?"?(\w+)"?\s*\(', re.IGNORECASE)
#: One column, and nothing after a comma.
_ADDS = re.compile(r'\s*ALTER TABLE (?:public\.)?"?(\w+)"? ADD COLUMN "?(\w+)"?\s[^,;]*;?\s*\Z', re.IGNORECASE)


class Reading:
    """What may be read and what is masked in an installation's company databases, and the statements that grant it."""

    def __init__(self, plugins: Collection[PluginManifest] = ()) -> None:
        """Take what comes with mpm-ops, and what these plugins of other packages list."""
        #: Table -> its readable columns; none is every column.
        self.readable: dict[str, tuple[str, ...]] = dict(READABLE)
        #: Table -> column -> mask.
        self.personal: dict[str, Mapping[str, Mask]] = dict(PERSONAL)
        for one in plugins:
            self.readable |= {table: tuple(columns) for table, columns in one.readable.items()}
            self.personal |= {table: {name: Mask(of) for name, of in its.items()} for table, its in one.masks.items()}
        self._taken_away = cache(self._find_taken_away)
        self._touched = cache(self._find_touched)

    @cached_property
    def name(self) -> str:
        """The name of the list of what may be read and masked: another list has another name."""
        everything = self.masks() + self._grants("", self.readable)
        return f"mpm_ops reads={hashlib.sha256(everything.encode()).hexdigest()[:12]}"

    def grant(self, connection: psycopg.Connection, *, owner: str, database: str = "") -> None:
        """Open the database that `connection` goes to, to the groups of `database` (default: itself), as the owner.

        It has its masked views already, as a copy of the template has; the key of its masks is made here.
        """
        name = database or connection.info.dbname
        roles.grant_application(connection, owner=owner, database=name)
        let_application(connection, owner=owner, database=name)
        connection.execute(
            "INSERT INTO masked.key SELECT %s WHERE NOT EXISTS (SELECT FROM masked.key)", [secrets.token_bytes(32)]
        )
        connection.execute(self._grants(name, self.readable).encode())

    def masks(self, tables: Collection[str] | None = None) -> str:
        """Return the statement that makes the masked views of these tables (default: all), as far as they are there.

        A table of which nothing is masked (any more) gets none, and loses the one that it has.
        """
        return _do("masks", specification=self._specification(self.readable if tables is None else tables))

    def only_listed(self) -> str:
        """Return the statement that takes the masked views away whose tables are not listed any more."""
        return _do("unlisted", tables=sorted(self.readable))

    def before_step(self, step: Step) -> list[str]:
        """Return what a step's transactions need before their own statements: a view would not let its table change."""
        return [f"DROP VIEW IF EXISTS masked.{table}" for table in self._taken_away(step)]

    def after_step(self, step: Step, database: str | None) -> list[str]:
        """Return the statements that a step's transactions need to stay true to the list of what may be read.

        Granted to the groups of `database`; to nobody when it is None.
        Writing needs none: the application's group has it by default privileges. A table that is not listed stays
        hidden.
        """
        touched = self._touched(step)
        if not touched:
            return []
        personal = [table for table in touched if table in self.personal]
        masks = [self.masks(personal)] if personal else []
        return [*masks, *([self._grants(database, touched)] if database else [])]

    def _find_taken_away(self, step: Step) -> list[str]:
        """Return the tables whose views may be in the way: named where something is dropped, renamed or gets a type.

        Not those that are only named: who asks a view would be waited for, even where a revision just inserts rows.
        """
        return _named([text for text in _texts(step) if _IN_THE_WAY.search(text)], self.personal)

    def _find_touched(self, step: Step) -> list[str]:
        """Return the listed tables that a step may make, or change readable columns of."""
        texts = _texts(step)
        anew = [text for text in texts if step.live or _RENAMES.search(text)]
        listed_by_column = [table for table, columns in self.readable.items() if columns]
        texts = texts if step.live else [text for text in texts if not self._is_harmless(text)]
        made = step.creates & self.readable.keys()
        return sorted({*made, *_named(texts, listed_by_column), *_named(anew, self.readable)})

    def _is_harmless(self, text: str) -> bool:
        """Whether a statement names a listed table and yet cannot change what may be read of it.

        Half of what releases bring: an index, a new table that refers to it, one new column that is not on the list.
        Looking at the server's side costs two milliseconds each time.
        """
        if ";" in text.rstrip().rstrip(";"):
            return False  # more than one statement, or a text that only looks like one
        if _INDEXES.match(text):
            return True
        if made := _CREATES.match(text):
            return made[1] not in self.readable
        added = _ADDS.match(text)
        return added is not None and added[2] not in self.readable.get(added[1], ())

    def _grants(self, database: str, tables: Collection[str]) -> str:
        read, personal = roles.read_group(database), roles.personal_group(database)
        return _do("grants", specification=self._specification(tables), read=read, personal=personal)

    def _specification(self, tables: Collection[str]) -> str:
        listed = {
            table: {"columns": self.readable[table], "masks": self.personal.get(table, {})} for table in sorted(tables)
        }
        return json.dumps(listed)


def _texts(step: Step) -> list[str]:
    """Return a step's statements; of a live one there is only the file's text."""
    return [step.source] if step.live else [text for part in step.parts for text in part.statements]


def _named(texts: Collection[str], tables: Collection[str]) -> list[str]:
    words = {word for text in texts for word in re.findall(r"\w+", text)}
    return sorted(words.intersection(tables))


def _do(section: str, **values: str | list[str]) -> str:
    """Return one of the blocks of tenant/reading.sql as a statement, with these values in it."""
    body = sql.SQL(_sections()[section]).format(**{name: sql.Literal(value) for name, value in values.items()})
    return sql.SQL("DO {}").format(sql.Literal(body.as_string())).as_string()


@cache
def _sections() -> dict[str, str]:
    text = resources.files("mpm_ops.tenant").joinpath("reading.sql").read_text(encoding="utf-8")
    return {found[1]: found[2] for found in re.finditer(r"^-- (\w+): .*?\n(.*?)(?=^-- \w+: |\Z)", text, re.M | re.S)}
