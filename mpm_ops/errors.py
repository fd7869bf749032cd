"""The errors that mpm_ops raises; everything a driver or library raises is turned into one of these at one border.

::

    MpmOpsError                     exit code 1
    ├── UsageError                  exit code 2: what was asked cannot be meant
    │   ├── InvalidInput            a name, an e-mail, an id that breaks a rule
    │   ├── UnknownCompany
    │   ├── UnknownPlugin
    │   ├── UnknownRun
    │   └── AlreadyExists           a company or an e-mail that is there already
    ├── NoDatabase                  a company that no database is recorded for
    ├── LoginFailed                 unknown e-mail or wrong password: never says which
    ├── ServerError                 the server, not the statement
    │   ├── ServerUnavailable       down, unreachable, or refuses this login
    │   ├── UnknownServer           exit code 2: a name that the settings do not have
    │   └── EmbeddedServerError     the embedded server does not start or stop
    ├── QueryError                  a statement the server refused
    │   ├── NotReadOnly             a write, a second statement, a command
    │   └── Transient               may succeed when tried again: lock, deadlock, connection lost
    ├── MigrationError
    │   ├── RevisionError           the tree itself: does not compile, two heads, unknown revision
    │   ├── UnknownState            the database is at a revision that the code does not know
    │   ├── PreflightFailed         an assertion that a revision brings found rows
    │   ├── Busy                    another runner holds the lock of this database
    │   └── StateChanged            the database left the state that its plan was made for
    ├── FleetFailed                 some companies of a run failed; carries its report
    ├── LinterMissing               exit code 2: squawk is not installed
    ├── NotebookFailed              a notebook that was to become a report stopped at a cell
    ├── ProvisionError              a registration failed and was undone
    └── Refused                     a destructive verb without consent

Facts travel as attributes, so that a report never parses a sentence. No message holds a password or a DSN.
"""

from __future__ import annotations

import unicodedata
from typing import ClassVar

from mpm_ops.harmless import harmless


class MpmOpsError(Exception):
    """Something mpm_ops could not do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, hint: str = "", company: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])
        self._hint = ""
        self.hint = hint
        #: The company the error is about; empty when it is about none.
        self.company = company
        #: The revision that was being applied; empty when none was.
        self.revision = ""
        #: Heads of the database before the plan, and where it was left; None when that is not known.
        self.found: tuple[str, ...] | None = None
        self.reached: tuple[str, ...] | None = None
        #: So many steps of the plan are behind the database for sure, and on disk.
        self.taken = 0
        #: Who held the lock that was waited for; empty when nobody is known.
        self.blocker = ""

    @property
    def hint(self) -> str:
        """What the reader can do next, which Python shows below a traceback; empty when there is nothing to say."""
        return self._hint

    @hint.setter
    def hint(self, hint: str) -> None:
        notes = [note for note in getattr(self, "__notes__", []) if note != _noted(self._hint)]
        self._hint = hint
        self.__notes__ = [*([_noted(hint)] if hint else []), *notes]

    def lines(self) -> list[str]:
        """Return what there is to say, a line each: the message, the place in the statement, the hint."""
        where = f"{self.company}: " if self.company else ""
        message, hint = (" ".join(text.splitlines()) for text in (str(self), self.hint))
        return [f"{type(self).__name__}: {where}{message}", *([f"Hint: {hint}"] if hint else [])]

    def _render_traceback_(self) -> list[str]:
        """Be what a notebook shows instead of forty lines of frames; IPython asks for it by this name."""
        return [harmless(line) for line in self.lines()]


def _noted(hint: str) -> str:
    return f"Hint: {harmless(' '.join(hint.splitlines()))}"


class UsageError(MpmOpsError):
    """What was asked cannot be meant."""

    exit_code = 2


class InvalidInput(UsageError):
    """A value breaks a rule."""


class UnknownCompany(UsageError):
    """There is no such company."""


class UnknownAnalyst(UsageError):
    """There is no analyst of that name."""


class UnknownPlugin(UsageError):
    """There is no such plugin."""


class UnknownRun(UsageError):
    """There is no such fleet run."""


class AlreadyExists(UsageError):
    """A company or an e-mail address is registered already."""


class NoDatabase(MpmOpsError):
    """It has no row in company_databases, so nobody knows its database."""

    def __init__(self, company: str) -> None:
        super().__init__(hint="To see what to do: mpm-ops audit", company=company)


class LoginFailed(MpmOpsError):
    """The e-mail address or the password is wrong."""


class ServerError(MpmOpsError):
    """The PostgreSQL server cannot do its part."""


class ServerUnavailable(ServerError):
    """The PostgreSQL server does not answer."""

    def __init__(self, message: str = "", *, away: bool = False, hint: str = "", company: str = "") -> None:
        super().__init__(message, hint=hint, company=company)
        #: Whether it is down or on its way up, which passes; a wrong password does not.
        self.away = away


class UnknownServer(ServerError):
    """The settings have no server of that name."""

    exit_code = 2


class EmbeddedServerError(ServerError):
    """The embedded PostgreSQL server cannot be started or stopped."""


class QueryError(MpmOpsError):
    """The server refused a statement."""

    def __init__(
        self,
        message: str = "",
        *,
        sqlstate: str = "",
        position: int | None = None,
        statement: str = "",
        hint: str = "",
        company: str = "",
    ) -> None:
        super().__init__(message, hint=hint, company=company)
        #: PostgreSQL's five-character code.
        self.sqlstate = sqlstate
        #: 1-based character of the statement at which the server stumbled, when it says so.
        self.position = position
        #: The statement, when it is known.
        self.statement = statement
        #: Where in its script it stood, and how many statements of that were through; None when it was sent by itself.
        self.at: int | None = None
        self.passed: int | None = None

    def lines(self) -> list[str]:
        """Return the message with its SQLSTATE, the line of the statement with a caret under the place, the hint."""
        first, *hint = super().lines()
        state = f" [{self.sqlstate}]" if self.sqlstate else ""
        return [first + state, *pointed(self.statement, self.position), *hint]


class NotReadOnly(QueryError):
    """Only one SELECT, VALUES, TABLE or WITH can be asked."""


class Transient(QueryError):
    """The server could not do it now; trying again may help."""


class MigrationError(MpmOpsError):
    """A migration cannot be made or applied."""


class RevisionError(MigrationError):
    """The migration tree is not in order."""


class UnknownState(MigrationError):
    """The database is at a revision that this code does not know."""


class PreflightFailed(MigrationError):
    """An assertion that a revision brings found rows."""


class Busy(MigrationError):
    """Another runner is migrating this database."""


class StateChanged(MigrationError):
    """The database is no longer in the state that the plan starts from."""


class FleetFailed(MpmOpsError):
    """Some companies of a run failed."""

    def __init__(self, message: str = "", *, report: object = None, hint: str = "", company: str = "") -> None:
        super().__init__(message, hint=hint, company=company)
        #: The account of the run, or what it found; None when there is none.
        self.report = report


class LinterMissing(MpmOpsError):
    """Revisions are linted by squawk, which is not installed."""

    exit_code = 2


class NotebookFailed(MpmOpsError):
    """A notebook stopped at one of its cells."""


class ProvisionError(MpmOpsError):
    """The registration failed and was undone."""


class Refused(UsageError):
    """A destructive command needs consent."""


#: Characters of a statement's line that are shown.
_WIDTH = 100


def pointed(statement: str, position: int | None) -> list[str]:
    """Return the line of a statement around the 1-based `position`, and a caret under it; nothing without one."""
    if position is None or not statement:
        return []
    before, after = statement[: position - 1], statement[position - 1 :]
    line = before.rpartition("\n")[2].replace("\t", " ")
    rest = after.partition("\n")[0].replace("\t", " ")
    # A long line is cut around the place.
    cut = max(0, len(line) - _WIDTH * 2 // 3)
    start = f"{'…' if cut else ''}{line[cut:]}"
    return [f"  {start}{rest[: _WIDTH - len(start)]}", f"  {' ' * sum(map(_columns, start))}^"]


def _columns(character: str) -> int:
    """Return how many columns of a terminal a character takes: two in Chinese, none for an accent on the one before."""
    if unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
