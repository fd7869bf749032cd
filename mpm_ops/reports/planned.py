"""What a fleet run would do, as Markdown: for whoever is to approve of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mpm_ops.harmless import harmless
from mpm_ops.records import DryRun, counted
from mpm_ops.reports.escaping import as_markdown

#: Companies that are named for each plan, and characters of its SQL: as much as somebody reads.
_NAMED, _SHOWN = 20, 20_000


def planned(found: DryRun) -> str:
    """Return a dry run as Markdown: whom each plan is for, its SQL, and who would go through none, and why."""
    return "\n\n".join([f"# {told(found)}", *_plans(found), *_others(found)]) + "\n"


def told(found: DryRun) -> str:
    """Say in a few words what a dry run has found."""
    if not found.plans:
        return "dry run: nothing to do"
    number = sum(len(one.companies) for one in found.plans)
    return f"dry run: {counted(number, 'company')} would go through {counted(len(found.plans), 'plan')}"


def _plans(found: DryRun) -> Iterator[str]:
    for one in found.plans:
        more = len(one.companies) - _NAMED
        yield f"## {counted(len(one.companies), 'company')} to {', '.join(one.after) or 'base'}"
        yield as_markdown(", ".join(one.companies[:_NAMED])) + (f" and {more} more" if more > 0 else "")
        yield _fenced(one.sql[:_SHOWN] + ("\n-- and more" if len(one.sql) > _SHOWN else ""))


def _others(found: DryRun) -> Iterator[str]:
    others = [f"- {as_markdown(f'{company}: {why}')}" for company, why in list(found.others.items())[:_NAMED]]
    if len(found.others) > _NAMED:
        others.append(f"- and {len(found.others) - _NAMED} more")
    others += [f"- Note: {as_markdown(note)}" for note in found.notes]
    if others:
        yield "\n".join(others)


def _fenced(text: str) -> str:
    """Return a text as a block of code, between more backticks than stand together in it."""
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{ticks}sql\n{harmless(text)}\n{ticks}"
