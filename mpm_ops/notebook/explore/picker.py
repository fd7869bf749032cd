"""The company picker: a box that lists the companies that fit while somebody types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mpm_ops.notebook import controls, markup
from mpm_ops.notebook.explore.choice import Choice, chosen, fitting, labels
from mpm_ops.records import Company, counted


class Picker:
    """Tells `on_choice` who is chosen, None while nobody is."""

    def __init__(self, on_choice: Callable[[Choice | None], None]) -> None:
        self.companies: Sequence[Company] = ()
        self.choice: Choice | None = None
        self._on_choice = on_choice
        self.box = controls.labelled(
            "Combobox",
            "Company",
            "company",
            tooltip="Name, id or e-mail address of a company",
            placeholder="Type a name, or choose",
            width="360px",
        )
        self.note = controls.text("company-note", markup.said("Looking for the companies …"))
        self.box.observe(lambda _: self._typed(), "value")
        self.view: Any = controls.row(self.box, self.note)

    def fill(self, companies: Sequence[Company]) -> None:
        """List these companies."""
        self.companies = companies
        self.box.options = labels(companies)
        self._typed()

    def _typed(self) -> None:
        typed = str(self.box.value)
        found = chosen(self.companies, typed)
        self.note.value = markup.said(self._said(typed, found), "warn" if typed and not found else "muted")
        if found != self.choice:
            self.choice = found
            self._on_choice(found)

    def _said(self, typed: str, found: Choice | None) -> str:
        if found:
            return f"Asking {found}"
        if not self.companies:
            return "There is no company that you may read."
        fit = fitting(self.companies, typed)
        return f"{counted(fit, 'company')} of that name" if typed else f"{counted(fit, 'company')} to choose from"
