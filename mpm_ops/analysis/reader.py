"""CompanyReader: one company's database, asked through the guard with a login that the server confines to it."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import psycopg

from mpm_ops.analysis import catalog, guard
from mpm_ops.analysis.access import Login
from mpm_ops.analysis.guard import Answer, Cut, Limits
from mpm_ops.analysis.journal import Journal
from mpm_ops.analysis.params import Params
from mpm_ops.errors import NoDatabase, QueryError, UsageError
from mpm_ops.postgres import roles
from mpm_ops.postgres.watched import WatchedConnection
from mpm_ops.records import Company, Question

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


class Truncated(UserWarning):
    """An answer was cut at a limit."""


class CompanyReader:
    """A company whose data can be read. Get one from `Ops.company`."""

    def __init__(self, company: Company, login: Login, journal: Journal, *, personal_data: bool = False) -> None:
        #: The company's central row.
        self.company = company
        #: Whether names, phones, addresses and the like are shown as they are; else they are masked.
        self.personal_data = personal_data
        #: Where it is noted what was asked.
        self.journal = journal
        self._login = login

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.company}, read-only>"

    @property
    def id(self) -> int:
        """The company's id."""
        return self.company.id

    @property
    def name(self) -> str:
        """The company's legal name."""
        return self.company.name

    def read_sql(self, sql: str, *, params: Params = None, max_rows: int | None = 10_000) -> pd.DataFrame:
        """Ask one question and return the rows as a DataFrame of Arrow-backed columns.

        `params` are bound on the server: `:name` or `%(name)s` with a mapping, `%s` with a sequence. With more than
        `max_rows` rows (None lifts the cap), or more bytes than `Limits` allow, the frame is cut,
        `df.attrs["truncated"]` is true and a warning says so.

        Raises NotReadOnly for anything but one SELECT, VALUES, TABLE or WITH; QueryError for what the server refuses.
        """
        answer = self.ask(sql, params=params, limits=Limits(rows=_checked(max_rows)))
        if answer.cut:
            warnings.warn(f"{self.name}: the answer was cut {cut_after(answer)}", Truncated, stacklevel=2)
        # The one place that loads pandas: most commands do without.
        from mpm_ops.analysis import frames

        return frames.frame(answer)

    def tables(self) -> pd.DataFrame:
        """List the tables that may be read: columns `table`, `estimated_rows`."""
        return self.read_sql(catalog.TABLES, max_rows=None)

    def columns(self, table: str) -> pd.DataFrame:
        """List the columns of a table that may be read: `column`, `type`, `nullable`. Raises UsageError."""
        found = self.read_sql(catalog.COLUMNS, params={"table": table}, max_rows=None)
        if found.empty:
            known = {str(row[0]) for row in self.ask(catalog.NAMES, limits=Limits(rows=None)).rows}
            raise UsageError(
                f"there is no table {table[:60]!r} that may be read",
                hint=catalog.near_misses(table, known) or "company.tables() lists them.",
                company=self.name,
            )
        return found

    def explain(self, sql: str, *, params: Params = None, analyze: bool = False) -> str:
        """Return the server's plan for a question; with `analyze` it is run and timed. Raises as `read_sql` does."""
        noted: list[Question] = []
        try:
            return self._noting(noted, f"EXPLAIN {sql}", lambda one: guard.explain(one, sql, params, analyze=analyze))
        finally:
            self.journal.write(noted)

    def show(self, name: str) -> str:
        """Return a setting of the server as questions have it, such as `work_mem`. Raises QueryError. Read-only."""
        answer = self.ask("SELECT pg_catalog.current_setting(:name)", params={"name": name})
        return str(answer.rows[0][0])

    def ask(self, sql: str, *, params: Params = None, limits: Limits | None = None) -> Answer:
        """Ask one question and return the bare rows; what `read_sql` is made of. It is noted in the audit log."""
        noted: list[Question] = []
        try:
            return self.ask_noting(noted, sql, params=params, limits=limits)
        finally:
            self.journal.write(noted)

    def ask_noting(
        self,
        noted: list[Question],
        sql: str,
        *,
        params: Params = None,
        limits: Limits | None = None,
        keep: bool = True,
        stop: threading.Event | None = None,
    ) -> Answer:
        """Ask one question, and leave it in `noted` for the caller to write into the journal.

        Without `keep` the connection is closed afterwards: in a fan-out one per company would use up the server's.
        `stop`, set by another thread, cancels it on the server.
        """
        return self._noting(noted, sql, lambda one: guard.ask(one, sql, params, limits=limits, stop=stop), keep=keep)

    def _noting(
        self, noted: list[Question], statement: str, ask: Callable[[WatchedConnection], T], *, keep: bool = True
    ) -> T:
        """Return what `ask` does, and leave in `noted` what came of it: a refusal may tell as much as an answer."""
        began, sqlstate = time.monotonic(), ""
        answer: T | None = None
        try:
            with self._helpful(), self._connection(keep=keep) as connection:
                answer = ask(connection)
        except QueryError as exc:
            sqlstate = exc.sqlstate
            raise
        finally:
            rows = answer if isinstance(answer, Answer) else None
            noted.append(
                Question(
                    company_id=self.id,
                    statement=statement,
                    rows=len(rows.rows) if rows else 0,
                    seconds=time.monotonic() - began,
                    outcome="failed" if answer is None else "cut" if rows and rows.cut else "answered",
                    sqlstate=sqlstate,
                )
            )
        return answer

    @contextmanager
    def _helpful(self) -> Iterator[None]:
        """Say in an error which company it is about, and which name may have been meant."""
        try:
            yield
        except QueryError as exc:
            exc.company = self.name
            exc.hint = self._suggestion(exc) or exc.hint
            raise

    @contextmanager
    def _connection(self, *, keep: bool = True) -> Iterator[WatchedConnection]:
        database = self.company.database
        if not database:
            raise NoDatabase(self.name)
        read, personal = roles.read_group(database), roles.personal_group(database)
        # Without the personal group, nothing has been masked for the other one yet.
        self._login.admit(personal if self.personal_data else read, beside=personal)
        with self._login.lend(database, keep=keep) as connection:
            yield connection

    def _suggestion(self, error: QueryError) -> str:
        wanted = catalog.misspelt(error)
        if not wanted:
            return ""
        with self._connection() as connection:
            rows = guard.ask(connection, catalog.NAMES, limits=Limits(rows=None)).rows
        column = error.sqlstate == psycopg.errors.UndefinedColumn.sqlstate
        return catalog.near_misses(wanted, {str(name) for table, name in rows} if column else {str(t) for t, _ in rows})


def cut_after(answer: Answer) -> str:
    """Say where an answer was cut, and what lifts that limit."""
    lifted = "max_rows=None lifts the cap" if answer.cut is Cut.ROWS else "more is too large: ask for less at a time"
    return f"after {len(answer.rows)} rows; {lifted}"


def _checked(max_rows: int | None) -> int | None:
    if max_rows is not None and max_rows < 0:
        raise UsageError(f"max_rows is {max_rows}", hint="Give a number of rows, or None for no cap.")
    return max_rows
