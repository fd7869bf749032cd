"""Commands about companies: register, reconcile, companies, company, plugins."""

from __future__ import annotations

import dataclasses
import secrets
import sys
from typing import Annotated

import typer

import mpm_ops
from mpm_ops.cli.manner import manner
from mpm_ops.cli.options import AsJson, CompanyTerm
from mpm_ops.cli.output import print_json, print_table, talk
from mpm_ops.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("register")(register)
    app.command("reconcile")(reconcile)
    app.command("companies")(companies)
    app.command("company")(company)
    app.command("plugins")(plugins)


def register(
    name: Annotated[str, typer.Argument(help="Legal name, in any script.")],
    email: Annotated[str, typer.Option(help="The company's own e-mail address.")],
    admin_email: Annotated[str, typer.Option(help="E-mail address that the first user logs in with.")],
    admin_name: Annotated[str, typer.Option(help="Name of the first user.")] = "Admin",
    address: Annotated[str, typer.Option(help="Postal address.")] = "-",
    phone: Annotated[str, typer.Option(help="Telephone number.")] = "-",
    usage_type: Annotated[str, typer.Option(help="What it runs: mini-grid, shs, e-bike, or some joined by &.")] = (
        "mini-grid&shs&e-bike"
    ),
    plugin: Annotated[list[int] | None, typer.Option(help="Id of a plugin to install; may be repeated.")] = None,
    server: Annotated[str, typer.Option(help="Which of the servers in MPM_OPS_SERVERS its database goes to.")] = "main",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the first user's password from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register a company: its database, roles, first user, settings and plugins.

    The first user's password is generated and shown once, unless it comes on standard input.

    Example: mpm-ops register "Acme Power" --email info@acme.example.com --admin-email ada@acme.example.com
    """
    if not password_stdin and (manner.quiet or manner.log_json):
        raise UsageError("nobody would see the generated password", hint="Give one: --password-stdin")
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(12)
    with mpm_ops.connect() as ops:
        made = ops.register(
            name=name,
            email=email,
            admin_email=admin_email,
            admin_name=admin_name,
            admin_password=password,
            address=address,
            phone=phone,
            usage_type=usage_type,
            plugins=tuple(plugin or ()),
            server=server,
        )
    if not password_stdin:
        talk.print(f"Password of {admin_email}, shown this once: {password}", markup=False, highlight=False)
    _show(made, as_json=as_json)


def reconcile(as_json: AsJson = False) -> None:
    """Finish or undo registrations that a crash left half done; drop logins whose time is over.

    Example: mpm-ops reconcile
    """
    with mpm_ops.connect() as ops:
        found = ops.reconcile()
    if as_json:
        print_json(found)
    elif found:
        print_table([dataclasses.asdict(one) for one in found], ["company_id", "result"])
    else:
        talk.print("Nothing to reconcile.")


def companies(as_json: AsJson = False) -> None:
    """List the companies.

    Example: mpm-ops companies --json
    """
    with mpm_ops.connect() as ops:
        found = ops.list_companies()
    if as_json:
        print_json(found)
    else:
        print_table(
            [dataclasses.asdict(one) for one in found], ["id", "name", "email", "server", "database", "created_at"]
        )


def company(company: CompanyTerm, as_json: AsJson = False) -> None:
    """Show one company.

    Example: mpm-ops company 1
    """
    with mpm_ops.connect() as ops:
        _show(ops.get_company(company), as_json=as_json)


def plugins(as_json: AsJson = False) -> None:
    """List the plugins that a company may install.

    Example: mpm-ops plugins
    """
    with mpm_ops.connect() as ops:
        found = ops.list_plugins()
    if as_json:
        print_json(found)
    else:
        print_table([dataclasses.asdict(one) for one in found], ["id", "name", "usage_type", "description"])


def _show(found: mpm_ops.Company, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_table(
            [{"what": key, "value": value} for key, value in dataclasses.asdict(found).items()], ["what", "value"]
        )
