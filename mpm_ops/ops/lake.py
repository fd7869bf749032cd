"""Exports of companies' rows into a lake."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from mpm_ops.analysis.caps import checked_fanout
from mpm_ops.analysis.interrupted import briefly
from mpm_ops.analysis.interrupted import load as load_whole
from mpm_ops.central import history
from mpm_ops.companies import states
from mpm_ops.errors import UsageError
from mpm_ops.ops.opened import Companies, Opened
from mpm_ops.records import Exported


class LakeVerbs(Opened):
    """Verbs that bring files to what the databases have."""

    def export(
        self,
        what: Sequence[str] | Mapping[str, str | None] | None = None,
        companies: Companies = None,
        *,
        to: str | Path,
        personal_data: bool = False,
        full: bool = False,
        verify: bool = False,
        workers: int | None = None,
        errors: Literal["raise", "collect"] = "raise",
        stop: threading.Event | None = None,
        on_company: Callable[[], None] | None = None,
    ) -> Exported:
        """Bring the folder `to`, a lake of Parquet files by company and month, to what the databases have now.

        `what` are tables, or a mapping of names to queries, in which None stands for the table of that name; None is
        all tables that may be read. Rows lie in the month (UTC) of their `created_at`. Only months whose rows differ
        from what the lake has are read and written; of a table with `id` and `updated_at`, those tell it, and all
        else after a migration. `full` writes all anew, `verify` looks into every file for damage. `personal_data`,
        `workers` and `stop` as in `query`; `on_company` is called whenever a company is done.

        Raises UsageError for what no company has, and for what the folder has with personal data where this export
        masks it and does not write it anew; Busy while another export writes there; FleetFailed with the account as
        its report for companies that failed, unless `errors="collect"` leaves them to the account.
        """
        checked_fanout(errors, workers)
        if not str(to):
            raise UsageError("the lake has no name", hint="Name a folder; . is the one that you are in.")
        chosen = self._chosen(companies)
        readers = [self._asked(company, personal_data=personal_data) for company in chosen]
        heads, runs = dict[int, tuple[str, ...]](), dict[int, int]()
        if not self._installation.is_analyst:
            heads = states.known_heads(self._installation, chosen)
            with self._installation.central() as connection:
                runs = history.last_moves(connection, list(heads))
        named = [what] if isinstance(what, str) else what
        wanted = named if isinstance(named, Mapping) or named is None else dict.fromkeys(named)
        with briefly():
            load_whole("mpm_ops.lake.export")
            from mpm_ops.lake.export import export

            return export(
                readers,
                wanted,
                Path(to),
                heads=heads,
                runs=runs,
                workers=workers or self.settings.workers,
                everyone=companies is None,
                full=full,
                verify=verify,
                collect=errors == "collect",
                stop=stop,
                on_company=on_company,
            )
