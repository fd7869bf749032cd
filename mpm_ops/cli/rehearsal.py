"""Printing a rehearsal: a table per clone, and what it means for the fleet."""

from __future__ import annotations

import dataclasses

import typer
from rich.markup import escape

from mpm_ops.cli.output import data, print_json, print_table
from mpm_ops.companies.rehearsal import Rehearsal, Rehearsed, RehearsedStep


def print_rehearsal(found: Rehearsal, *, as_json: bool) -> None:
    """Print a rehearsal and end with its exit code: 1 when a clone was not migrated."""
    if as_json:
        print_json({**dataclasses.asdict(found), "ok": found.ok, "estimate": found.estimate})
    else:
        for clone in found.clones:
            _print_clone(clone, found)
        for note in found.notes:
            data.print(f"[yellow]Note[/]: {escape(note)}", soft_wrap=True)
        if longest := found.longest:
            clone, step, lock = longest
            data.print(
                f"ACCESS EXCLUSIVE is held longest on {escape(lock.table)}, {lock.seconds:.3f} s at most,"
                f" by {', '.join(step.revisions)} in {escape(clone.company)}.",
                soft_wrap=True,
            )
        data.print(escape(str(found)), soft_wrap=True)
    raise typer.Exit(0 if found.ok else 1)


def _print_clone(clone: Rehearsed, found: Rehearsal) -> None:
    data.print(f"[bold]{escape(clone.company)}[/] ({clone.company_id}): {escape(clone.why)}", soft_wrap=True)
    if clone.not_rehearsed:
        data.print(f"  [yellow]not rehearsed[/]: {escape(clone.not_rehearsed)}", soft_wrap=True)
        return
    if clone.steps:
        print_table([_row(step, clone, found) for step in clone.steps], ["revision", "seconds", "locks"])
    if clone.failure:
        where = f" in revision {clone.failure.revision}" if clone.failure.revision else ""
        data.print(f"  [bold red]failed[/]{escape(where)}: {escape(clone.failure.message)}", soft_wrap=True)
        if clone.failure.statement:
            data.print(f"  {escape(clone.failure.statement)}", soft_wrap=True)
    data.print(
        f"  {clone.seconds:.2f} s; {_megabytes(clone.size_before)} before, {_megabytes(clone.size_after)} after;"
        f" copied by {clone.copied_by} in {clone.copy_seconds:.2f} s",
        soft_wrap=True,
    )


def _row(step: RehearsedStep, clone: Rehearsed, found: Rehearsal) -> dict[str, object]:
    longest = found.longest
    locks = [
        f"{lock.table}: {lock.mode}" + (" (longest)" if longest and longest == (clone, step, lock) else "")
        for lock in step.locks
    ]
    return {
        "revision": ", ".join(step.revisions),
        "seconds": f"{step.seconds:.3f}",
        "locks": "; ".join([*locks, *([step.note] if step.note else [])]),
    }


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
