"""The command line: parse, call Ops, print. The only place that prints, and the one that turns errors into exit codes.

Exit codes: 0 done or nothing to do; 1 something failed; 2 wrong usage or refused; 3 halted; 130 interrupted.
"""

from __future__ import annotations

import sys
import warnings

import typer

from mpm_ops.cli.commands import Commands
from mpm_ops.errors import MpmOpsError

app = typer.Typer(cls=Commands, name="mpm-ops", pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.callback()
def _root() -> None:
    """One database per company: provision, migrate and query a fleet of MicroPowerManager databases."""


def main() -> None:
    """Run the command line; every error of ours ends as one line on stderr, a hint, and an exit code."""
    warnings.showwarning = _warn
    try:
        app()
    except MpmOpsError as exc:
        where = f"{exc.company}: " if exc.company else ""
        _say("bold red", "Error", f"{where}{exc}")
        if exc.hint:
            _say("bold", "Hint", exc.hint)
        sys.exit(exc.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as an error is shown: where in our code it comes from helps nobody."""
    _say("bold yellow", "Warning", str(message))


def _say(style: str, kind: str, text: str) -> None:
    # Here, lest the overview of the commands loads what draws.
    from rich.markup import escape

    from mpm_ops.cli.output import talk

    talk.print(f"[{style}]{kind}[/]: {escape(text)}", soft_wrap=True, highlight=False)
