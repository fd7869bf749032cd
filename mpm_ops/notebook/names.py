"""The names that can be typed: companies, and the tables and columns of one; asked for beside whoever types."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mpm_ops.analysis import catalog
from mpm_ops.analysis.guard import Limits
from mpm_ops.notebook.needs import Asking

#: Seconds that somebody who types waits for names that were never asked for.
_PATIENCE = 1.5
#: Seconds after which names are asked for anew while the old ones serve: a migration may have brought some.
_FRESH = 120
#: The same, after it did not work out.
_AGAIN = 10

#: As they are, and as they are written in a question: the server knows which of them need quotes.
_NAMES = f"""
    SELECT name, pg_catalog.quote_ident(name), col, pg_catalog.quote_ident(col)
    FROM ({catalog.NAMES}) AS known (name, col) ORDER BY name COLLATE "C", col COLLATE "C"
"""  # noqa: S608 our own text


@dataclass(frozen=True, kw_only=True)
class Name:
    """A name as it is, and as a question has it."""

    name: str
    written: str


Tables = Mapping[Name, Sequence[Name]]


@dataclass
class _Entry:
    """What is known under a key; what is asked right now sets `done`."""

    value: Any
    until: float = 0.0
    asking: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Names:
    """The names of an installation, kept for a while. Nothing here raises, and nothing blocks for long."""

    def __init__(self) -> None:
        self._ops: weakref.ref[Asking] | None = None
        self._entries: dict[str, _Entry] = {}

    def companies(self, ops: Asking) -> Sequence[str]:
        """Return the companies' names, by id."""
        found: Sequence[str] = self._known(ops, "", (), lambda: [company.name for company in ops.list_companies()])
        return found

    def tables(self, ops: Asking, company: int | str) -> Tables:
        """Return the tables of a company that may be read, each with its columns, by name."""

        def ask() -> Tables:
            tables: dict[Name, list[Name]] = {}
            for name, written, column, as_written in ops.company(company).ask(_NAMES, limits=Limits(rows=None)).rows:
                columns = tables.setdefault(Name(name=name, written=written), [])
                columns.append(Name(name=column, written=as_written))
            return tables

        found: Tables = self._known(ops, f"tables of {company}", {}, ask)
        return found

    def forget(self) -> None:
        """Ask for everything anew when it is needed."""
        self._entries = {}

    def _known(self, ops: Asking, key: str, nothing: Any, ask: Callable[[], Any]) -> Any:
        """Return what is known under a key, and have it asked when it was not or long ago."""
        if self._ops is None or self._ops() is not ops:
            self.forget()
            self._ops = weakref.ref(ops)
        is_new = key not in self._entries
        entry = self._entries.setdefault(key, _Entry(value=nothing))
        if not entry.asking and time.monotonic() > entry.until:
            entry.asking = True
            threading.Thread(target=_fill, args=(entry, ask), name="mpm_ops names", daemon=True).start()
        if is_new:
            entry.done.wait(_PATIENCE)
        return entry.value


def _fill(entry: _Entry, ask: Callable[[], Any]) -> None:
    seconds: float = _AGAIN
    try:
        entry.value = ask()
        seconds = _FRESH
    except Exception:  # noqa: BLE001, S110 names are a comfort: whoever types is not to hear of a server that is away
        pass
    finally:
        entry.until = time.monotonic() + seconds
        entry.asking = False
        entry.done.set()
