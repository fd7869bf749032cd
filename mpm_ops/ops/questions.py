"""Questions and figures, of one company or of many."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from mpm_ops.analysis import fanout
from mpm_ops.analysis.caps import checked_fanout, checked_numeric, checked_rows
from mpm_ops.analysis.guard import Limits
from mpm_ops.analysis.params import Params
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.analysis.result import Result
from mpm_ops.figures.figures import Figures
from mpm_ops.ops.opened import Companies, Opened

if TYPE_CHECKING:
    import pandas as pd

    from mpm_ops.analysis.stream import Numeric


class QuestionVerbs(Opened):
    """Verbs that read, and change nothing."""

    def company(self, term: int | str, *, personal_data: bool = False) -> CompanyReader:
        """Return the company with this id, name or e-mail address, ready to be asked. Raises UnknownCompany.

        Names, phones, addresses and the like are masked unless `personal_data` is wanted.
        """
        return self._asked(self.get_company(term), personal_data=personal_data)

    def query(
        self,
        sql: str,
        *,
        companies: Companies = None,
        params: Params = None,
        max_rows: int | None = 10_000,
        workers: int | None = None,
        errors: Literal["raise", "collect"] = "raise",
        personal_data: bool = False,
        numeric: Numeric = "decimal",
        stop: threading.Event | None = None,
        on_answer: Callable[[], None] | None = None,
    ) -> Result:
        """Return the answers of all companies, or of those named, to one question; its first column is `company`.

        It is asked when somebody first looks, of so many companies at a time as there are `workers` (default: of the
        settings). `max_rows` is the cap for each company, `personal_data` as in `company`, `numeric` as in its
        `query`; what one company lacks of the others' columns is NULL, and noted. `stop`, set by another thread,
        cancels it on the servers; `on_answer` is called whenever a company has answered or failed, and stands in for
        the progress bar that a notebook shows.

        Looking raises FleetFailed that names those which did not answer, or with `errors="collect"` keeps them in the
        result's `errors`, by name.
        """
        checked_fanout(errors, workers)
        checked_numeric(numeric)
        readers = [self._asked(company, personal_data=personal_data) for company in self._chosen(companies)]
        return fanout.result(
            readers,
            sql,
            params=params,
            limits=Limits(rows=checked_rows(max_rows)),
            numeric=numeric,
            workers=workers or self.settings.workers,
            collect=errors == "collect",
            stop=stop,
            on_answer=on_answer,
        )

    def read_sql(
        self,
        sql: str,
        *,
        companies: Companies = None,
        params: Params = None,
        max_rows: int | None = 10_000,
        workers: int | None = None,
        errors: Literal["raise", "collect"] = "raise",
        personal_data: bool = False,
        numeric: Numeric = "decimal",
    ) -> pd.DataFrame:
        """Ask all companies, or those named, the same question; one DataFrame with a first column `company`.

        `query(…).df`, with a warning where an answer was cut (Truncated) or, with `errors="collect"`, some did not
        answer (Unanswered). Raises as `query`.
        """
        found = self.query(
            sql,
            companies=companies,
            params=params,
            max_rows=max_rows,
            workers=workers,
            errors=errors,
            personal_data=personal_data,
            numeric=numeric,
        )
        return found.warned(stacklevel=2).df

    @property
    def figures(self) -> Figures[Result]:
        """Revenue, energy, customers, loans, agents ... of all companies: rows of each, after a column `company`.

        `figures.asked_with(companies=[…], errors="collect")` asks some, or keeps who did not answer, as `query` does.
        """
        return Figures(self.query)
