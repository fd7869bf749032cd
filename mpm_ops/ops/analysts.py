"""Who may read what, and what they asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from mpm_ops.central import questions
from mpm_ops.companies import analysts, reaper
from mpm_ops.ops.opened import Companies, Opened
from mpm_ops.records import Analyst, Asked, NewLogin, Reaped


class AnalystVerbs(Opened):
    """Verbs about analysts and their logins."""

    def add_analyst(self, name: str) -> NewLogin:
        """Add an analyst, who may read nothing yet; the password is in the answer and nowhere else."""
        return analysts.add(self._installation, name)

    def grant_analyst(
        self, name: str, companies: Companies, *, personal_data: bool = False, until: dt.datetime | None = None
    ) -> Analyst:
        """Let an analyst read companies, None for all, those to come too. Raises UnknownAnalyst, UnknownCompany."""
        return analysts.grant(self._installation, name, companies, personal_data=personal_data, until=until)

    def revoke_analyst(self, name: str, companies: Companies) -> Analyst:
        """Take grants away, None for all; the analyst's sessions there end. Raises UnknownAnalyst, UnknownCompany."""
        return analysts.revoke(self._installation, name, companies)

    def remove_analyst(self, name: str) -> None:
        """Remove an analyst with the login and its sessions. Raises UnknownAnalyst."""
        analysts.remove(self._installation, name)

    def analysts(self) -> Sequence[Analyst]:
        """List the analysts by name, with what they may read. Read-only."""
        return analysts.listed(self._installation)

    def token(self, name: str, companies: Sequence[int | str], *, hours: float) -> NewLogin:
        """Make a login that reads these companies for so many hours. Raises UnknownCompany."""
        return analysts.token(self._installation, name, companies, hours=hours)

    def sweep(self, *, dry_run: bool = False) -> Sequence[str]:
        """End grants and tokens whose time is over, with the sessions that use them; return what was ended.

        A dry run ends nothing.
        """
        return analysts.over(self._installation) if dry_run else analysts.sweep(self._installation)

    def audit_log(self, company: int | str | None = None, *, limit: int = 100) -> list[Asked]:
        """List the last questions that were asked, of one company or of all; newest first. Read-only."""
        company_id = None if company is None else self.get_company(company).id
        with self._installation.central() as connection:
            return questions.listed(connection, company_id=company_id, limit=limit)

    def reap(self, *, seconds: float = 600, dry_run: bool = False) -> list[Reaped]:
        """End statements and open transactions of those who read, once they are so many seconds old.

        A dry run ends nothing.
        """
        return reaper.reap(self._installation, seconds=seconds, dry_run=dry_run)
