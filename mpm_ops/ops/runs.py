"""Runs: what the ledger says was done, and how to go on from there."""

from __future__ import annotations

from mpm_ops.companies import courses, migrations, runs
from mpm_ops.companies import share as sharing
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.member import RunMember
from mpm_ops.fleet.policy import Policy
from mpm_ops.ops.opened import Companies, Opened
from mpm_ops.records import Applied, DryRun, FleetReport, Run


class RunVerbs(Opened):
    """Verbs about runs of the ledger."""

    def share_run(self, companies: Companies = None, *, policy: Policy | None = None, batch: int = 50) -> RunMember:
        """Begin a migrate-tenant run that several processes share, in batches of so many companies; nothing is touched.

        What comes back leads it: `take` its batches until none is left, then `end` it, and close it. Canary, waves,
        gate and budget are of all companies together; where the preflight stops the run, it is over.
        """
        course = courses.upgrade(self._installation, self._chosen(companies, policy))
        return sharing.share(self._installation, course, policy=self._policy(policy), size=batch)

    def join_run(self, run_id: int) -> RunMember:
        """Take part in a run that another process shares. Raises UnknownRun, and UsageError for one that none does."""
        return RunMember(self._installation, run_id)

    def runs(self, *, limit: int = 20) -> list[Run]:
        """List the last fleet runs, newest first. Read-only."""
        return runs.runs(self._installation, limit=limit)

    def run(self, run_id: int) -> FleetReport:
        """Return the account of a run as the ledger has it. Raises UnknownRun. Read-only."""
        return runs.report(self._installation, run_id)

    def resume_run(
        self,
        run_id: int,
        *,
        companies: Companies = None,
        policy: Policy | None = None,
        hooks: Hooks | None = None,
    ) -> FleetReport:
        """Finish a migrate-tenant run: the companies that were failed, busy or untouched when it ended or was killed.

        All of them, or those named among them. Raises Busy while it is under way.
        """
        chosen = self._chosen(companies, policy)
        return runs.resume(self._installation, run_id, chosen, policy=self._policy(policy), hooks=hooks or Hooks())

    def rollback_run(self, run_id: int, *, policy: Policy | None = None, hooks: Hooks | None = None) -> FleetReport:
        """Undo exactly what one run applied, company by company. Raises UnknownRun."""
        chosen = runs.chosen_of(self._installation, run_id)
        return self._go(courses.undo(self._installation, chosen, run_id), policy, hooks)

    def plan_rollback_run(self, run_id: int) -> DryRun:
        """Tell what `rollback_run` would do: the SQL of each distinct plan, and who would go through it.

        No company is touched; the account of a killed run is completed first. Raises UnknownRun, UsageError.
        """
        chosen = runs.chosen_of(self._installation, run_id)
        return migrations.dry_run(courses.undo(self._installation, chosen, run_id))

    def pause_run(self, run_id: int, *, paused: bool = True) -> None:
        """Ask a run, of whatever process, to begin no further company, or with `paused=False` to go on."""
        runs.pause(self._installation, run_id, paused=paused)

    def history(self, term: int | str) -> list[Applied]:
        """List which revision was applied to a company, or undone, when and by whom; newest first. Read-only.

        The last one is what it was registered with.
        """
        return runs.of_company(self._installation, self.get_company(term))
