"""One question to many companies, into one frame with a column `company`."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mpm_ops.analysis.guard import Answer, Limits
from mpm_ops.analysis.params import Params
from mpm_ops.analysis.reader import CompanyReader, Truncated, cut_after
from mpm_ops.errors import FleetFailed, MpmOpsError
from mpm_ops.records import Question

if TYPE_CHECKING:
    import pandas as pd


def read_sql(
    readers: Sequence[CompanyReader], sql: str, *, params: Params, limits: Limits, workers: int
) -> pd.DataFrame:
    """Ask every company and stack the answers; `limits` hold for each company.

    Ctrl-C cancels on the server what is being asked, and asks no more. One warning names the companies whose answers
    were cut.

    Raises FleetFailed that names every company which did not answer; when all refused the statement in the same
    words, that one QueryError.
    """
    stop = threading.Event()
    noted: list[Question] = []

    def one(reader: CompanyReader) -> Answer | MpmOpsError:
        try:
            return reader.ask_noting(noted, sql, params=params, limits=limits, keep=False, stop=stop)
        except MpmOpsError as exc:
            return exc

    try:
        results = list(zip(readers, _each(one, readers, stop, workers), strict=True))
    finally:
        for reader in readers[:1]:
            reader.journal.write(noted)
    failed = [(reader.name, found) for reader, found in results if isinstance(found, MpmOpsError)]
    if failed:
        raise _summary(failed, len(readers))
    answers = [(reader.name, found) for reader, found in results if isinstance(found, Answer)]
    if cut := [f"{name} {cut_after(answer)}" for name, answer in answers if answer.cut]:
        # Seen from the caller of Ops.read_sql.
        warnings.warn(f"the answers of {_few(cut)} were cut", Truncated, stacklevel=3)
    from mpm_ops.analysis import frames  # loads pandas, as in reader.py

    return frames.together(answers)


def _each(
    one: Callable[[CompanyReader], Answer | MpmOpsError],
    readers: Sequence[CompanyReader],
    stop: threading.Event,
    workers: int,
) -> list[Answer | MpmOpsError]:
    """Do `one` for all; when the wait for them is broken off, `stop` is set and no thread is left behind."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="mpm_ops")
    try:
        return list(pool.map(one, readers))
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _summary(failed: Sequence[tuple[str, MpmOpsError]], total: int) -> MpmOpsError:
    first = failed[0][1]
    if len(failed) == total and len({str(error) for _, error in failed}) == 1:
        first.company = "" if total > 1 else first.company
        return first
    named = _few([f"{name}: {error}" for name, error in failed])
    return FleetFailed(f"{len(failed)} of {total} companies did not answer: {named}", hint=first.hint)


def _few(named: Sequence[str]) -> str:
    more = f"; and {len(named) - 5} more" if len(named) > 5 else ""
    return f"{'; '.join(named[:5])}{more}"
