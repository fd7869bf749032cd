"""What an installation has open, and what all verbs share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mpm_ops.analysis.access import Login, ShortLogin
from mpm_ops.analysis.interrupted import load as load_whole
from mpm_ops.analysis.journal import Journal
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.central import registry
from mpm_ops.companies import courses, migrations, selection
from mpm_ops.companies.hooks import Hooks
from mpm_ops.companies.installation import Installation
from mpm_ops.fleet.policy import Policy
from mpm_ops.postgres.chosen import address
from mpm_ops.records import MAIN, Company, FleetReport
from mpm_ops.settings import Settings, load_settings, operator

if TYPE_CHECKING:
    import pandas as pd

#: Companies by id, name or e-mail address, or a single one; None is all of them.
Companies = Sequence[int | str] | int | str | None


class Opened:
    """An installation that is open: its settings, servers, and the logins that it reads with."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or load_settings()
        self._installation = Installation(self.settings)
        self._journal = Journal(self._installation, operator())
        #: The logins that this process reads with, by server and whether they see personal data.
        self._readers: dict[tuple[str, bool], Login] = {}

    def __repr__(self) -> str:
        return f"<Ops {self.settings.central_database} on {address(self.settings)}>"

    def list_companies(self) -> list[Company]:
        """List the active companies by id. Read-only."""
        with self._installation.central() as connection:
            return registry.companies(connection)

    def companies(self) -> pd.DataFrame:
        """List the active companies as a DataFrame: `id`, `name`, `email`, `server`, `database`, `created_at`."""
        load_whole("pandas")
        import pandas

        names = ["id", "name", "email", "server", "database", "created_at"]
        rows = [[getattr(company, name) for name in names] for company in self.list_companies()]
        return pandas.DataFrame(rows, columns=names)

    def get_company(self, term: int | str) -> Company:
        """Return the central row of the company with this id, name or e-mail address. Read-only.

        Raises UnknownCompany, with near misses as its hint.
        """
        with self._installation.central() as connection:
            return registry.find(connection, term)

    def close(self) -> None:
        """Drop the reading logins and close all connections."""
        while self._readers:
            self._readers.popitem()[1].close()
        self._installation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _asked(self, company: Company, *, personal_data: bool) -> CompanyReader:
        """Return a reader of the company, with a login that all readers of its server share, made at the first one.

        An analyst reads with the login of the settings.
        """
        key = (company.server, personal_data)
        if key not in self._readers and self._installation.is_analyst:
            self._readers[key] = Login(self._installation.server_named(company.server))
        if key not in self._readers:
            person = re.sub(r"[^a-z0-9]", "", operator().lower())[:12]
            self._readers[key] = ShortLogin(
                self._installation.server_named(company.server),
                self._maintenance(company),
                name=f"{self.settings.prefix}reader_{person}",
                connections=self.settings.workers + 8,
            )
        return CompanyReader(company, self._readers[key], self._journal, personal_data=personal_data)

    def _maintenance(self, company: Company) -> str:
        """Name the database on the company's server in which logins are made."""
        return self.settings.central_database if company.server == MAIN else "postgres"

    def _chosen(self, companies: Companies, policy: Policy | None = None) -> list[Company]:
        return selection.chosen(self._installation, companies, policy)

    def _policy(self, policy: Policy | None) -> Policy:
        return policy or Policy(workers=self.settings.workers)

    def _go(self, course: courses.Course, policy: Policy | None, hooks: Hooks | None) -> FleetReport:
        return migrations.go(self._installation, course, policy=self._policy(policy), hooks=hooks or Hooks())
