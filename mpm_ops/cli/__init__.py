"""The command line: parse, call Ops, print. The only place that prints, and the one that turns errors into exit codes.

Exit codes: 0 done or nothing to do; 1 something failed; 2 wrong usage or refused; 3 halted; 130 interrupted.
"""

from __future__ import annotations

import logging
import sys
import warnings

import typer

from mpm_ops.cli.commands import Commands
from mpm_ops.cli.manner import manner
from mpm_ops.errors import MpmOpsError

app = typer.Typer(cls=Commands, name="mpm-ops", pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.callback()
def _root() -> None:
    """One database per company: provision, migrate and query a fleet of MicroPowerManager databases."""


def main() -> None:
    """Run the command line; every error of ours ends as one line on stderr, a hint, and an exit code."""
    warnings.showwarning = _warn
    try:
        code = app() or 0
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except MpmOpsError as exc:
        _fail(exc)
        code = exc.exit_code
    except KeyboardInterrupt:
        _say("Error", "interrupted")
        code = 130
    manner.end(code)
    sys.exit(code)


def _fail(exc: MpmOpsError) -> None:
    """Say what is wrong, and what can be done; a program is told both in one."""
    where = f"{exc.company}: " if exc.company else ""
    _say("Error", f"{where}{exc}", kind=type(exc).__name__, company=exc.company, hint=exc.hint)
    if exc.hint and not manner.log_json:
        _say("Hint", exc.hint, style="bold")


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as an error is shown: where in our code it comes from helps nobody."""
    _say("Warning", str(message), style="bold yellow", level=logging.WARNING)


def _say(what: str, text: str, *, style: str = "bold red", level: int = logging.ERROR, **facts: object) -> None:
    if manner.log_json:
        manner.write(text, event=what.lower(), level=level, **facts)
        return
    # Here, lest the overview of the commands loads what draws.
    from rich.markup import escape

    from mpm_ops.cli.output import talk

    talk.tell(f"[{style}]{what}[/]: {escape(text)}", event=what.lower(), level=level)
