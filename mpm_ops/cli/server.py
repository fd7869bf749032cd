"""server: the embedded PostgreSQL server."""

from __future__ import annotations

import dataclasses

import typer

from mpm_ops.cli.options import AsJson
from mpm_ops.cli.output import print_json, print_table, talk
from mpm_ops.errors import UsageError
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.settings import load_settings


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as a group."""
    group = typer.Typer(help="The embedded PostgreSQL server.", no_args_is_help=True)
    group.command("start")(start)
    group.command("stop")(stop)
    group.command("status")(status)
    group.command("url")(url)
    app.add_typer(group, name="server")


def start() -> None:
    """Start the embedded server, unless it runs.

    Example: mpm-ops server start
    """
    embedded = _embedded()
    embedded.start()
    talk.print(f"The embedded server runs with pid {embedded.status().pid}.", highlight=False)


def stop() -> None:
    """Stop the embedded server.

    Example: mpm-ops server stop
    """
    talk.print("Stopped." if _embedded().stop() else "It was not running.")


def status(as_json: AsJson = False) -> None:
    """Tell whether the embedded server runs, and where its files are. Exit code 1 when it does not run.

    Example: mpm-ops server status
    """
    found = _embedded().status()
    if as_json:
        print_json(found)
    else:
        print_table(
            [{"what": key, "value": value} for key, value in dataclasses.asdict(found).items()], ["what", "value"]
        )
    raise typer.Exit(0 if found.running else 1)


def url() -> None:
    """Print the server's URL, without the password: it names the file that holds it.

    Example: psql "$(mpm-ops server url)"
    """
    typer.echo(_embedded().status().url)


def _embedded() -> EmbeddedServer:
    settings = load_settings()
    if settings.database_url is not None:
        raise UsageError("MPM_OPS_DATABASE_URL names a server of your own", hint="Unset it to use the embedded one.")
    return EmbeddedServer(settings.home)
