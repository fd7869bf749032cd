"""MpmMagics: `%company`, `%%mpm` and `%mpm`. `%sql` stays free for those who have it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from IPython.core import error
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from traitlets import Bool, Enum, Int

from mpm_ops.analysis.interrupted import briefly
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.analysis.result import Result
from mpm_ops.errors import UsageError
from mpm_ops.notebook import options, values
from mpm_ops.notebook.choice import Choice
from mpm_ops.notebook.completion import Completion
from mpm_ops.notebook.needs import Asking

if TYPE_CHECKING:
    import pandas as pd

_WORDS = "Write %mpm tables, %mpm columns TABLE or %mpm companies. A question goes into a cell that begins with %%mpm."


@magics_class
class MpmMagics(Magics):
    """Questions to companies in cells of their own."""

    max_rows = Int(10_000, min=0, help="Rows of an answer, of each company, at most; 0 lifts the cap.").tag(config=True)
    personal_data = Bool(False, help="Show names, phones, addresses and the like as they are.").tag(config=True)
    errors = Enum(
        ["raise", "collect"],
        "raise",
        help="With --all: fail when a company does not answer, or collect why in the result's `errors`.",
    ).tag(config=True)

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell, connect: Callable[[], Asking]) -> None:
        super().__init__(shell)
        #: The installation and the company that are asked.
        self.choice = Choice(connect, lambda: shell.user_ns)
        #: What is offered while somebody types.
        self.completion = Completion(self.choice, lambda: shell.user_ns)

    @no_var_expand
    @line_magic
    def company(self, line: str) -> CompanyReader:
        """Choose the company that `%%mpm` asks, by id, name or e-mail address; without one, return the chosen one.

        ::

            %company Ziwa Umeme Ltd
            acme = %company 7

        It is a company of the variable `ops` when that is an installation (`ops = mpm_ops.connect()`); else of one that
        is made at the first use, as `mpm_ops.connect()` makes it, and closed with the kernel.
        """
        with briefly():
            term = options.plain(line.strip())
            if not term:
                return self.choice.reader(None, personal_data=self.personal_data)
            self.completion.forget()
            return self.choice.choose(term, personal_data=self.personal_data)

    @magic_arguments()
    @argument("what", nargs="*", metavar="WORD", help="On a line: tables, columns TABLE, or companies.")
    @argument("-o", "--output", metavar="NAME", type=options.plain, help="Keep the Result under this name; NAME.df.")
    @argument("--limit", metavar="N", type=int, help="Rows at most; 0 lifts the cap. Default: MpmMagics.max_rows.")
    @argument(
        "--params",
        metavar="NAME[=EXPRESSION]",
        nargs="+",
        default=[],
        help="Values of :NAME, in Python. Other names are the notebook's variables.",
    )
    @argument("--company", metavar="X", type=options.plain, help="Ask this one instead of the one %%company chose.")
    @argument("--all", action="store_true", help="Ask all companies; the answer's first column is `company`.")
    @argument("--personal-data", action="store_true", help="Show personal data as they are.")
    @no_var_expand
    @line_cell_magic
    def mpm(self, line: str, cell: str | None = None) -> Result | pd.DataFrame:
        """Ask the cell's question, or on a line tell what there is to ask about.

        ::

            %%mpm -o paid --params since=date(2026,1,1)
            SELECT sum(amount) FROM transactions WHERE created_at >= :since AND amount > :least

        `:since` and `:least` are values, never text. The Result is shown, and kept under the name after `-o`: its rows
        are `paid.df`. Whose installation is asked: see `%company?`.
        """
        with briefly():
            given = self._parsed(line)
            return self._told(given) if cell is None else self._asked(given, cell)

    def _parsed(self, line: str) -> Namespace:
        """Return the options of a line. Raises UsageError."""
        try:
            given: Namespace = type(self).mpm.parser.parse_intermixed_args(options.words(line))
        except error.UsageError as exc:
            raise UsageError(str(exc), hint="%mpm? tells the options.") from None
        if given.all and given.company is not None:
            raise UsageError("--all and --company exclude each other")
        return given

    def _told(self, given: Namespace) -> pd.DataFrame:
        match given.what:
            case ["companies"]:
                return self.choice.ops.companies()
            case ["tables"]:
                return self._reader(given).tables()
            case ["columns", table]:
                return self._reader(given).columns(options.plain(table))
        raise UsageError(f"there is no %mpm {' '.join(given.what)[:60]}".rstrip(), hint=_WORDS)

    def _asked(self, given: Namespace, sql: str) -> Result:
        """Return the answer, which is here: what the server refuses is raised."""
        if given.what or not sql.strip():
            raise UsageError("the question goes into the lines below %%mpm", hint="%mpm? tells the options.")
        if given.output is not None:
            options.variable(given.output)
        variables = self.shell.user_ns
        params = values.bound(sql, options.evaluated(given.params, variables), variables) or None
        limit = self.max_rows if given.limit is None else given.limit
        max_rows = None if limit == 0 else limit
        if given.all:
            found = self.choice.ops.query(
                sql,
                params=params,
                max_rows=max_rows,
                errors="collect" if self.errors == "collect" else "raise",
                personal_data=self._personal(given),
            )
        else:
            found = self._reader(given).query(sql, params=params, max_rows=max_rows)
        len(found)  # asks
        if given.output is not None:
            self.shell.push({given.output: found})
        return found

    def _reader(self, given: Namespace) -> CompanyReader:
        return self.choice.reader(given.company, personal_data=self._personal(given))

    def _personal(self, given: Namespace) -> bool:
        return bool(given.personal_data or self.personal_data)
