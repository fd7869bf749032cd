"""Answers as text for files."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def csv_text(found: pd.DataFrame) -> str:
    """Return an answer as CSV, the values as they are; NULL is an empty field."""
    text = found.to_csv(index=False)
    # A carriage return ends a row for most readers, and pandas leaves it bare.
    return found.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC) if "\r" in text else text
