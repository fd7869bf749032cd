"""A comparison: what ours took, what the other took, and how the two must relate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class AtMost:
    """Ours may be so many times the other; without a number it is only shown."""

    times: float = math.inf

    def met(self, ours: float, other: float) -> bool:
        """Whether it is so."""
        return ours <= self.times * other

    def ratio(self, ours: float, other: float) -> str:
        """Return how the two relate, for people."""
        return f"{ours / other:.3g} ×"

    def __str__(self) -> str:
        return "" if math.isinf(self.times) else f"≤ {self.times:g} ×"


@dataclass(frozen=True)
class Faster:
    """Ours must be so many times faster than the other."""

    times: float = 1.0

    def met(self, ours: float, other: float) -> bool:
        """Whether it is so."""
        return other >= self.times * ours

    def ratio(self, ours: float, other: float) -> str:
        """Return how the two relate, for people."""
        return f"{other / ours:.3g} × faster"

    def __str__(self) -> str:
        return "faster" if self.times == 1 else f"≥ {self.times:g} × faster"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One row of the table."""

    what: str
    against: str
    target: AtMost | Faster
    #: Both in `unit`; 0 when the other could not be had.
    ours: float = 0.0
    other: float = 0.0
    unit: str = "ms"
    #: Why the other could not be had; empty when it was.
    absent: str = ""

    @property
    def missed(self) -> bool:
        """Whether both were measured, and ours is not where it must be."""
        return not self.absent and not self.target.met(self.ours, self.other)

    @property
    def ratio(self) -> str:
        """How the two relate, for people."""
        return self.absent or self.target.ratio(self.ours, self.other)

    def __str__(self) -> str:
        return f"{self.what} / {self.against}: {self.ratio}, must be {self.target}"


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
