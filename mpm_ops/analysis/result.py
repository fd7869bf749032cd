"""Result: the answer to a question, which is asked when somebody first looks at it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mpm_ops.analysis.guard import Cut
from mpm_ops.analysis.interrupted import briefly, load
from mpm_ops.errors import MpmOpsError, UsageError
from mpm_ops.records import counted

#: Rows that a face shows.
SHOWN = 20
#: Brings pyarrow and pandas, which most commands do without.
_HEAVY = "mpm_ops.analysis.stream"

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from matplotlib.axes import Axes


class Truncated(UserWarning):
    """An answer was cut at a limit."""


class Unanswered(UserWarning):
    """Some of the companies that were asked did not answer."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came back."""

    table: pa.Table
    #: Seconds from the first word to the last row.
    seconds: float
    #: The limit that cut it, of two the one that max_rows does not lift; None when these are all rows.
    cut: Cut | None = None
    #: Whose answers were cut, and where: `after 10 rows; ...`.
    cuts: Mapping[str, str] = field(default_factory=dict)
    #: Who did not answer, and why; who did, and after how many seconds. By the company's name.
    errors: Mapping[str, MpmOpsError] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    #: What is to be known about the answer.
    notes: Sequence[str] = ()


class Result:
    """The answer to a question to one company or to several. Get one from `company.query` or `ops.query`.

    It is asked once, when somebody first looks: `.df`, `.arrow`, `len()`, or a notebook that shows it. What the server
    refuses is raised then.
    """

    def __init__(
        self, sql: str, *, of: str, ask: Callable[[], Found], save: Callable[[Path, pa.Table | None], int]
    ) -> None:
        #: The question, as it was written.
        self.sql = sql
        #: Who is asked: a company's name, or how many companies.
        self.of = of
        self._ask = ask
        self._save = save
        self._is_told = False
        self._answer: Found | None = None
        #: Threads that look at once ask once.
        self._asking = threading.RLock()

    @property
    def _found(self) -> Found:
        with self._asking, briefly():
            if self._answer is None:
                load(_HEAVY)
                self._answer = self._ask()
            return self._answer

    @property
    def is_asked(self) -> bool:
        """Whether the answer is here already."""
        return self._answer is not None

    @property
    def arrow(self) -> pa.Table:
        """The rows as an Arrow table."""
        return self._found.table

    @cached_property
    def df(self) -> pd.DataFrame:
        """The rows as a DataFrame of Arrow-backed columns; its `attrs` tell what was cut and who did not answer."""
        from mpm_ops.analysis import frames

        found = self._found
        frame = frames.frame(found.table)
        frame.attrs |= {"truncated": found.cut is not None, "cut": found.cut.value if found.cut else ""}
        if found.errors:
            frame.attrs["errors"] = {name: str(error) for name, error in found.errors.items()}
        return frame

    @property
    def polars(self) -> pl.DataFrame:
        """The rows as a polars DataFrame. Raises UsageError where polars is not installed."""
        try:
            import polars
        except ImportError as exc:
            raise UsageError("polars is not installed", hint="pip install polars, or take .df or .arrow") from exc
        frame = polars.from_arrow(self.arrow)
        assert isinstance(frame, polars.DataFrame)  # noqa: S101 a table's is no series
        return frame

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows as tuples of Python values."""
        return list(zip(*(column.to_pylist() for column in self.arrow.columns), strict=True))

    @property
    def truncated(self) -> bool:
        """Whether a limit cut the rows."""
        return self._found.cut is not None

    @property
    def elapsed(self) -> float:
        """Seconds that the answer took."""
        return self._found.seconds

    @property
    def errors(self) -> Mapping[str, MpmOpsError]:
        """The companies that did not answer, by name; always empty unless `ops.query(…, errors="collect")`."""
        return self._found.errors

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds by company's name."""
        return self._found.timings

    @property
    def notes(self) -> Sequence[str]:
        """What is to be known about the answer, such as which companies lack a column."""
        return self._found.notes

    def to_parquet(self, path: str | Path) -> int:
        """Write all rows into a Parquet file, and return their number.

        Unless all of them are here, the question is asked anew and its rows stream into the file in bounded memory,
        whatever their number: `max_rows` is for what is kept here. The file is there once it is whole.
        Raises UsageError when it cannot be written, and what asking the first company raises that does not answer.
        """
        whole = self.arrow if self.is_asked and not self.truncated and not self.errors else None
        with briefly():
            load(_HEAVY)
            return self._save(Path(path), whole)

    def plot(self, x: str | None = None, y: str | Sequence[str] | None = None, **options: Any) -> Axes:
        """Draw the columns `y` over `x`, or the numbers over the first other column; see `mpm_ops.pictures.plot`.

        Of an answer that was cut, or of companies of which some did not answer, it warns as `read_sql` does.
        """
        from mpm_ops import pictures

        return pictures.plot(self.warned(stacklevel=2).df, x, y, **options)

    def warned(self, *, stacklevel: int) -> Self:
        """Warn when the answer was cut or somebody did not answer: for those who take the bare frame."""
        found = self._found
        if found.cuts:
            cut = few([f"{name} {where}" for name, where in found.cuts.items()])
            warnings.warn(f"cut short, the answer of {cut}", Truncated, stacklevel=stacklevel + 1)
        if found.errors:
            warnings.warn(unanswered(found.errors, len(found.timings)), Unanswered, stacklevel=stacklevel + 1)
        return self

    @property
    def footer(self) -> str:
        """How many rows there are and are shown, whether they were cut, how long they took, and whose they are."""
        found, rows = self._found, len(self)
        shown = f"{SHOWN} of {counted(rows, 'row')}" if rows > SHOWN else counted(rows, "row")
        parts = [shown, f"cut by the limit of {found.cut}" if found.cut else "", f"{found.seconds:.2f} s", self.of]
        failed = f"{len(found.errors)} did not answer" if found.errors else ""
        return ", ".join(filter(None, (*parts, failed, *found.notes, "read-only")))

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def __bool__(self) -> bool:
        return True  # an answer without rows is one, and nobody is asked for `if result`

    def __repr__(self) -> str:
        return f"<Result: {self.footer if self.is_asked else f'{self.of}, not asked yet'}>"

    def __str__(self) -> str:
        from mpm_ops.analysis import faces

        return faces.text(self.arrow.slice(0, SHOWN), self.footer)

    def _repr_html_(self) -> str | None:
        if self._is_told:
            self._is_told = False
            return None
        return self._html()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        try:
            return {"text/plain": str(self), "text/html": self._html()}
        except MpmOpsError:
            # IPython shows it, and then asks for HTML: that would ask the question again, to fail again.
            self._is_told = True
            raise

    def _html(self) -> str:
        from mpm_ops.analysis import faces

        return faces.as_html(self.arrow.slice(0, SHOWN), self.footer)


def few(named: Sequence[str]) -> str:
    """Name the first of them, and how many more there are."""
    more = f"; and {len(named) - 5} more" if len(named) > 5 else ""
    return f"{'; '.join(named[:5])}{more}"


def unanswered(errors: Mapping[str, MpmOpsError], total: int) -> str:
    """Say in a sentence who did not answer, and why."""
    named = few([f"{name}: {error}" for name, error in errors.items()])
    return f"{len(errors)} of {counted(total, 'company')} did not answer: {named}"
