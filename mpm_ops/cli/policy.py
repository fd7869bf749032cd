"""The options that make a Policy, and the choice of companies; shared by the commands that run over the fleet."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import ValidationError

import mpm_ops
from mpm_ops.errors import InvalidInput

Only = Annotated[list[str] | None, typer.Option("--only", help="Only this company: id, name or e-mail. Repeatable.")]
Skip = Annotated[list[str] | None, typer.Option("--skip", help="Not this company. Repeatable.")]
Match = Annotated[
    list[str] | None,
    typer.Option("--match", help="Only names like this, Solar*, plugin=NAME or server=NAME. Repeatable."),
]
Canary = Annotated[str, typer.Option("--canary", help="Who goes first: 3, 5% or ids, as '#4 #8'.")]
Wave = Annotated[str, typer.Option("--wave", help="How many go together after that: 50 or 20%.")]
Gate = Annotated[str, typer.Option("--gate", help="After each stage: a SELECT that must find no row in it.")]
Soak = Annotated[float, typer.Option("--soak", min=0, help="Seconds to wait after each stage.")]
MaxFailures = Annotated[str, typer.Option("--max-failures", help="Begin no further company after so many: 3 or 5%.")]
Outage = Annotated[float, typer.Option("--outage", min=0, help="Seconds that a server may be away meanwhile.")]
LockTimeout = Annotated[int, typer.Option("--lock-timeout", min=0, help="Milliseconds to wait for a table lock.")]
StatementTimeout = Annotated[int, typer.Option("--statement-timeout", min=0, help="Milliseconds for a statement.")]
OneTransaction = Annotated[bool, typer.Option("--one-transaction", help="All revisions of a company, or none.")]
PreflightMode = Annotated[
    str, typer.Option("--preflight", help="When an assertion fails: stop, skip those companies, or off.")
]


def make_policy(ops: mpm_ops.Ops, **values: Any) -> mpm_ops.Policy:
    """Make a Policy of options; those that are not given keep its own values. Raises InvalidInput."""
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return mpm_ops.Policy(**{"workers": ops.settings.workers, **given})
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise InvalidInput(
            f"{option}: {first['msg'].removeprefix('Value error, ')}",
            hint="`mpm-ops migrate-tenant --help` explains it.",
        ) from None


def terms(company: str | None, only: list[str] | None) -> list[int | str] | None:
    """Return the companies that are named, None for all."""
    named = [*([company] if company is not None else []), *(only or [])]
    return list(named) if named else None
