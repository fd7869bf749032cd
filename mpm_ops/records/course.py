"""The course of a fleet run: how many companies had come out how, as time went by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from mpm_ops.records.report import FleetReport, Status

#: Steps that are told apart, at most: a picture has no more points.
_STEPS = 400


@dataclass(frozen=True, kw_only=True)
class Step:
    """Where a run was at a moment."""

    #: Since it began.
    seconds: float
    #: Companies that had come out so by then; a status that none had is left out.
    counts: Mapping[Status, int]


def course(report: FleetReport, *, most: int = _STEPS) -> list[Step]:
    """Return a step from nothing at zero to the end of the run; of more than `most` those at even distances.

    Empty when nobody has come out, or the account does not say when.
    """
    began = report.started_at
    # The ledger's clock and the runner's are two: nobody is done before the run began.
    ended = sorted(
        (max(0.0, (one.finished_at - began).total_seconds()), one.status)
        for one in report.outcomes
        if one.finished_at and began
    )
    if not ended:
        return []
    until = max(report.seconds, ended[-1][0])
    counts: Counter[Status] = Counter()
    # By place on the axis: the last one of a place stands for all of it.
    steps: dict[int, Step] = {}
    for seconds, status in ended:
        counts[status] += 1
        place = int(seconds / until * most) if until else 0
        steps[place] = Step(seconds=seconds, counts=dict(counts))
    return [Step(seconds=0.0, counts={}), *steps.values(), Step(seconds=until, counts=dict(counts))]
