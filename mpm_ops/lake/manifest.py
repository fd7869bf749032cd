"""The manifest of one table of one company: which files there are, of which rows, and how those were read."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from mpm_ops.atomic import replacing
from mpm_ops.harmless import harmless_json
from mpm_ops.lake import layout
from mpm_ops.lake.months import Mark, Month, in_order

#: Goes up when an older export could not tell what a manifest says; files of another format are written anew.
FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class Revision:
    """Where migrations have brought a database: each changes rows, and leaves updated_at."""

    heads: tuple[str, ...]
    #: The last run that moved the company: after a rollback and the same migration again, the heads are the same.
    #: 0 when the ledger knows none.
    run: int


@dataclass(frozen=True, kw_only=True)
class Basis:
    """How rows were read: what was read otherwise cannot be compared, nor lie beside it."""

    query: str
    #: Whether that is a table of the name; else somebody gave the query.
    is_table: bool
    personal_data: bool
    masks: str
    #: Arrow's types by column.
    columns: Mapping[str, str]
    #: Whether rows are told apart by id and updated_at; else by all that they hold.
    by_stamp: bool
    #: None where the login may not know it.
    revision: Revision | None

    def shows_as(self, other: Basis) -> bool:
        """Whether another one shows the same of a row: names masked or not, the same columns of the same rows."""
        return (self.query, self.personal_data, self.masks) == (other.query, other.personal_data, other.masks)

    def compares_with(self, other: Basis) -> bool:
        """Whether marks of the two that are equal mean equal rows."""
        alike = self.columns == other.columns and list(self.columns) == list(other.columns)
        same_revision = not self.by_stamp or self.revision == other.revision
        return self.shows_as(other) and alike and self.by_stamp == other.by_stamp and same_revision


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of rows, as it was written."""

    #: Beside the manifest.
    path: str
    mark: Mark
    bytes: int
    sha256: str
    #: The newest updated_at in it; None when it has none.
    updated_at: str | None
    #: Whether that was a moment ago when it was read: a row may change again and keep a stamp of whole seconds, so the
    #: mark is not trusted. As git does it.
    fresh: bool
    #: Moments that it cannot hold, infinity for one, and that are NULL in it.
    beyond: int


@dataclass(kw_only=True)
class Manifest:
    """What an export knows of a table of a company; it is written anew whenever a file has come or gone."""

    basis: Basis
    company_id: int
    company: str
    table: str
    #: The columns of all files together.
    schema: pa.Schema
    files: dict[Month, File] = field(default_factory=dict)
    #: Months that were being written: what is there may be newer than what `files` says.
    pending: set[Month] = field(default_factory=set)

    @property
    def marks(self) -> dict[Month, Mark]:
        """The marks of the months that are known to be there."""
        return {month: file.mark for month, file in self.files.items() if month not in self.pending}

    def write(self, path: Path) -> None:
        """Write it; whoever reads meanwhile has the one before or this one. Raises UsageError."""
        basis = asdict(self.basis)
        said = {
            "format": FORMAT,
            "company": {"id": self.company_id, "name": self.company},
            "table": self.table,
            "written_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            **basis,
            "rows": sum(file.mark.rows for file in self.files.values()),
            "files": [{"month": _text(month), **_plain(self.files[month])} for month in in_order(self.files)],
            "pending": [_text(month) for month in in_order(self.pending)],
            "arrow_schema": base64.b64encode(self.schema.serialize()).decode(),
        }
        with replacing(path) as part:
            part.touch(mode=0o600)
            part.write_text(harmless_json(json.dumps(said, ensure_ascii=False, indent=1)) + "\n", encoding="utf-8")


def read(path: Path) -> Manifest | None:
    """Return a manifest; None when there is none, or none of this format that can be understood."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            return None
        return _manifest(said)
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException):
        return None


def of_company(lake: Path, company_id: int) -> dict[str, Manifest | None]:
    """Return what the lake has of a company, by the name of its table or query; None where `read` returns that."""
    return {path.parent.parent.name: read(path) for path in layout.manifests(lake, company_id=company_id)}


def _manifest(said: Mapping[str, Any]) -> Manifest:
    names = ("query", "is_table", "personal_data", "masks", "columns", "by_stamp")
    at = said["revision"]
    revision = None if at is None else Revision(heads=tuple(at["heads"]), run=at["run"])
    return Manifest(
        basis=Basis(**{name: said[name] for name in names}, revision=revision),
        company_id=said["company"]["id"],
        company=said["company"]["name"],
        table=said["table"],
        files={_month(one["month"]): _file(one) for one in said["files"]},
        pending=set(map(_month, said["pending"])),
        schema=pa.ipc.read_schema(pa.py_buffer(base64.b64decode(said["arrow_schema"]))),
    )


def _file(said: Mapping[str, Any]) -> File:
    mark = Mark(rows=said["rows"], hashes=int(said["hashes"], 16))
    return File(
        mark=mark, **{name: said[name] for name in ("path", "bytes", "sha256", "updated_at", "fresh", "beyond")}
    )


def _plain(file: File) -> dict[str, Any]:
    """Return a file as JSON has it, where numbers of 64 bits are none that every reader takes whole."""
    return {
        "path": file.path,
        "rows": file.mark.rows,
        "hashes": f"{file.mark.hashes:016x}",
        "bytes": file.bytes,
        "sha256": file.sha256,
        "updated_at": file.updated_at,
        "fresh": file.fresh,
        "beyond": file.beyond,
    }


def _text(month: Month) -> str | None:
    return None if month is None else month.isoformat()[:7]


def _month(text: str | None) -> Month:
    return None if text is None else dt.date.fromisoformat(f"{text}-01")
