"""Figures: what a company is run by, of one company or of many."""

from __future__ import annotations

from typing import TypeVar

from mpm_ops.figures.customers import Customers
from mpm_ops.figures.loans import Loans
from mpm_ops.figures.payments import Payments
from mpm_ops.figures.service import Service

R = TypeVar("R")


class Figures(Payments[R], Customers[R], Loans[R], Service[R]):
    """The figures of a company, or of all: get them from `company.figures` or `ops.figures`.

    Each is one question through the guard, and comes back as a Result. Asked of all companies it has a first column
    `company`, and rows of each; nothing is added up over companies, whose currencies differ.
    """

    def __repr__(self) -> str:
        return f"<Figures: {', '.join(name for name in dir(self) if name[0] != '_')}>"
