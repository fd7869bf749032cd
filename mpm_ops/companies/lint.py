"""Which revisions are linted: those named, all, or those that some company has yet to get."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mpm_ops.companies.installation import Installation
from mpm_ops.companies.selection import chosen
from mpm_ops.companies.states import missing, read_stamps
from mpm_ops.errors import InvalidInput, MpmOpsError, ServerError, UnknownState
from mpm_ops.records import Linted, Revision
from mpm_ops.schema import lint as schema_lint
from mpm_ops.schema.plan import Plan, Step
from mpm_ops.tenant.readable import HIDDEN, READABLE

#: What lies before some database: see `schema.lint`.
Ways = Sequence[Sequence[Step]]


def lint(installation: Installation, terms: Sequence[str] | None, *, every: bool) -> Linted:
    """Lint the revisions that `terms` name, `every` one, or by default those that some company has yet to get.

    The named ones count as applied in one go; of every one, each by itself: companies may be anywhere. Where no company
    is there to tell, it is every one. Read-only.
    """
    if terms and every:
        raise InvalidInput("revisions are named, and all are asked for", hint="Name revisions, or say --all.")
    tree = installation.tenant_tree
    steps = tree.upgrade_plan((), plugins=tree.folders.plugins.keys()).steps
    each = [[step] for step in steps]
    if terms:
        named = {_named(installation, term).id for term in terms}
        return _linted(installation, [[step for step in steps if step.revision in named]])
    if every:
        return _linted(installation, each)
    try:
        ways, left_out = _pending(installation)
    except ServerError as exc:
        exc.hint = f"{exc.hint} Without a server: mpm-ops lint-migrations --all".strip()
        raise
    return _linted(installation, ways or each, left_out)


def notes(installation: Installation, plans: Iterable[Plan]) -> list[str]:
    """Return what there is to say against the revisions in `plans`, a line each; also why it cannot be said."""
    try:
        found = _linted(installation, [plan.steps for plan in plans]).findings
    except MpmOpsError as exc:
        return [f"not linted: {exc} {exc.hint}".strip()]
    return [str(finding) for finding in found]


def _linted(installation: Installation, ways: Ways, notes: Sequence[str] = ()) -> Linted:
    tree = installation.tenant_tree
    looked_at = {step.revision for way in ways for step in way}
    return Linted(
        revisions=[revision.id for revision in tree.revisions() if revision.id in looked_at],
        findings=schema_lint.lint(tree, ways, listed={*READABLE, *HIDDEN}),
        notes=notes,
    )


def _named(installation: Installation, term: str) -> Revision:
    """Return the revision with this id, these first characters of it, or this file."""
    revisions = installation.tenant_tree.revisions()
    path = Path(term).resolve()
    found = [one for one in revisions if Path(one.path).resolve() == path] or [
        one for one in revisions if term and one.id.startswith(term)
    ]
    if len(found) == 1:
        return found[0]
    raise InvalidInput(
        f"{len(found) or 'no'} revisions are named {term!r}",
        hint="Give the path of its file, its id, or as much of the id as no other has.",
    )


def _pending(installation: Installation) -> tuple[Ways, list[str]]:
    """Return what lies before each state that some company is in, and who is left out."""
    companies = chosen(installation, None)
    stamps = read_stamps(installation, companies)
    ways: dict[tuple[str, ...], Sequence[Step]] = {}
    left_out = []
    for company in companies:
        heads = stamps.get(company.database, missing(company))
        if isinstance(heads, tuple) and heads not in ways:
            try:
                ways[heads] = installation.tenant_tree.upgrade_plan(heads).steps
            except UnknownState as exc:
                heads = exc
        if isinstance(heads, MpmOpsError):
            left_out.append(f"{company} is left out: {heads}")
    return list(ways.values()), left_out
