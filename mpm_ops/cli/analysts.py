"""analyst: people with a login of their own, and what they may read; token: a login for some hours; sweep and reap."""

from __future__ import annotations

import dataclasses
import datetime as dt
import textwrap
from typing import Annotated

import typer

import mpm_ops
from mpm_ops.cli.options import AsJson, Force
from mpm_ops.cli.output import consent, print_json, print_table, talk
from mpm_ops.errors import UsageError
from mpm_ops.records import Analyst, NewLogin

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the analyst: letters, digits and _.")]
Terms = Annotated[list[str] | None, typer.Argument(metavar="[COMPANY]...", help="Ids, names or e-mail addresses.")]
All = Annotated[bool, typer.Option("--all", help="All companies.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="People who read companies' data, each with a login of their own.", no_args_is_help=True)
    for command in (add, grant, revoke, remove):
        group.command(command.__name__)(command)
    group.command("list")(list_)
    app.add_typer(group, name="analyst")
    app.command("token")(token)
    app.command("sweep")(sweep)
    app.command("reap")(reap)
    app.command("audit-log")(audit_log)


def add(name: Name, as_json: AsJson = False) -> None:
    """Add an analyst, who may read nothing yet; the URL with the password is shown this once.

    Example: mpm-ops analyst add ada
    """
    with mpm_ops.connect() as ops:
        _show_login(ops.add_analyst(name), as_json=as_json)


def grant(
    name: Name,
    companies: Terms = None,
    all_: All = False,
    personal_data: Annotated[
        bool, typer.Option("--personal-data", help="Names, phones, addresses and the like as they are.")
    ] = False,
    until: Annotated[dt.datetime | None, typer.Option("--until", help="The last day, as 2027-01-31.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let an analyst read companies.

    Example: mpm-ops analyst grant ada "Acme Power" --until 2027-01-31
    """
    end = _end_of(until) if until else None
    with mpm_ops.connect() as ops:
        given = ops.grant_analyst(name, _chosen(companies, all_=all_), personal_data=personal_data, until=end)
    _show([given], as_json=as_json)


def revoke(name: Name, companies: Terms = None, all_: All = False, as_json: AsJson = False) -> None:
    """Take grants away; what the analyst does in those companies ends at once.

    Example: mpm-ops analyst revoke ada "Acme Power"
    """
    with mpm_ops.connect() as ops:
        left = ops.revoke_analyst(name, _chosen(companies, all_=all_))
    _show([left], as_json=as_json)


def list_(as_json: AsJson = False) -> None:
    """List the analysts, and what each may read.

    Example: mpm-ops analyst list
    """
    with mpm_ops.connect() as ops:
        found = ops.analysts()
    _show(list(found), as_json=as_json)


def remove(name: Name, force: Force = False) -> None:
    """Remove an analyst: the sessions end and the login is dropped.

    Example: mpm-ops analyst remove ada
    """
    with mpm_ops.connect() as ops:
        consent(f"Remove the analyst {name}?", force=force)
        ops.remove_analyst(name)
    talk.print(f"{name} is removed.", markup=False)


def token(
    name: Name,
    company: Annotated[list[str], typer.Option("--company", help="Id, name or e-mail address; more than once.")],
    ttl: Annotated[str, typer.Option("--ttl", help="How long it works: 30m, 8h, 7d.")] = "8h",
    as_json: AsJson = False,
) -> None:
    """Make a login that reads some companies and ends by itself; the URL with the password is shown this once.

    Example: mpm-ops token ada --company 1 --ttl 8h
    """
    with mpm_ops.connect() as ops:
        _show_login(ops.token(name, company, hours=_hours(ttl)), as_json=as_json)


def sweep(as_json: AsJson = False) -> None:
    """End what is over: grants and tokens, with the sessions that use them.

    Example: mpm-ops sweep
    """
    with mpm_ops.connect() as ops:
        ended = ops.sweep()
    if as_json:
        print_json(ended)
    else:
        talk.print("\n".join(ended) if ended else "Nothing is over.", markup=False)


def reap(
    after: Annotated[
        float, typer.Option("--after", min=1, help="Seconds that a statement or an open transaction may take.")
    ] = 600,
    as_json: AsJson = False,
) -> None:
    """End what analysts and short-lived logins have been at for too long; for cron, every few minutes.

    Example: mpm-ops reap --after 300
    """
    with mpm_ops.connect() as ops:
        ended = ops.reap(seconds=after)
    if as_json:
        print_json(ended)
    elif ended:
        print_table([dataclasses.asdict(one) for one in ended], ["server", "login", "database", "what", "seconds"])
    else:
        talk.print("Nobody is at it for so long.")


def audit_log(
    company: Annotated[str | None, typer.Argument(metavar="[COMPANY]", help="Id, name or e-mail address.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many of the last ones.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Tell who asked which company what, when, and how much came back; newest first.

    Example: mpm-ops audit-log "Acme Power" --limit 20
    """
    with mpm_ops.connect() as ops:
        found = ops.audit_log(company, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        {
            **dataclasses.asdict(one),
            "when": f"{one.asked_at:%Y-%m-%d %H:%M:%S}",
            "seconds": f"{one.seconds:.2f}",
            # On one line; the whole of it is in --json.
            "statement": textwrap.shorten(one.statement, 80, placeholder=" …"),
        }
        for one in found
    ]
    print_table(rows, ["when", "login", "who", "company", "outcome", "rows", "seconds", "statement"])


def _chosen(companies: list[str] | None, *, all_: bool) -> list[str] | None:
    if bool(companies) == all_:
        raise UsageError("name companies, or --all", hint='mpm-ops analyst grant ada "Acme Power"')
    return companies or None


def _end_of(day: dt.datetime) -> dt.datetime:
    """Return the end of that day, where the operator is."""
    try:
        return day.astimezone() + dt.timedelta(days=1)
    except (OverflowError, ValueError) as exc:  # of the first and the last year of Python's calendar
        raise UsageError(
            f"--until {day:%Y-%m-%d}: is out of reach", hint="A grant without an end has no --until."
        ) from exc


def _hours(text: str) -> float:
    units = {"m": 1 / 60, "h": 1, "d": 24}
    number, unit = text[:-1], text[-1:]
    plain = number.isascii() and number.isdigit() and len(number) < 8 and unit in units
    hours = int(number) * units[unit] if plain else 0
    if not 0 < hours <= 24 * 366:
        raise UsageError(f"--ttl {text}: is no time", hint="Write 30m, 8h or 7d; a year at most.")
    return hours


def _show_login(made: NewLogin, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": made.name, "login": made.login, "url": made.url})
        return
    talk.print(f"{made.name} logs in with this, shown this once:", markup=False)
    typer.echo(f"MPM_OPS_DATABASE_URL={made.url}")


def _show(found: list[Analyst], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "name": one.name,
            "company": "all" if given and given.company_id is None else given.company if given else "",
            "personal data": "yes" if given and given.personal_data else "",
            "until": min((end for end in (one.until, given and given.until) if end), default=""),
            "granted by": given.granted_by if given else "",
        }
        for one in found
        for given in one.grants or (None,)
    ]
    print_table(rows, ["name", "company", "personal data", "until", "granted by"])
