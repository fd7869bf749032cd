"""The command that lints tenant revisions, and what make-migration-tenant says of the one that it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import mpm_ops
from mpm_ops.cli.options import AsJson
from mpm_ops.cli.output import data, print_json, talk
from mpm_ops.records import Finding, Linted, counted

_COLOURS = {"error": "bold red", "warning": "yellow"}


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("lint-migrations")(lint_migrations)


def lint_migrations(
    revisions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REVISION]...", help="Ids or files; without them, what some company has yet to get."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every revision of the tree; needs no server.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 for warnings too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what in tenant revisions would stop users, break running code or fail half-way. Exit code 1 on errors.

    `# mpm-ops: ignore RULE: reason` in a revision file silences a rule in it. squawk's rules: squawkhq.com/docs/rules

    Example: mpm-ops lint-migrations --all
    """
    with mpm_ops.connect() as ops:
        found = ops.lint_migrations(revisions, every=every)
    if as_json:
        print_json(found)
    else:
        _print_findings(found, data)
    raise typer.Exit(1 if found.errors or (strict and found.findings) else 0)


def lint_new(ops: mpm_ops.Ops, made: mpm_ops.Revision) -> None:
    """Say what there is to say against a revision that was just written; the file is there, whatever that is."""
    try:
        _print_findings(ops.lint_migrations([made.id]), talk)
    except mpm_ops.MpmOpsError as exc:
        talk.print(f"Not linted: {escape(f'{exc} {exc.hint}')}", soft_wrap=True)


def _print_findings(found: Linted, console: Console) -> None:
    for finding in found.findings:
        _print_finding(finding, console)
    for note in found.notes:
        talk.print(f"[yellow]Note[/]: {escape(note)}", soft_wrap=True)
    errors, revisions = len(found.errors), len(found.revisions)
    warnings = len(found.findings) - errors
    what = f"{counted(errors, 'error')} and {counted(warnings, 'warning')}"
    talk.print(f"{what} in {counted(revisions, 'revision')}.", highlight=False)


def _print_finding(finding: Finding, console: Console) -> None:
    """Print one finding: where, which rule, the statement, why, and what to write instead."""
    path = Path(finding.path)
    where = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    level = f"[{_COLOURS[finding.level]}]{finding.level}[/]"
    lines = [f"{escape(str(where))}:{finding.line}: {level} [bold]{finding.rule}[/]"]
    if finding.statement:
        lines.append(f"    {escape(_on_one_line(finding.statement))}")
    lines.append(f"    why: {escape(finding.message)}")
    if finding.hint:
        lines.append(f"    instead: {escape(finding.hint)}")
    console.print("\n".join(lines), soft_wrap=True, highlight=False)


def _on_one_line(statement: str) -> str:
    text = " ".join(statement.split())
    return text if len(text) <= 160 else f"{text[:157]}..."
