"""CompanyReader: one company's database, asked through the guard with a login that the server confines to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psycopg
from psycopg import sql as composed

from mpm_ops.analysis import catalog, guard
from mpm_ops.analysis.access import Login, application
from mpm_ops.analysis.caps import checked_numeric, checked_rows, cut_after
from mpm_ops.analysis.guard import Answer, Limits, Taken
from mpm_ops.analysis.journal import Journal
from mpm_ops.analysis.params import Params
from mpm_ops.analysis.result import Found, Result
from mpm_ops.errors import MpmOpsError, NoDatabase, QueryError, UsageError
from mpm_ops.figures.figures import Figures
from mpm_ops.postgres import roles
from mpm_ops.postgres.watched import WatchedConnection
from mpm_ops.records import Company, Question

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import sqlalchemy as sa

    from mpm_ops.analysis.stream import Gathered, Numeric

T = TypeVar("T")


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

    @property
    def figures(self) -> Figures[Result]:
        """The company's revenue, energy, customers, loans, agents ... each a question that is ready to be asked."""
        return Figures(self.query)

    def query(
        self,
        sql: str,
        *,
        params: Params = None,
        max_rows: int | None = 10_000,
        numeric: Numeric = "decimal",
        stop: threading.Event | None = None,
    ) -> Result:
        """Return the answer to one question, which is asked when somebody first looks at it.

        `params` are bound on the server: `:name` or `%(name)s` with a mapping, `%s` with a sequence. Of more than
        `max_rows` rows (None lifts the cap), or more bytes than `Limits` allow, the rest is cut, and `truncated` says
        so. `numeric` columns are exact decimals, or with "float" floats. `stop`, set by another thread, cancels the
        question on the server.

        Looking raises NotReadOnly for anything but one SELECT, VALUES, TABLE or WITH; QueryError for what the server
        refuses.
        """
        limits = Limits(rows=checked_rows(max_rows))
        checked_numeric(numeric)

        def ask() -> Found:
            began = time.monotonic()
            noted: list[Question] = []
            try:
                answer = self.gather(noted, sql, params=params, limits=limits, numeric=numeric, stop=stop)
            finally:
                self.journal.write(noted)
            cuts = {self.name: cut_after(answer)} if answer.cut else {}
            seconds = time.monotonic() - began
            timings = {self.name: seconds}
            return Found(table=answer.table, seconds=seconds, cut=answer.cut, cuts=cuts, timings=timings)

        def save(path: Path, whole: pa.Table | None) -> int:
            from mpm_ops.analysis import export

            return export.to_parquet(path, [self], sql, params=params, numeric=numeric, whole=whole, stop=stop)

        return Result(sql, of=self.name, ask=ask, save=save)

    def read_sql(
        self,
        sql: str,
        *,
        params: Params = None,
        max_rows: int | None = 10_000,
        numeric: Numeric = "decimal",
    ) -> pd.DataFrame:
        """Ask one question and return its rows as a DataFrame of Arrow-backed columns: `query(…).df`, with a warning.

        The warning is Truncated, when the answer was cut; `df.attrs["truncated"]` tells it, too. Raises as `query`.
        """
        return self.query(sql, params=params, max_rows=max_rows, numeric=numeric).warned(stacklevel=2).df

    def table(self, name: str, *, max_rows: int | None = 10_000) -> Result:
        """Return the rows of a table, with the columns that may be read. Raises UsageError."""
        names = [str(column) for column in self.columns(name)["column"]]
        chosen = composed.SQL(", ").join(map(composed.Identifier, names))
        query = composed.SQL("SELECT {} FROM {}").format(chosen, composed.Identifier(name)).as_string()
        return self.query(query, max_rows=max_rows)

    def engine(self) -> sa.Engine:
        """Return a SQLAlchemy engine of the login that questions are asked with: for pandas, JupySQL, ibis.

        The server confines it to what may be read, as it does questions, and its transactions are read-only; of the
        limits of time, rows and bytes none holds there, and what is asked is not noted.
        """
        self._admit()
        return self._login.server.engine(self.company.database, application=application(), prepare=guard.read_only)

    def tables(self) -> pd.DataFrame:
        """List the tables that may be read: columns `table`, `estimated_rows`."""
        return self.query(catalog.TABLES, max_rows=None).df

    def columns(self, table: str) -> pd.DataFrame:
        """List the columns of a table that may be read: `column`, `type`, `nullable`. Raises UsageError."""
        found = self.query(catalog.COLUMNS, params={"table": table}, max_rows=None).df
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
            return self.noting(noted, f"EXPLAIN {sql}", lambda one: guard.explain(one, sql, params, analyze=analyze))
        finally:
            self.journal.write(noted)

    def show(self, name: str) -> str:
        """Return a setting of the server as questions have it, such as `work_mem`. Raises QueryError. Read-only."""
        answer = self.ask("SELECT pg_catalog.current_setting(:name)", params={"name": name})
        return str(answer.rows[0][0])

    def ask(
        self,
        sql: str,
        *,
        params: Params = None,
        limits: Limits | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """Ask one question and return the bare rows; what `read_sql` is made of. It is noted in the audit log."""
        noted: list[Question] = []
        try:
            return self.noting(noted, sql, lambda one: guard.ask(one, sql, params, limits=limits, stop=stop))
        finally:
            self.journal.write(noted)

    def gather(
        self,
        noted: list[Question],
        sql: str,
        *,
        params: Params,
        limits: Limits,
        numeric: Numeric,
        keep: bool = True,
        stop: threading.Event | None,
    ) -> Gathered:
        """Ask one question and return its rows as Arrow, and leave it in `noted` for the caller to note in the journal.

        Without `keep` the connection is closed afterwards: in a fan-out one per company would use up the server's.
        """
        # The one place that loads pyarrow: most commands do without.
        from mpm_ops.analysis import stream

        return self.noting(
            noted,
            sql,
            lambda one: stream.gather(one, sql, params, limits=limits, numeric=numeric, stop=stop),
            keep=keep,
        )

    def noting(
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
            if exc.__suppress_context__:
                # What nobody is to see goes for good: where Dask is, a pickle takes along what an error came from.
                exc.__context__ = None
            raise
        finally:
            taken = answer if isinstance(answer, Taken) else None
            noted.append(
                Question(
                    company_id=self.id,
                    statement=statement,
                    rows=taken.count if taken else 0,
                    seconds=time.monotonic() - began,
                    outcome="failed" if answer is None else "cut" if taken and taken.cut else "answered",
                    sqlstate=sqlstate,
                )
            )
        return answer

    @contextmanager
    def _helpful(self) -> Iterator[None]:
        """Say in an error which company it is about, and which name may have been meant."""
        try:
            yield
        except MpmOpsError as exc:
            exc.company = self.name
            if isinstance(exc, QueryError):
                exc.hint = self._suggestion(exc) or exc.hint
            raise

    @contextmanager
    def _connection(self, *, keep: bool = True) -> Iterator[WatchedConnection]:
        self._admit()
        with self._login.lend(self.company.database, keep=keep) as connection:
            if self.personal_data:
                self._login.assert_member(connection, roles.personal_group(self.company.database))
            yield connection

    def _admit(self) -> None:
        database = self.company.database
        if not database:
            raise NoDatabase(self.name)
        read, personal = roles.read_group(database), roles.personal_group(database)
        # Without the personal group, nothing has been masked for the other one yet.
        self._login.admit(personal if self.personal_data else read, beside=personal)

    def _suggestion(self, error: QueryError) -> str:
        wanted = catalog.misspelt(error)
        if not wanted:
            return ""
        with self._connection() as connection:
            rows = guard.ask(connection, catalog.NAMES, limits=Limits(rows=None)).rows
        column = error.sqlstate == psycopg.errors.UndefinedColumn.sqlstate
        return catalog.near_misses(wanted, {str(name) for table, name in rows} if column else {str(t) for t, _ in rows})
