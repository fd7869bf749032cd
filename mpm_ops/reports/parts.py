"""What the forms of a report have in common: who is named, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mpm_ops.records import FleetReport, FleetStatus, Outcome, Status

#: Companies that are named of a cause, of those that nobody came to, and of the slowest.
OF_CAUSE, OF_LEFT, OF_SLOWEST = 5, 20, 10


@dataclass(frozen=True, kw_only=True)
class Bar:
    """So many companies are at a revision."""

    revision: str
    companies: int
    kind: Literal["newest", "behind", "away"]


def heading(report: FleetReport) -> str:
    """Return what the report is called."""
    return report.action if report.run_id is None else f"Run {report.run_id}, {report.action}"


def totals(report: FleetReport) -> Mapping[Status, int]:
    """Return how many companies came out how, without what none did."""
    return {status: count for status, count in report.counts.items() if count}


def called(status: Status, report: FleetReport) -> str:
    """Return what an outcome is called: who is untouched while the run is under way may still be done."""
    return "to come" if status is Status.UNTOUCHED and report.under_way else status.value


def slowest(report: FleetReport) -> Sequence[Outcome]:
    """Return those that took the longest, the longest first; who took no time is none of them."""
    taken = [one for one in report.outcomes if one.seconds]
    return sorted(taken, key=lambda one: -one.seconds)[:OF_SLOWEST]


def left(report: FleetReport) -> Mapping[Status, Sequence[Outcome]]:
    """Return whom the run did not come to, and whom it found busy; without what nobody was."""
    found = {
        status: [one for one in report.outcomes if one.status is status] for status in (Status.UNTOUCHED, Status.BUSY)
    }
    return {status: outcomes for status, outcomes in found.items() if outcomes}


def moves(report: FleetReport) -> list[tuple[str, str, int]]:
    """Return from where to where the run moved how many companies, the most frequent first."""
    counts = Counter(one.moved for one in report.outcomes if one.before != one.after)
    return [(before, after, count) for (before, after), count in counts.most_common()]


def spread(status: FleetStatus) -> list[Bar]:
    """Return how many companies are at which revision, the most frequent first; last who is out of reach."""
    bars = [
        Bar(revision=heads(one.heads), companies=one.companies, kind="newest" if one.newest else "behind")
        for one in status.revisions
    ]
    away = sum(state.heads is None for state in status.states)
    return [*bars, *([Bar(revision="out of reach", companies=away, kind="away")] if away else [])]


def heads(at: Sequence[str]) -> str:
    """Return heads as a text."""
    return ", ".join(at) or "base"


def shows(report: FleetReport) -> str:
    """Return the command that shows the account; empty when it is not in the ledger."""
    return "" if report.run_id is None else f"mpm-ops run {report.run_id}"
