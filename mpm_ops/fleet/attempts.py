"""One company on its way through a run, over all its attempts, and the outcome that comes of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from mpm_ops.errors import MpmOpsError, QueryError
from mpm_ops.records import Company, Failure, Outcome, Status


@dataclass
class Try:
    """One company, and what its attempts have found and left."""

    company: Company
    #: Where it was before the first attempt, and where the last one left it; believed until an attempt has seen it.
    before: tuple[str, ...]
    after: tuple[str, ...]
    seen: bool = False
    #: Whether the last attempt broke off so that nobody knows where it left the company.
    lost: bool = False
    attempts: int = 0
    seconds: float = 0.0

    def saw(self, before: tuple[str, ...], after: tuple[str, ...] | None) -> None:
        """Take in what one attempt found and left: what an earlier one did is part of the same outcome."""
        if not self.seen:
            self.before, self.seen = before, True
        self.lost = after is None
        self.after = before if after is None else after

    def outcome(self, status: Status, *, reason: str = "", failure: Failure | None = None) -> Outcome:
        """Return how the company came out, just now."""
        return Outcome(
            company_id=self.company.id,
            company=self.company.name,
            status=status,
            before=self.before,
            after=self.after,
            reason=reason,
            failure=failure,
            attempts=self.attempts,
            seconds=self.seconds,
            finished_at=None if status is Status.UNTOUCHED else dt.datetime.now(dt.UTC),
        )


def failure_of(exc: BaseException) -> Failure:
    """Return the facts of an error, for the account."""
    ours = exc if isinstance(exc, MpmOpsError) else MpmOpsError()
    query = exc if isinstance(exc, QueryError) else QueryError()
    return Failure(
        message=str(exc) or type(exc).__name__,
        kind=type(exc).__name__,
        sqlstate=query.sqlstate,
        statement=query.statement,
        revision=ours.revision,
        hint=ours.hint,
        blocker=ours.blocker,
    )
