"""Policy: how a fleet run goes about its work."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Policy(BaseModel):
    """How many companies at a time, how patient, how persistent. Also the form that Prefect shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(default=8, ge=1, le=512, description="Company databases worked on at the same time.")
    attempts: int = Field(default=4, ge=1, le=20, description="Tries per company when the error is transient.")
    backoff: float = Field(default=0.5, ge=0, le=60, description="Seconds before the second try; doubles each time.")
    lock_timeout: int = Field(
        default=2_000, ge=0, le=3_600_000, description="Milliseconds that a migration waits for a table lock."
    )
    statement_timeout: int = Field(
        default=0, ge=0, le=86_400_000, description="Milliseconds that one statement may take; 0 is no limit."
    )
