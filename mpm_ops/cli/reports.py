"""The report of a run, printed or written to a file."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path

import typer

from mpm_ops import reports
from mpm_ops.atomic import replacing
from mpm_ops.cli.output import end_as
from mpm_ops.harmless import harmless_json
from mpm_ops.records import FleetReport, FleetStatus


class Report(StrEnum):
    """The forms of a report."""

    HTML = "html"
    JSON = "json"
    MD = "md"


def put_report(found: FleetReport, status: FleetStatus | None, *, form: Report, output: Path | None) -> None:
    """Print a report, or write it to a file, which is there once it is whole; end with the exit code of the run."""
    text = _text(found, status, form)
    if output is None:
        typer.echo(text, nl=False)
    else:
        with replacing(output) as part:
            part.write_text(text, encoding="utf-8")
    end_as(found)


def _text(found: FleetReport, status: FleetStatus | None, form: Report) -> str:
    match form:
        case Report.HTML:
            return reports.html(found, status)
        case Report.MD:
            return reports.markdown(found, status)
        case Report.JSON:
            return harmless_json(json.dumps(reports.as_json(found, status), ensure_ascii=False, indent=2)) + "\n"
