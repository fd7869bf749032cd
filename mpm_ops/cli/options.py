"""Options and arguments that several commands share, defined once."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Do not ask.")]
CompanyTerm = Annotated[str, typer.Argument(metavar="COMPANY", help="Id, name or e-mail address.")]
OneOrAll = Annotated[
    str | None, typer.Argument(metavar="[COMPANY]", help="Id, name or e-mail address; without it all companies.")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, max=512, help="Companies at the same time.")]
Autogenerate = Annotated[
    bool, typer.Option("--autogenerate", help="Fill it with the difference between the models and the database.")
]
MigrationName = Annotated[str, typer.Argument(metavar="NAME", help="What it does: add_meter_phase.")]
Own = Annotated[
    bool,
    typer.Option("--own/--shipped", help="Write it to the installation's own folder, or to the tree of a checkout."),
]
