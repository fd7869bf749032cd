"""What the notebook's side needs of an installation. `Ops` satisfies it; this layer does not know who does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from mpm_ops.analysis.params import Params
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.analysis.result import Result
from mpm_ops.records import Company

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
    ) -> Result:
        """Return the answers of all companies, or of those named, to one question."""

    def close(self) -> None:
        """Drop the reading logins and close all connections."""
