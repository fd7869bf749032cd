"""Where a lake has what, in a layout that every reader of Parquet knows: `TABLE/company=12/month=2026-03/data.parquet`.

No path holds a company's name. What begins with `_` or `.` readers pass over.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mpm_ops.errors import Busy, UsageError
from mpm_ops.lake.months import Month

#: What a folder of a lake may be called: readers pass over `_x`, and some systems take X for x.
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
#: As Hive, and everybody after it, writes NULL.
_NULL = "__HIVE_DEFAULT_PARTITION__"
_DATA, _LOCK, _MANIFEST, _SCHEMA = "data.parquet", "_lock", "_manifest.json", "_common_metadata"


class Place:
    """The folder of one table, or of a query's rows, of one company."""

    def __init__(self, lake: Path, table: str, company_id: int) -> None:
        self.path = lake / table / f"company={company_id:d}"
        #: What the export knows of the files in it.
        self.manifest = self.path / _MANIFEST

    def file(self, month: Month, *, has_months: bool) -> Path:
        """Return where the rows of a month are."""
        level = [f"month={f'{month:%Y-%m}'.rjust(7, '0') if month else _NULL}"] if has_months else []
        return self.path.joinpath(*level, _DATA)

    def sweep(self) -> None:
        """Remove what killed exports have left."""
        for folder in (self.path, *self.path.glob("month=*")):
            sweep(folder)

    def files(self) -> set[Path]:
        """Return the files that readers take for rows, whoever put them there."""
        return set(self.path.rglob("*.parquet"))

    def keep_only(self, files: set[Path]) -> None:
        """Remove all other files of rows, and the folders that they leave empty."""
        for path in self.files() - files:
            path.unlink()
            if path.parent != self.path and not any(path.parent.iterdir()):
                path.parent.rmdir()

    def remove(self) -> None:
        """Remove the folder, what tells of its files last."""
        self.keep_only(set())
        if self.path.is_dir():
            shutil.rmtree(self.path)


def sweep(folder: Path) -> None:
    """Remove what killed exports have left in a folder."""
    for left in folder.glob(".*.part*"):
        left.unlink(missing_ok=True)


def manifests(lake: Path, *, table: str = "*", company_id: int | None = None) -> list[Path]:
    """Return the manifests that there are, of one table or all, of one company or all."""
    company = "[0-9]*" if company_id is None else f"{company_id:d}"
    return sorted(lake.glob(f"{table}/company={company}/{_MANIFEST}"))


def tables(lake: Path, company_ids: set[int]) -> set[str]:
    """Return the names of what the lake has of any of these companies."""
    return {path.parent.parent.name for path in manifests(lake) if _company(path) in company_ids}


def companies(lake: Path) -> set[int]:
    """Return the ids of the companies that the lake has something of."""
    return set(map(_company, manifests(lake)))


def _company(path: Path) -> int:
    return int(path.parent.name.removeprefix("company="))


def schema_file(lake: Path, table: str) -> Path:
    """Return where the columns of all companies together are told."""
    return lake / table / _SCHEMA


def private(folder: Path) -> Path:
    """Make a folder, and those above it, that nobody else can look into; one that is there stays as it is."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def writable(lake: Path) -> Iterator[None]:
    """Raise UsageError for what the system refuses of a lake's files in the block."""
    try:
        yield
    except OSError as exc:
        raise UsageError(f"{lake} cannot be written: {exc.strerror or exc}") from exc


@contextmanager
def locked(lake: Path) -> Iterator[None]:
    """Be the only one who writes into a lake, for a block. Raises Busy at once, UsageError for a folder that cannot be.

    The lock goes with the process, however that ends.
    """
    with writable(lake):
        number = os.open(private(lake) / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            holder = file.read(20)
            raise Busy(
                f"another export writes into {lake}: {f'process {holder}' if holder else 'its name is not known'}"
            ) from exc
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
