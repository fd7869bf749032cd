"""One question to many companies, into one frame with a column `company`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mpm_ops.analysis.guard import Answer, Limits, Params
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.errors import FleetFailed, MpmOpsError

if TYPE_CHECKING:
    import pandas as pd


def read_sql(
    readers: Sequence[CompanyReader], sql: str, *, params: Params, limits: Limits, workers: int
) -> pd.DataFrame:
    """Ask every company and stack the answers; `limits` hold for each company.

    Raises FleetFailed that names every company which did not answer; when all refused the statement in the same
    words, that one QueryError.
    """

    def one(reader: CompanyReader) -> Answer | MpmOpsError:
        try:
            return reader.ask(sql, params=params, limits=limits, keep=False)
        except MpmOpsError as exc:
            return exc

    with ThreadPoolExecutor(workers, thread_name_prefix="mpm_ops") as pool:
        results = list(pool.map(one, readers))
    failed = [(r.name, found) for r, found in zip(readers, results, strict=True) if isinstance(found, MpmOpsError)]
    if failed:
        raise _summary(failed, len(readers))
    from mpm_ops.analysis import frames  # loads pandas, as in reader.py

    return frames.together([(r.name, a) for r, a in zip(readers, results, strict=True) if isinstance(a, Answer)])


def _summary(failed: Sequence[tuple[str, MpmOpsError]], total: int) -> MpmOpsError:
    first = failed[0][1]
    if len(failed) == total and len({str(error) for _, error in failed}) == 1:
        first.company = "" if total > 1 else first.company
        return first
    named = "; ".join(f"{name}: {error}" for name, error in failed[:5])
    more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
    return FleetFailed(f"{len(failed)} of {total} companies did not answer: {named}{more}", hint=first.hint)
