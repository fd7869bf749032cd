"""Rendering: Alembic's offline output caught statement by statement, and the border where its errors become ours.

Alembic's `op` and `context` are process-wide proxies. Two threads in `command.upgrade` on different databases were
measured to stamp wrong schemas as done (design D2). So whatever runs Alembic holds one process lock.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import alembic.util
import psycopg
import sqlalchemy as sa
from alembic.script import Script, ScriptDirectory

from mpm_ops.errors import MpmOpsError, RevisionError
from mpm_ops.postgres.server import ours
from mpm_ops.schema.plan import Direction, Part, Step

_MUST_RENDER = "A revision must render without a database. One that reads rows while it runs says live = True."
#: One thread at a time in Alembic.
LOCK = threading.RLock()


@contextmanager
def _without_bytecode() -> Iterator[None]:
    """Import revision files from their text. Python's cache of bytecode knows a file by its size and the second in
    which it was written, so a typo mended within that second, in as many letters, would run as it was."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


@contextmanager
def alembic_border(doing: str, *, live: bool = False) -> Iterator[None]:
    """Hold the lock, and turn what Alembic or a revision file raises into ours; `live` says that it has a database."""
    with LOCK, _without_bytecode():
        try:
            yield
        except MpmOpsError:
            raise
        except SyntaxError as exc:
            raise RevisionError(
                f"{Path(exc.filename or '').name}, line {exc.lineno}: {exc.msg}",
                hint="Mend the migration file, or take it away.",
            ) from exc
        except alembic.util.CommandError as exc:
            raise RevisionError(f"{doing}: {exc}") from exc
        except sa.exc.DBAPIError as exc:
            if not isinstance(exc.orig, psycopg.Error):
                raise
            raise ours(exc.orig, exc.statement or "") from exc
        # A revision file is somebody's program: it may raise anything while it is imported or rendered, or exit.
        except (Exception, SystemExit) as exc:
            raise RevisionError(
                f"{doing}: {_culprit(exc)}{type(exc).__name__}: {exc}",
                hint="" if live else _MUST_RENDER,
            ) from exc


def _culprit(exc: BaseException) -> str:
    """Name the revision file and line in which `exc` arose."""
    found = ""
    trace = exc.__traceback__
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if re.match(r"\d{4}_\d{2}_\d{2}_", path.name):
            found = f"{path.name}, line {trace.tb_lineno}: "
        trace = trace.tb_next
    return found


def is_live(script: Script) -> bool:
    """Whether a revision says of itself, by `live = True`, that it reads rows while it runs."""
    return bool(getattr(script.module, "live", False))


def _digest(script: Script) -> str:
    return hashlib.sha256(Path(script.path).read_bytes()).hexdigest()[:12]


class Collector:
    """Alembic's output buffer: one write is one statement, so nothing has to be split."""

    def __init__(self, scripts: ScriptDirectory, direction: Direction) -> None:
        self._scripts = scripts
        self._direction = direction
        self._files = {script.path for script in scripts.walk_revisions()}
        self._transactional = False
        self._parts: list[tuple[bool, list[tuple[str, int]]]] = []
        self._steps: list[Step] = []

    def write(self, text: str) -> None:
        """Take one statement, or the BEGIN, COMMIT or comment around it."""
        text = text.strip()
        if text == "BEGIN;":
            self._transactional = True
            self._parts.append((True, []))
        elif text == "COMMIT;":
            self._transactional = False
        elif text and not text.startswith("-- Running "):
            # A database that was rolled back to base has the table, a new one has not.
            text = text.replace("CREATE TABLE alembic_version", "CREATE TABLE IF NOT EXISTS alembic_version", 1)
            if not self._parts or self._parts[-1][0] != self._transactional:
                self._parts.append((self._transactional, []))
            self._parts[-1][1].append((text, self._line()))

    def flush(self) -> None:
        """Nothing is held back."""

    def cut(self, *, step: Any, heads: set[str], **_: Any) -> None:
        """End a step; Alembic calls this after each revision, before its COMMIT."""
        revision = step.up_revision_id
        script = self._scripts.get_revision(revision)
        parts = self._taken()
        live = is_live(script)
        self._steps.append(
            Step(
                revision=revision,
                message=script.doc,
                direction=self._direction,
                after=tuple(sorted(heads)),
                parts=() if live else parts,
                live=f"{Path(script.path).name} {_digest(script)}" if live else "",
                source=Path(script.path).read_text(encoding="utf-8") if live else "",
            )
        )

    def _taken(self) -> tuple[Part, ...]:
        parts = tuple(
            Part(transactional=tx, statements=tuple(text for text, _ in said), lines=tuple(line for _, line in said))
            for tx, said in self._parts
            if said
        )
        self._parts = []
        return parts

    def _line(self) -> int:
        """Return the line of the revision file that is being run; 0 when none is, and Alembic speaks for itself."""
        frame = inspect.currentframe()
        while frame is not None and frame.f_code.co_filename not in self._files:
            frame = frame.f_back
        return frame.f_lineno if frame is not None else 0

    def finished(self) -> list[Step]:
        """Return the steps.

        What an older Alembic renders after the last one, dropping `alembic_version` at base, is left out: a plain
        downgrade keeps the empty table, and the next upgrade expects it.
        """
        return self._steps
