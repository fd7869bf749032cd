"""Flow: take part in a migration that another worker leads; the deployment that `migrate_companies` calls others with.

By hand, on a machine that has no Prefect worker: `python flows/take_batches.py --run-id 12`.
"""

from __future__ import annotations

import sys

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow
from prefect.states import Completed
from pydantic import Field

from flows.conduct import by_hand, fleet, tell
from flows.migrate_companies import MigratePolicy, concluded
from flows.sharing import Share, carry_out
from mpm_ops import FleetReport


class TakePolicy(Share):
    """Which run is taken part in."""

    run_id: int = Field(ge=1, description="Its number: mpm-ops runs.")

    @property
    def subject(self) -> str:
        """Say what a run is about, for its name."""
        return f"run {self.run_id}"


@flow(name="take-batches", flow_run_name="take-batches: {policy.title}", on_failure=[tell], on_crashed=[tell])
def take_batches(policy: TakePolicy) -> State[FleetReport]:
    """Take batches until none is left. When the worker that leads the run is killed, this one ends it and reports."""
    with fleet() as ops, ops.join_run(policy.run_id) as member:
        if policy.dry_run:
            state = member.state()
            return Completed(message=f"run {policy.run_id} is {state.state}; batches left: {state.left}")
        if carry_out(member, policy):
            return concluded(member, MigratePolicy())
    return Completed(message=f"run {policy.run_id} has nothing left to take")


if __name__ == "__main__":
    sys.exit(by_hand(take_batches, TakePolicy))
