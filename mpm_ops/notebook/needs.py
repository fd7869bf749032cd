"""What the notebook's side needs of an installation. `Ops` satisfies it; this layer does not know who does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from mpm_ops.analysis.params import Params
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.analysis.result import Result
from mpm_ops.companies.hooks import Hooks
from mpm_ops.fleet.policy import Policy
from mpm_ops.records import Company, DryRun, FleetReport, FleetStatus, Run
from mpm_ops.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


@runtime_checkable
class Asking(Protocol):
    """An installation whose companies can be asked."""

    def company(self, term: int | str, *, personal_data: bool = False) -> CompanyReader:
        """Return the company with this id, name or e-mail address, ready to be asked. Raises UnknownCompany."""

    def companies(self) -> pd.DataFrame:
        """List the active companies as a DataFrame."""

    def list_companies(self) -> list[Company]:
        """List the active companies by id."""

    def query(
        self,
        sql: str,
        *,
        companies: Sequence[int | str] | None = None,
        params: Params = None,
        max_rows: int | None = 10_000,
        errors: Literal["raise", "collect"] = "raise",
        personal_data: bool = False,
        stop: threading.Event | None = None,
        on_answer: Callable[[], None] | None = None,
    ) -> Result:
        """Return the answers of all companies, or of those named, to one question."""

    def close(self) -> None:
        """Drop the reading logins and close all connections."""


class Operated(Protocol):
    """A fleet that can be looked at and migrated; each method as in `Ops`."""

    @property
    def settings(self) -> Settings:
        """What the environment says."""

    def status(self, *, verify: bool = False) -> FleetStatus:
        """Tell the state of the fleet."""

    def runs(self, *, limit: int = 20) -> list[Run]:
        """List the last fleet runs, newest first."""

    def run(self, run_id: int) -> FleetReport:
        """Return the account of a run."""

    def forget_revisions(self) -> None:
        """Read the migration files again at the next use."""

    def dry_run(
        self, companies: Sequence[int | str] | None = None, *, policy: Policy | None = None, verify: bool = False
    ) -> DryRun:
        """Tell what a migration would do."""

    def migrate_tenant(
        self,
        companies: Sequence[int | str] | None = None,
        *,
        policy: Policy | None = None,
        hooks: Hooks | None = None,
        verify: bool = False,
        create_missing: bool = False,
    ) -> FleetReport:
        """Apply what is pending to the companies."""

    def pause_run(self, run_id: int, *, paused: bool = True) -> None:
        """Ask a run to begin no further company, or to go on."""
