"""One question to many companies, into one frame with a column `company`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mpm_ops.analysis.caps import cut_after
from mpm_ops.analysis.guard import Limits
from mpm_ops.analysis.params import Params
from mpm_ops.analysis.progress import progress
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.analysis.result import Found, Result, few, unanswered
from mpm_ops.errors import FleetFailed, MpmOpsError
from mpm_ops.records import Question, counted

if TYPE_CHECKING:
    import pyarrow as pa

    from mpm_ops.analysis.stream import Gathered, Numeric

T = TypeVar("T")


def result(
    readers: Sequence[CompanyReader],
    sql: str,
    *,
    params: Params,
    limits: Limits,
    numeric: Numeric,
    workers: int,
    collect: bool,
    stop: threading.Event | None,
    on_answer: Callable[[], None] | None,
) -> Result:
    """Return the answers of all companies to one question: see `ask`."""

    def answered() -> Found:
        with progress(len(readers), "companies") as step:
            return ask(
                readers,
                sql,
                params=params,
                limits=limits,
                numeric=numeric,
                workers=workers,
                collect=collect,
                stop=stop,
                on_answer=on_answer or (lambda: step(1)),
            )

    def save(path: Path, whole: pa.Table | None) -> int:
        from mpm_ops.analysis import export

        return export.to_parquet(path, readers, sql, params=params, numeric=numeric, whole=whole, stop=stop, label=True)

    return Result(sql, of=counted(len(readers), "company"), ask=answered, save=save)


def ask(
    readers: Sequence[CompanyReader],
    sql: str,
    *,
    params: Params,
    limits: Limits,
    numeric: Numeric,
    workers: int,
    collect: bool,
    stop: threading.Event | None,
    on_answer: Callable[[], None],
) -> Found:
    """Ask every company and stack the answers; `limits` hold for each company.

    Ctrl-C and `stop` cancel on the server what is being asked, and ask no more. `on_answer` is called, in whatever
    thread, whenever a company has answered or failed.

    Raises FleetFailed that names every company which did not answer, unless told to `collect` their errors; when all
    refused the statement in the same words, that one QueryError.
    """
    from mpm_ops.analysis import frames  # loads pandas and pyarrow, as in reader.py

    stop = stop or threading.Event()
    noted: list[Question] = []
    began, timings = time.monotonic(), dict[str, float]()

    def one(reader: CompanyReader) -> Gathered | MpmOpsError:
        started = time.monotonic()
        try:
            return reader.gather(noted, sql, params=params, limits=limits, numeric=numeric, keep=False, stop=stop)
        except MpmOpsError as exc:
            return exc
        finally:
            timings[reader.name] = time.monotonic() - started
            on_answer()

    try:
        results = list(zip(readers, each(one, readers, stop, workers), strict=True))
    finally:
        for reader in readers[:1]:
            reader.journal.write(noted)
    failed = {reader.name: found for reader, found in results if isinstance(found, MpmOpsError)}
    if failed and not collect:
        raise summary(failed, len(readers))
    answers = [(reader.name, found) for reader, found in results if not isinstance(found, MpmOpsError)]
    table, lacking = frames.together([(name, answer.table) for name, answer in answers])
    return Found(
        table=table,
        seconds=time.monotonic() - began,
        cut=min((answer.cut for _, answer in answers if answer.cut), default=None),
        cuts={name: cut_after(answer) for name, answer in answers if answer.cut},
        errors=failed,
        timings=timings,
        notes=[f"no {column} in {few(names)}" for column, names in lacking.items()],
    )


def each(
    one: Callable[[CompanyReader], T], readers: Sequence[CompanyReader], stop: threading.Event, workers: int
) -> list[T]:
    """Do `one` for all; when the wait for them is broken off, `stop` is set and no thread is left behind."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="mpm_ops")
    try:
        return list(pool.map(one, readers))
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def summary(failed: Mapping[str, MpmOpsError], total: int) -> MpmOpsError:
    """Return the one error for all companies that did not answer; theirs, when all say the same."""
    first = next(iter(failed.values()))
    if len(failed) == total and len({str(error) for error in failed.values()}) == 1:
        first.company = "" if total > 1 else first.company
        return first
    return FleetFailed(unanswered(failed, total), hint=first.hint)
