"""The journal: what was asked through this client goes into the central database before the answer is given."""

from __future__ import annotations

from collections.abc import Sequence

from mpm_ops.central import questions
from mpm_ops.companies.installation import Installation
from mpm_ops.records import Question


class Journal:
    """Where the questions of one person go."""

    def __init__(self, installation: Installation, who: str) -> None:
        self._installation = installation
        self._who = who

    def write(self, asked: Sequence[Question]) -> None:
        """Add questions. Raises ServerUnavailable: what cannot be noted is not answered."""
        if asked:
            by_analyst = self._installation.is_analyst
            with self._installation.central() as connection:
                questions.record(connection, asked, who=self._who, by_analyst=by_analyst)
