"""Which company somebody means by what was typed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mpm_ops.harmless import harmless
from mpm_ops.records import Company, counted

#: What stands for all of them; no label of a company, which ends with its id.
ALL = "All companies"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One company, or all of them."""

    #: None is all.
    company: Company | None = None
    #: How many companies that is.
    count: int = 1

    def __str__(self) -> str:
        return str(self.company) if self.company else f"all {counted(self.count, 'company')}"

    @property
    def file(self) -> str:
        """The beginning of a file's name: letters of ASCII, digits and hyphens."""
        if self.company is None:
            return "all-companies"
        plain = unicodedata.normalize("NFKD", self.company.name).encode("ascii", "ignore").decode().lower()
        words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-")
        return "-".join(filter(None, ("company", str(self.company.id), words)))


def labels(companies: Sequence[Company]) -> list[str]:
    """Return what the companies are listed as, no two alike; behind that of all."""
    return [ALL, *(harmless(str(company)) for company in companies)] if companies else []


def chosen(companies: Sequence[Company], typed: str) -> Choice | None:
    """Return who is meant by a label, an id, an e-mail address, or a name that one company has; None while unclear."""
    wanted = typed.strip()
    if wanted.casefold() == ALL.casefold() and companies:
        return Choice(count=len(companies))
    exact = [one for one in companies if wanted in (harmless(str(one)), str(one.id))]
    named = [one for one in companies if wanted.casefold() in (one.name.casefold(), one.email.casefold())]
    found = exact or named
    return Choice(company=found[0]) if len(found) == 1 else None


def fitting(companies: Sequence[Company], typed: str) -> int:
    """Return how many companies' labels hold what was typed."""
    return sum(typed.strip().casefold() in str(company).casefold() for company in companies)
