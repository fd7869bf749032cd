"""Flow: bring the central database to its newest revision.

Run it by hand, without a server (`python flows/migrate_central.py --dry-run`), or as the deployment in prefect.yaml.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import State, flow, task
from prefect.states import Completed

from flows.conduct import PATIENT, FlowPolicy, by_hand, fleet, publish_table, tell
from mpm_ops import Revision
from mpm_ops.records import counted


class CentralPolicy(FlowPolicy):
    """How the central database is migrated."""

    @property
    def subject(self) -> str:
        """Say what is migrated."""
        return "the central database"


@task(name="list pending", **PATIENT)
def list_pending() -> Sequence[Revision]:
    """Return what would be applied, oldest first."""
    with fleet() as ops:
        return ops.pending()


# Tried again it goes on where it was: each revision and its stamp are one transaction.
@task(name="migrate central", **PATIENT)
def migrate() -> Sequence[Revision]:
    """Make the central database where it is missing, and apply what is pending; return that."""
    with fleet() as ops:
        return ops.migrate()


@flow(name="migrate-central", flow_run_name="migrate-central: {policy.title}", on_failure=[tell], on_crashed=[tell])
def migrate_central(policy: CentralPolicy = CentralPolicy()) -> State[Sequence[Revision]]:  # noqa: B008 it is frozen
    """Bring the central database to its newest revision, all or nothing of each."""
    with fleet():
        revisions = list_pending() if policy.dry_run else migrate()
    done = "pending" if policy.dry_run else "applied"
    rows = [{"revision": one.id, "what": one.message, "branch": one.branch} for one in revisions]
    publish_table("migrate-central-revisions", rows, description=f"What is {done}, oldest first")
    return Completed(message=f"{counted(len(revisions), 'revision')} {done}", data=revisions)


if __name__ == "__main__":
    sys.exit(by_hand(migrate_central, CentralPolicy))
