"""How a command talks on stderr: to people, of errors only, or in lines of JSON to a program; for cron."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from mpm_ops.harmless import harmless, harmless_json

#: What may stand before a command as well as behind it, and what the overview says of it.
ANYWHERE = {
    "--quiet": "Say nothing but errors; a run that went well prints nothing at all.",
    "--log-json": "Write what is said on stderr as JSON, a line for each thing.",
}
_LOGGER = logging.getLogger("mpm_ops")


@dataclass
class Manner:
    """How this process talks; there is one, which `take` sets from the arguments."""

    quiet: bool = False
    log_json: bool = False
    #: The command, and the fleet run that it makes once there is one: every line of JSON says so.
    command: str = ""
    run: int | None = None
    began: float = field(default_factory=time.monotonic)

    def take(self, arguments: Sequence[str], commands: Collection[str]) -> list[str]:
        """Take our options out of the arguments, wherever they stand before `--`; return the others."""
        end = arguments.index("--") if "--" in arguments else len(arguments)
        before, rest = arguments[:end], arguments[end:]
        others = [one for one in before if one not in ANYWHERE]
        self.quiet, self.log_json = "--quiet" in before, "--log-json" in before
        # Not whatever was typed: that may be a secret in the wrong place.
        self.command = next((one for one in others if one in commands), "")
        self.run, self.began = None, time.monotonic()
        _log_to_stderr(wanted=self.log_json, level=logging.ERROR if self.quiet else logging.INFO)
        return [*others, *rest]

    def write(self, message: str, *, event: str, level: int = logging.INFO, **facts: object) -> None:
        """Write a line of JSON, where those are wanted; facts that are empty are left out."""
        if self.log_json:
            _LOGGER.log(level, "%s", message, extra={"event": event, "facts": facts})

    def end(self, exit_code: int) -> None:
        """Write that the command has ended, and how."""
        level = logging.ERROR if exit_code else logging.INFO
        seconds = round(time.monotonic() - self.began, 3)
        self.write(f"ended with exit code {exit_code}", event="end", level=level, exit_code=exit_code, seconds=seconds)


class _Line(logging.Formatter):
    """One JSON object on one line, in which no text can pass for a command of the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what a library says by itself has its name for an event."""
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", record.name),
            "command": manner.command,
            "run": manner.run,
            **getattr(record, "facts", {}),
            "message": record.getMessage(),
        }
        told = {key: _plain(value) for key, value in line.items() if value not in (None, "")}
        return harmless_json(json.dumps(told, ensure_ascii=False))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return value if isinstance(value, (bool, int, float)) else harmless(str(value))


def _log_to_stderr(*, wanted: bool, level: int) -> None:
    """Have all that is logged in this process, by libraries too, written as JSON; or no longer."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one.formatter, _Line)]:
        root.removeHandler(handler)
    if wanted:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Line())
        handler.setLevel(level)
        root.addHandler(handler)
        _LOGGER.setLevel(level)


manner = Manner()
