"""Stages: who goes first, and who goes together after that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpm_ops.fleet.policy import Policy, counted, named
from mpm_ops.records import Company


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Companies that are worked on together; the gate stands behind them."""

    name: str
    companies: Sequence[Company]
    #: Those of it that are done with already: the gate is asked of them too.
    settled: Sequence[Company] = ()


def stages(companies: Sequence[Company], policy: Policy, settled: Sequence[Company] = ()) -> list[Stage]:
    """Divide `companies`, in their order, into the canary and the waves; none of them is lost.

    Who is named as canary and has nothing to be done, one of `settled`, still has a gate behind it.
    """
    rest = list(companies)
    found: list[Stage] = []
    if policy.canary:
        first = _canary(rest, policy.canary)
        ids = named(policy.canary)
        found.append(
            Stage(name="canary", companies=first, settled=[company for company in settled if company.id in ids])
        )
        taken = {company.id for company in first}
        rest = [company for company in rest if company.id not in taken]
    size = counted(policy.wave, len(companies)) if policy.wave else len(rest)
    for number, at in enumerate(range(0, len(rest), max(1, size)), start=1):
        name = f"wave {number}" if policy.wave or policy.canary else ""
        found.append(Stage(name=name, companies=rest[at : at + max(1, size)]))
    return [stage for stage in found if stage.companies or stage.settled]


def _canary(companies: Sequence[Company], canary: str) -> list[Company]:
    if ids := named(canary):
        return [company for company in companies if company.id in ids]
    return list(companies[: counted(canary, len(companies))])
