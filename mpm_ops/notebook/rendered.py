"""A notebook as a company's report: run with parameters in a kernel of its own, kept as a page and Parquet files."""

from __future__ import annotations

import asyncio
import atexit
import os
import tempfile
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpm_ops.errors import NotebookFailed, UsageError
from mpm_ops.records import Company
from mpm_ops.reports.escaping import line
from mpm_ops.reports.style import page
from mpm_ops.settings import Settings
from mpm_ops.shipped import shipped

#: What is run, and its title.
_NOTEBOOK, _TITLE = "04_revenue_report.ipynb", "Company report"
#: A cell of this tag is about the notebook, and no part of what it reports.
_HOW_TO = "how-to"
#: What a page shows of an output, the richest first; widgets and scripts live as long as their kernel.
_SHOWN = ("text/html", "image/png", "text/plain")
#: Characters of an error that are told.
_TOLD = 500


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """The report of a company, as files."""

    company_id: int
    company: str
    page: Path
    tables: Sequence[Path]
    #: Seconds from the start of the kernel to the last file.
    seconds: float


def render(
    settings: Settings,
    company: Company,
    folder: Path,
    *,
    first_month: str = "",
    last_month: str = "",
    cell_seconds: int = 600,
) -> Rendered:
    """Write `folder/ID.html` and `folder/ID-TABLE.parquet` for a company; the page last, when the tables are there.

    The notebook's questions mask personal data. Nothing of its code, its parameters or this machine is in the page.
    Raises NotebookFailed when a cell fails or takes longer than `cell_seconds`, UsageError when the notebook's
    libraries are not installed or a file cannot be written; the files are those of before then.
    """
    began = time.monotonic()
    # Text and numbers only: a place or a connection string is nobody's parameter.
    parameters = {
        "company": company.id,
        "first_month": first_month,
        "last_month": last_month,
        "save_tables": True,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the files, so that each takes its name in one step.
        with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as made:
            ran = _run(_parameterized(parameters), Path(made), settings, cell_seconds, company.name)
            whole = Path(made) / "page.html"
            whole.write_text(page(f"{company.name}: {_TITLE}", _body(ran)), encoding="utf-8")
            tables = [_moved(one, folder, f"{company.id}-{one.name}") for one in sorted(Path(made).glob("*.parquet"))]
            shown = _moved(whole, folder, f"{company.id}.html")
    except OSError as exc:
        raise UsageError(f"{folder} cannot be written: {exc.strerror or exc}", company=company.name) from exc
    seconds = time.monotonic() - began
    return Rendered(company_id=company.id, company=company.name, page=shown, tables=tables, seconds=seconds)


def _moved(made: Path, folder: Path, name: str) -> Path:
    return made.replace(folder / name)


def _parameterized(parameters: Mapping[str, object]) -> Any:
    """Return the notebook with its parameters. Raises UsageError where papermill is not installed."""
    try:
        from papermill.iorw import load_notebook_node
        from papermill.parameterize import parameterize_notebook
    except ImportError as exc:
        raise UsageError("papermill is not installed", hint="pip install 'mpm-ops[notebook]'") from exc
    return parameterize_notebook(load_notebook_node(str(shipped("notebooks") / _NOTEBOOK)), dict(parameters))


def _run(notebook: Any, folder: Path, settings: Settings, cell_seconds: int, company: str) -> Any:
    """Run a notebook in a folder, on the installation of these settings, which its kernel's environment describes.

    By nbclient, as papermill would: that has no place for an environment. Raises NotebookFailed.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    ours = {name: value for name, value in os.environ.items() if not name.startswith("MPM_OPS_")}
    client = NotebookClient(
        notebook,
        timeout=cell_seconds,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        # It warns that what is said on this machine's loopback is not encrypted.
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        return _waited_for(client.async_execute(env=ours | settings.environment()))
    except CellTimeoutError as exc:
        raise NotebookFailed(f"a cell takes longer than {cell_seconds} s", company=company) from exc
    except CellExecutionError as exc:
        raise NotebookFailed(line(f"{exc.ename}: {exc.evalue}")[:_TOLD], company=company) from exc
    except RuntimeError as exc:  # nbclient's and jupyter_client's
        atexit.unregister(client._cleanup_kernel)  # left behind by nbclient, to stumble over when Python ends
        hint = "Is ipykernel installed, and is there memory?"
        raise NotebookFailed("its kernel did not start, or died", hint=hint, company=company) from exc


def _waited_for(running: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns, run on an event loop of its own, which is closed at the end."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(running)
    # In a notebook this thread's loop is the kernel's.
    with ThreadPoolExecutor(1, "mpm_ops") as pool:
        return pool.submit(asyncio.run, running).result()


def _body(notebook: Any) -> str:
    """Return what a notebook shows as HTML: its texts and outputs, without code and warnings.

    Values are escaped by what makes tables of them; nbconvert's own cleaning would take tables apart. Nothing that ran
    nevertheless would be let do so by the policy of the page.
    """
    from nbconvert.exporters import HTMLExporter

    cells = [cell for cell in notebook.cells if _HOW_TO not in cell.metadata.get("tags", [])]
    heading = _TITLE
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs = [one for one in map(_shown, cell.outputs) if one is not None]
            cell.metadata["alt"] = f"Chart: {heading}"
        elif cell.source.startswith("#"):
            heading = cell.source.splitlines()[0].strip("# ")
    notebook.cells = cells
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(notebook)
    return str(body)


def _shown(output: Any) -> Any | None:
    """Return an output as a page shows it; None when it is not part of the report, as a warning is."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    kind = next((kind for kind in _SHOWN if kind in output.get("data", {})), None)
    if kind is None:
        return None
    output.data = {kind: output.data[kind]}
    return output
