"""The command line: parse, call Ops, print. The only place that prints, and the one that turns errors into exit codes.

Exit codes: 0 done or nothing to do; 1 something failed; 2 wrong usage or refused; 3 halted; 130 interrupted.
"""

from __future__ import annotations

import sys
import warnings

import typer
from rich.markup import escape

from mpm_ops.cli import (
    analysts,
    checks,
    companies,
    demo,
    lint,
    migrations,
    query,
    runs,
    safety,
    server,
    status,
    undoing,
)
from mpm_ops.cli.output import talk
from mpm_ops.errors import MpmOpsError

app = typer.Typer(
    name="mpm-ops",
    help="One database per company: provision, migrate and query a fleet of MicroPowerManager databases.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
companies.add_to(app)
migrations.add_to(app)
lint.add_to(app)
undoing.add_to(app)
runs.add_to(app)
status.add_to(app)
checks.add_to(app)
safety.add_to(app)
analysts.add_to(app)
query.add_to(app)
server.add_to(app)
demo.add_to(app)


def main() -> None:
    """Run the command line; every error of ours ends as one line on stderr, a hint, and an exit code."""
    warnings.showwarning = _warn
    try:
        app()
    except MpmOpsError as exc:
        where = f"{exc.company}: " if exc.company else ""
        talk.print(f"[bold red]Error[/]: {escape(where)}{escape(str(exc))}", soft_wrap=True, highlight=False)
        if exc.hint:
            talk.print(f"[bold]Hint[/]: {escape(exc.hint)}", soft_wrap=True, highlight=False)
        sys.exit(exc.exit_code)
    except KeyboardInterrupt:
        talk.print("Interrupted.")
        sys.exit(130)


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as an error is shown: where in our code it comes from helps nobody."""
    talk.print(f"[bold yellow]Warning[/]: {escape(str(message))}", soft_wrap=True)
