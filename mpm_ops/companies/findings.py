"""Records of an audit: what is not as it should be, and what puts it right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

#: The commands that put right what takes more than a statement.
RECONCILE = "mpm-ops reconcile"
REPAIR = "mpm-ops audit --repair"


class AuditKind(StrEnum):
    """What an audit can find."""

    NO_DATABASE = "no database"
    NO_DATABASE_ROW = "no database row"
    OTHER_SERVER = "on another server"
    UNKNOWN_DATABASE = "unknown database"
    WRONG_OWNER = "wrong owner"
    OPEN_TO_PUBLIC = "open to PUBLIC"
    NO_GROUP = "no group"
    NO_CONNECT = "no CONNECT"
    OLD_GRANTS = "old grants"
    UNKNOWN_ROLE = "unknown role"
    STALE_TEMPLATE = "stale template"
    LEFTOVER = "leftover"
    OLD_SNAPSHOT = "old snapshot"
    NO_PLUGIN_TABLES = "plugin without tables"
    NO_PLUGIN_ROW = "plugin without a row"
    ABANDONED = "abandoned registration"
    UNKNOWN_SERVER = "unknown server"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, kw_only=True)
class AuditFinding:
    """Something that is not as the central database or the rules of the house say, and what puts it right."""

    kind: AuditKind
    #: Which of the servers in the settings it is on.
    server: str
    #: The database or role; empty when it is about neither.
    subject: str
    what: str
    #: None and empty when it belongs to no company that is known.
    company_id: int | None = None
    company: str = ""
    #: Empty when it is about none.
    plugin: str = ""
    #: What to do: a command, or ...
    command: str = ""
    #: ... statements for psql on that server, one by one.
    sql: Sequence[str] = ()
    #: Whether `mpm-ops audit --repair` does it: nothing of anybody's is lost.
    safe: bool = False

    @property
    def repair(self) -> str:
        """The command or the statements, as text to paste."""
        return self.command or "\n".join(self.sql)


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """What came of putting one finding right."""

    finding: AuditFinding
    #: Why it could not be done; empty when it was.
    error: str = ""
