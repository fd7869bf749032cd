"""Assertions: a SELECT of what must not be there, asked in many companies as patiently as a run works on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from mpm_ops.companies.installation import Installation
from mpm_ops.errors import MpmOpsError, ServerError, ServerUnavailable, Transient
from mpm_ops.fleet import runner
from mpm_ops.fleet.policy import Policy
from mpm_ops.fleet.runner import Change, Controls
from mpm_ops.records import Company, Status

Answer = TypeVar("Answer")
#: Connection exceptions, a server that shuts down, one that is full; what has no SQLSTATE is a lost connection, too.
_CONNECTION = ("08", "57P", "53")


def asked(
    companies: Sequence[Company],
    ask: Callable[[Company], Answer],
    *,
    policy: Policy,
    limits: Callable[[], Mapping[str, int]],
    cancel: Callable[[], None],
) -> dict[int, Answer | MpmOpsError]:
    """Ask every company; return its answer by id, or the error that was left after the policy's attempts.

    No more at a time than `limits` lets, by server. Raises KeyboardInterrupt when that is what ended it.
    """
    found: dict[int, Answer | MpmOpsError] = {}

    def work(company: Company) -> Change:
        try:
            found[company.id] = ask(company)
        except MpmOpsError as exc:
            found[company.id] = exc
            raise
        return Change()

    patience = Policy(workers=policy.workers, attempts=policy.attempts, backoff=policy.backoff, outage=policy.outage)
    ran = runner.run(companies, work, policy=patience, controls=Controls(limits=limits, cancel=cancel))
    if ran.ended == "interrupted":
        raise KeyboardInterrupt
    for one in ran.outcomes:  # nobody came to ask those of a server that is away for good
        error = ServerUnavailable(one.reason) if one.status is Status.UNTOUCHED else MpmOpsError(one.why)
        found.setdefault(one.company_id, error)
    return found


def gate(
    installation: Installation,
    companies: Sequence[Company],
    *,
    policy: Policy,
    application: str,
    limits: Callable[[], Mapping[str, int]],
    cancel: Callable[[], None],
) -> str:
    """Ask the policy's assertion in every company of a stage; return why the run must not go on, if so. Read-only."""
    if not policy.gate:
        return ""

    def ask(company: Company) -> int:
        timeout = policy.lock_timeout
        return count_rows(installation, company, policy.gate, lock_timeout=timeout, application=application)

    try:
        found = asked(companies, ask, policy=policy, limits=limits, cancel=cancel)
    except KeyboardInterrupt:
        return "the question was interrupted"  # the run was, too
    bad = [f"{company} {what}" for company in companies if (what := _told(found[company.id]))]
    return "; ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")


def _told(found: int | MpmOpsError) -> str:
    if isinstance(found, MpmOpsError):
        return f"could not be reached: {found}" if unreachable(found) else f"has an error: {found}"
    return f"has {found} rows" if found else ""


def unreachable(exc: MpmOpsError) -> bool:
    """Whether an error is about the way to a company, and says nothing of what is in it."""
    if isinstance(exc, Transient):
        return not exc.sqlstate or exc.sqlstate.startswith(_CONNECTION)
    return isinstance(exc, ServerError)


def count_rows(installation: Installation, company: Company, query: str, *, lock_timeout: int, application: str) -> int:
    """Count what an assertion finds in a company. Read-only.

    It waits for a table lock `lock_timeout` milliseconds, and whoever asked is told who has it then.
    """
    owner = installation.settings.owner_role
    server = installation.server_of(company)
    with (
        server.connect(company.database, role=owner, application=application) as connection,
        connection.transaction(),
    ):
        connection.execute(f"SET TRANSACTION READ ONLY; SET LOCAL lock_timeout = {lock_timeout:d}".encode())
        text = f"SELECT count(*) FROM ({query}\n) AS offending"  # noqa: S608 an operator's own query
        # As a prepared statement, which cannot be two.
        row = connection.execute(text.encode(), prepare=True).fetchone()
        return int(row[0]) if row else 0
