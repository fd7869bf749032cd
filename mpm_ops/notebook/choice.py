"""Which installation and which company a notebook asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.errors import UsageError
from mpm_ops.notebook.needs import Asking
from mpm_ops.records import Company


class Choice:
    """The notebook's installation, and the company that `%company` chose."""

    def __init__(self, connect: Callable[[], Asking], variables: Callable[[], Mapping[str, Any]]) -> None:
        self._connect = connect
        self._variables = variables
        self._own: Asking | None = None
        #: The company that is asked where none is named.
        self.company: Company | None = None

    @property
    def ops(self) -> Asking:
        """The notebook's own variable `ops` when it is an installation, else one that is made at the first use."""
        theirs = self._variables().get("ops")
        # A class has the methods, too.
        if isinstance(theirs, Asking) and not isinstance(theirs, type):
            return theirs
        if self._own is None:
            self._own = self._connect()
        return self._own

    def choose(self, term: str, *, personal_data: bool) -> CompanyReader:
        """Have a company asked from now on. Raises UnknownCompany."""
        reader = self.ops.company(term, personal_data=personal_data)
        self.company = reader.company
        return reader

    def reader(self, term: str | None, *, personal_data: bool) -> CompanyReader:
        """Return the company that is named, else the chosen one. Raises UnknownCompany, UsageError when there is none.

        A notebook that connected elsewhere meanwhile does not get the company there that has the same id.
        """
        if term is not None:
            return self.ops.company(term, personal_data=personal_data)
        if self.company is None:
            raise UsageError("no company is chosen", hint="%company NAME chooses one, %mpm companies lists them.")
        reader = self.ops.company(self.company.id, personal_data=personal_data)
        if (reader.company.database, reader.company.created_at) != (self.company.database, self.company.created_at):
            raise UsageError(f"`ops` is another installation than {self.company} was chosen in", hint="%company NAME")
        return reader

    def close(self) -> None:
        """Close the installation that was made here; one of the notebook's own is its owner's to close."""
        if self._own is not None:
            self._own.close()
            self._own = None
