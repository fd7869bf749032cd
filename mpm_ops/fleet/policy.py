"""Policy: how a fleet run goes about its work."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

_AMOUNT = re.compile(r"(\d{1,6})(%?)")


def _amount(value: str) -> str:
    """A number of companies, `3`, or a share of them, `5%`; empty is none."""
    found = _AMOUNT.fullmatch(value.strip())
    if value and (found is None or (found[2] and int(found[1]) > 100)):
        raise ValueError("is a number of companies, such as 3, or a share of them, such as 5%")
    return value.strip()


def _canary(value: str) -> str:
    """An amount, or ids of companies: `#4 #8`."""
    if re.fullmatch(r"\s*(#\d+[\s,]*)+", value):
        return value.strip()
    return _amount(value)


Amount = Annotated[str, AfterValidator(_amount)]


def counted(amount: str, total: int) -> int:
    """Return how many of `total` an amount means: a share is rounded up, so that 5% of 3 is 1."""
    number, percent = int(amount.rstrip("%")), amount.endswith("%")
    return min(total, math.ceil(total * number / 100) if percent else number)


def named(canary: str) -> set[int]:
    """Return the ids in a canary that names companies; none when it is an amount."""
    return {int(number) for number in re.findall(r"\d+", canary)} if canary.startswith("#") else set()


class Policy(BaseModel):
    """How many companies at a time and in which order, how patient, how persistent, and when to stop.

    Also the form that Prefect shows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(default=8, ge=1, le=512, description="Company databases worked on at the same time, at most.")
    attempts: int = Field(default=4, ge=1, le=20, description="Tries per company when the error is transient.")
    backoff: float = Field(default=0.5, ge=0, le=60, description="Seconds before the second try; doubles each time.")
    outage: float = Field(
        default=60,
        ge=0,
        le=3_600,
        description="Seconds that a server may be away, as in a restart, before its companies are given up.",
    )
    lock_timeout: int = Field(
        default=2_000, ge=0, le=3_600_000, description="Milliseconds that a migration waits for a table lock."
    )
    statement_timeout: int = Field(
        default=0, ge=0, le=86_400_000, description="Milliseconds that one statement may take; 0 is no limit."
    )
    one_transaction: bool = Field(
        default=False, description="All revisions of a company in one transaction: all of them or none."
    )
    canary: Annotated[str, AfterValidator(_canary)] = Field(
        default="", description="Who goes first, before all others: 3, 5% or ids, as #4 #8."
    )
    wave: Amount = Field(default="", description="How many go together after that: 50 or 20%; empty is all the rest.")
    gate: str = Field(
        default="",
        description="A SELECT for what must not be there: a row of it, in any company just done, ends the run.",
    )
    soak: float = Field(default=0, ge=0, le=86_400, description="Seconds to wait after the canary and each wave.")
    max_failures: Amount = Field(
        default="", description="So many failures, 3 or 5%, and no further company is begun; empty is no limit."
    )
    preflight: Literal["stop", "skip", "off"] = Field(
        default="stop",
        description="When an assertion of a revision fails in some company: begin none, leave those out, do not ask.",
    )
    skip: tuple[int | str, ...] = Field(default=(), description="Companies to leave out: ids, names or e-mails.")
    match: tuple[str, ...] = Field(
        default=(),
        description="Only companies that fit all of these: a name (Solar*), plugin=NAME, server=NAME.",
    )

    @field_validator("gate", "soak")
    @classmethod
    def _has_stages(cls, value: str | float, given: ValidationInfo) -> str | float:
        """A gate and a soak stand behind groups of companies: a run that has one group would never come to them."""
        if value and not (given.data.get("canary") or given.data.get("wave")):
            raise ValueError("needs a canary or waves to stand behind")
        return value
