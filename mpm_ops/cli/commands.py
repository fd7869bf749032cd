"""The commands: where each is, and what the overview says of it. Only the one that is run is loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer.core

from mpm_ops.cli.manner import ANYWHERE, manner
from mpm_ops.errors import MpmOpsError, UsageError

#: By section: each command with its module in this package and the first sentence of its help, which a test compares.
COMMANDS = {
    "The main job": {
        "demo": (
            "demo",
            "Show the main job from nothing: three companies, a migration of them through Prefect, two questions.",
        ),
        "query": ("query", "Ask one company, or all of them, one read-only question."),
        "export": (
            "lake",
            "Export companies' rows into a lake of Parquet files by company and month; "
            "again, only what differs is written.",
        ),
    },
    "Companies": {
        "register": ("companies", "Register a company: its database, roles, first user, settings and plugins."),
        "companies": ("companies", "List the companies."),
        "company": ("companies", "Show one company."),
        "demo-data": ("demo_data", "Fill a company with a made-up business of any size, the same for the same seed."),
        "plugins": ("companies", "List the plugins that a company may install."),
        "plugin": ("plugins", "Plugins of a company: their tables, rows and switches."),
        "reconcile": (
            "companies",
            "Finish or undo registrations that a crash left half done; drop logins whose time is over.",
        ),
    },
    "Migrations": {
        "migrate": ("migrations", "Make the central database where it is missing, and migrate it."),
        "make-migration": ("migrations", "Make a new migration of the central database."),
        "make-migration-tenant": ("migrations", "Make a new migration of the company databases."),
        "lint-migrations": (
            "lint",
            "Tell what in tenant revisions would stop users, break running code or fail half-way.",
        ),
        "migrate-tenant": ("migrations", "Migrate one company database, or all of them."),
        "migrate-tenant-status": (
            "migrations",
            "Tell which revision each company database is at, and what is pending.",
        ),
        "migrate-tenant-rollback": (
            "undoing",
            "Undo what the last run applied to one company or to all, or the last N revisions.",
        ),
        "migrate-tenant-refresh": ("undoing", "Roll all revisions back and migrate again; every row is lost."),
        "migrate-tenant-fresh": (
            "undoing",
            "Replace the database by a new one; every row and hand-made table is lost.",
        ),
        "migrate-tenant-reset": ("undoing", "Roll all revisions back; every table and row is lost."),
    },
    "Runs": {
        "runs": ("runs", "List the last fleet runs: who did what, and how it came out."),
        "run": ("runs", "Show the account of one run."),
        "pause": (
            "runs",
            "Ask a run under way in another terminal to begin no further company; those it is at are finished.",
        ),
        "resume": ("runs", "Let a paused run go on."),
        "rollback": ("runs", "Undo exactly what one run applied, company by company."),
        "history": ("runs", "Tell which revision a company got on which day, and by whom."),
    },
    "Health": {
        "status": (
            "status",
            "Tell how many companies are at which revision, who needs attention, and how a run under way gets on.",
        ),
        "drift": ("status", "Compare databases with what their own revisions make."),
        "usage": ("usage", "Tell how large companies are and how they grow, by the snapshots in the central database."),
        "audit": (
            "checks",
            "Look for databases, roles and rows that do not fit together, and say what puts each right.",
        ),
        "doctor": (
            "safety",
            "Look for what lets an analyst do more than read what was granted, and say what closes it.",
        ),
        "harden": (
            "safety",
            "Close every database, and `postgres` and `template1`, to logins that were granted nothing.",
        ),
    },
    "Analysts": {
        "analyst": ("analysts", "People who read companies' data, each with a login of their own."),
        "token": (
            "analysts",
            "Make a login that reads some companies and ends by itself; the URL with the password is shown this once.",
        ),
        "audit-log": ("analysts", "Tell who asked which company what, when, and how much came back; newest first."),
        "sweep": ("analysts", "End what is over: grants and tokens, with the sessions that use them."),
        "reap": (
            "analysts",
            "End what analysts and short-lived logins have been at for too long; for cron, every few minutes.",
        ),
    },
    "The embedded server": {
        "server": ("server", "The embedded PostgreSQL server."),
    },
}
#: What is wrong with the arguments, as the click that typer brings along raises it.
_Misuse = cast(type[Exception], typer.BadParameter.__base__)
_PLACES = {name: place for section in COMMANDS.values() for name, (place, _) in section.items()}


class _Loaded(Mapping[str, Any]):
    """Typer's commands by name, each loaded when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        app = typer.Typer(rich_markup_mode="rich")
        import_module(f"mpm_ops.cli.{_PLACES[name]}").add_to(app)
        return typer.main.get_group(app).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


class Commands(typer.core.TyperGroup):
    """All commands; the overview loads none of them, nor rich, which draws their own help."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Loaded()  # type: ignore[assignment]  # nobody adds one

    def main(self, args: Any = None, *given: Any, **more: Any) -> Any:
        """Run the command line; `--quiet` and `--log-json` are taken out of it, wherever they stand.

        With the latter nothing is printed of what is wrong with the arguments: it is raised, as an error of ours.
        """
        kept = manner.take(sys.argv[1:] if args is None else list(args), _PLACES)
        if not manner.log_json:
            return super().main(kept, *given, **more)
        try:
            return super().main(kept, *given, **{**more, "standalone_mode": False})
        except _Misuse as exc:
            raise UsageError(cast(Any, exc).format_message() or "a command is missing") from exc
        except typer.Abort as exc:
            raise MpmOpsError("nothing was answered") from exc

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the overview to whoever names no command: typer leaves that to rich's help, which this is not."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit(2)
        found: list[str] = super().parse_args(ctx, args)
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the overview."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        for section, commands in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()])
        with formatter.section("Options"):
            records = [record for option in self.get_params(ctx) if (record := option.get_help_record(ctx))]
            formatter.write_dl([*ANYWHERE.items(), *records])
