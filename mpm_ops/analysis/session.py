"""A user's session: bound to one company's database by a login that the server confines to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import psycopg
import sqlalchemy as sa

from mpm_ops.analysis.access import ShortLogin
from mpm_ops.analysis.journal import Journal
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.errors import UsageError
from mpm_ops.postgres import roles
from mpm_ops.records import Company


class Session(CompanyReader):
    """What `mpm_ops.login` returns: a company to read, and with `write=True` to change as the application does.

    Close it, or use it in a `with` block: its login is dropped then.
    """

    def __init__(self, company: Company, login: ShortLogin, journal: Journal, *, user: str, write: bool) -> None:
        super().__init__(company, login, journal, personal_data=True)
        #: The e-mail address that logged in.
        self.user = user
        #: Whether it may change data.
        self.write = write
        login.admit(roles.app_group(company.database) if write else roles.personal_group(company.database))

    def __repr__(self) -> str:
        return f"<Session of {self.user} at {self.company}, {'read and write' if self.write else 'read-only'}>"

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection]:
        """Lend a connection inside a transaction: committed at the end of the block, rolled back on an error."""
        if not self.write:
            raise UsageError("this session is read-only", hint="mpm_ops.login(email, password, write=True)")
        lent = self._login.server.connect(self.company.database, application="mpm_ops/session")
        with lent as connection, connection.transaction():
            yield connection

    def engine(self) -> sa.Engine:
        """Return a SQLAlchemy engine of this session's login; it may change data where the session may."""
        return self._login.server.engine(self.company.database) if self.write else super().engine()

    def close(self) -> None:
        """End the session: close its connections and drop its login."""
        self._login.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
