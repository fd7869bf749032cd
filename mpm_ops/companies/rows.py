"""Rows of a company's own tables that go with a plan: in the transaction of a step, or else by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mpm_ops.errors import Busy
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import try_alone
from mpm_ops.schema.plan import Plan, Step


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Statements that write rows, and may be run again: those of `before` go with the first step, `after` the last."""

    plan: Plan
    before: str = ""
    after: str = ""

    @cached_property
    def joined(self) -> bool:
        """Whether they are written in a step's own transaction: all of it or nothing."""
        if not self.plan.steps:
            return False
        step = self.plan.steps[-1 if self.after else 0]
        return step.transactional and len(step.parts) == 1

    @property
    def apart(self) -> bool:
        """Whether there are some that no step takes along: a process may be killed between it and them."""
        return bool(self.before + self.after) and not self.joined

    def before_step(self, step: Step) -> list[str]:
        """Return what goes before the statements of a step."""
        return [self.before] if self.before and self.joined and step is self.plan.steps[0] else []

    def after_step(self, step: Step) -> list[str]:
        """Return what goes after the statements of a step."""
        return [self.after] if self.after and self.joined and step is self.plan.steps[-1] else []

    def write(self, server: Server, database: str, *, owner: str, application: str) -> None:
        """Write those that no step takes along, in a transaction. Raises Busy while another runner is at it."""
        if not self.apart:
            return
        with (
            server.connect(database, role=owner, application=application) as tenant,
            try_alone(tenant) as alone,
            tenant.transaction(),
        ):
            if not alone:
                raise Busy(hint="Wait for the other run to end, then run this again.")
            tenant.execute((self.before + self.after).encode())
