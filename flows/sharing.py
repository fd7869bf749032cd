"""How a flow carries out a run that several share: batches as tasks, in threads or on Dask, and their progress."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

# isort: split
import temporary_server  # noqa: F401 it sets what Prefect reads, once, when it is imported

# isort: split

from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.futures import PrefectFuture, wait
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from flows.conduct import PATIENT, FlowPolicy, fleet
from mpm_ops import Hooks, RunMember
from mpm_ops.harmless import harmless
from mpm_ops.reports import as_markdown

#: Seconds between two looks at a run that others are at, and between two updates of its progress in the UI.
LOOK, SHOW = 0.5, 2.0


@dataclass
class Stop:
    """Whether this process was told to stop: batches that are under way begin no further company then."""

    # No lock nor event, which a task could not take along to Dask.
    asked: bool = False


_stop = Stop()


class Share(FlowPolicy):
    """Where the batches of a run are carried out."""

    task_runner: Literal["thread", "dask"] = Field(
        default="thread", description="Batches in threads of this worker, or on the workers of a Dask cluster."
    )
    dask_address: str = Field(
        default="", description="Of a Dask scheduler, tcp://host:8786; empty makes a cluster on this machine."
    )
    dask_workers: int = Field(
        default=2,
        ge=1,
        le=1_000,
        description="Batches at once on Dask; of a cluster on this machine its processes.",
    )

    @property
    def at_once(self) -> int:
        """How many batches this worker has under way: one, which has as many threads as the policy has workers."""
        return 1 if self.task_runner == "thread" else self.dask_workers

    def runner(self) -> TaskRunner[Any]:
        """Return the task runner that carries out batches."""
        if self.task_runner == "thread":
            return ThreadPoolTaskRunner(max_workers=1)
        from prefect_dask.task_runners import DaskTaskRunner

        if self.dask_address:
            return DaskTaskRunner(address=self.dask_address)
        size = {"n_workers": self.dask_workers, "threads_per_worker": 1, "dashboard_address": None}
        return DaskTaskRunner(cluster_kwargs=size)


@task(name="take batch", task_run_name="batch of run {run_id}", **PATIENT)
def take_batch(run_id: int) -> str:
    """Claim the next free batch of a run and take it along. One bad company does not raise: the ledger has it."""
    logger = get_run_logger()
    hooks = Hooks(
        on_note=lambda note: logger.info("%s", harmless(note)),
        stop=lambda: "its worker was stopped" if _stop.asked else "",
    )
    with fleet() as ops, ops.join_run(run_id) as member:
        report = member.take(hooks)
    if report is None:
        return "nothing was free"
    for outcome in report.failed:
        logger.error("%s (%s): %s", harmless(outcome.company), outcome.company_id, harmless(outcome.why))
    for note in report.notes:
        logger.warning("%s", harmless(note))
    logger.info("%s", harmless(str(report)))
    return str(report)


class Bar:
    """How far a run has come, as a progress artifact: of all companies, whoever is at them."""

    def __init__(self, member: RunMember) -> None:
        self._member = member
        self._artifact: Any = None
        self._shown, self._next = -1.0, 0.0

    def show(self, *, now: bool = False) -> None:
        """Bring it up to date, now and then, or `now`: a run that is quickly done shows where it ended, too."""
        if time.monotonic() < self._next and not now:
            return
        began = time.monotonic()
        settled, companies = self._member.progress()
        # Of a large fleet it takes a while: a hundredth of the time at most.
        self._next = time.monotonic() + max(SHOW, 100 * (time.monotonic() - began))
        percent = 100.0 * settled / max(1, companies)
        if percent == self._shown:
            return
        self._shown = percent
        told = as_markdown(f"{settled} of {companies} companies; run {self._member.run_id}")
        if self._artifact is None:
            self._artifact = create_progress_artifact(percent, key="fleet-progress", description=told)
        else:
            update_progress_artifact(self._artifact, percent, description=told)


def carry_out(member: RunMember, policy: Share) -> bool:
    """Take batches of a run until there are none; return whether this process is the one that has to end the run.

    What others are at is waited for: a batch whose worker is killed becomes free again, and the lead too. A run that is
    over already is nobody's to end: it was reported by who ended it.
    """
    if member.state().over:
        return False
    bar = Bar(member)
    bar.show()
    with policy.runner() as runner, stopped_with_its_worker():
        leads = member.lead()
        # Who leads reports, and so waits for what others had begun when the run was ended.
        while not (state := member.state()).over or (leads and state.held):
            leads = member.lead()
            if state.free:
                # No more than can be carried out now: others take the rest meanwhile.
                number = min(state.free, policy.at_once)
                tasks = [runner.submit(take_batch, {"run_id": member.run_id}) for _ in range(number)]
                if not _some_came_through(tasks, bar):
                    if not leads or member.accompanied():
                        tasks[0].result()  # raises what kept it from running; the others go on
                    break
            elif leads and not state.left and not state.held:
                break
            else:
                bar.show()
                time.sleep(LOOK)
    bar.show(now=True)
    return leads


def _some_came_through(tasks: list[PrefectFuture[str]], bar: Bar) -> bool:
    """Wait for tasks, with the progress shown; return whether one of them could run at all."""
    waiting = set(tasks)
    while waiting:
        waiting = wait(list(waiting), timeout=LOOK).not_done
        if waiting:
            bar.show()
    for one in tasks:
        one.wait()  # which has it know its own end: the server may know it later
    return any(one.state.is_completed() for one in tasks)


@contextmanager
def stopped_with_its_worker() -> Iterator[None]:
    """Tell the threads of a block to begin no more when the flow is told to stop, or fails."""
    _stop.asked = False
    try:
        yield
    except BaseException:
        _stop.asked = True
        raise
