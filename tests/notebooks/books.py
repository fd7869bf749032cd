"""Running notebooks as a reader does, and writing them so that two runs differ in what matters only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

#: It has no types.
typeless: Any = nbformat
#: A part of a notebook.
Node = Any

FOLDER = Path(__file__).parents[2] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
#: What is written in a widget's place: it lives as long as its kernel.
WIDGET_TEXT = "A widget: run this cell to use it."
#: A cell of this tag shows times, which no two runs have in common: it keeps the outputs that are committed.
TIMED = "timed"

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
#: What differs from run to run: seconds, times of day, and pseudonyms, which a company's own key makes.
_VARIES = re.compile(r"\d+\.\d+ s\b|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*|\b[0-9a-f]{16}\b")


def read(path: Path) -> Node:
    return typeless.read(path, as_version=4)


def write(notebook: Node, path: Path) -> None:
    typeless.validate(notebook)
    typeless.write(notebook, path)


def run(notebook: Node, *, environment: Mapping[str, str], folder: Path) -> Node:
    """Run all cells, from top to bottom, in a kernel of its own that lives in `folder`; return the notebook, normal."""
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        # It warns that what is said on this machine's loopback is not encrypted.
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env=dict(environment))
    return normal(notebook)


def normal(notebook: Node) -> Node:
    """Return the notebook as after a run from top to bottom: counted from one, without ids and times of that run."""
    notebook.metadata = typeless.from_dict(_METADATA)
    number = 0
    for index, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        cell.id, cell.metadata = f"cell-{index:02d}", typeless.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            number += 1
            cell.execution_count = number
            cell.outputs = _joined([output for output in cell.outputs if not _is_passing(output)])
            for output in cell.outputs:
                _settle(output, number)
    return notebook


def _joined(outputs: list[Node]) -> list[Node]:
    """Return the outputs with what was printed bit by bit in one piece."""
    joined: list[Node] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def _is_passing(output: Node) -> bool:
    """Whether it is a progress bar, which a slow machine has and a fast one has not."""
    data = output.get("data", {})
    return bool((WIDGET in data and output.output_type == "display_data") or output.get("name") == "stderr")


def _settle(output: Node, number: int) -> None:
    if "execution_count" in output:
        output.execution_count = number
    if "data" in output:
        output.metadata = typeless.NotebookNode()
        if WIDGET in output.data:
            output.data = typeless.NotebookNode({"text/plain": WIDGET_TEXT})


def keep(old: Node, new: Node) -> Node:
    """Return the new notebook, in which cells have their old outputs where those differ in nothing that matters."""
    before = {cell.source: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        same = before.get(cell.source) if cell.cell_type == "code" else None
        if same is not None and _alike(same, cell):
            cell.outputs = [_counted(output, cell.execution_count) for output in same.outputs]
    return new


def _counted(output: Node, number: int) -> Node:
    if "execution_count" in output:
        output.execution_count = number
    return output


def _alike(old: Node, new: Node) -> bool:
    if TIMED in new.metadata.get("tags", []):
        return shapes(old) == shapes(new)
    return [*map(_told, old.outputs)] == [*map(_told, new.outputs)]


def _told(output: Node) -> dict[str, str]:
    """Return what an output says, by its kind; without what varies."""
    said: dict[str, Any] = dict(output.get("data", {})) or {output.output_type: output.get("text", "")}
    return {kind: _VARIES.sub("…", str(text)) for kind, text in said.items()}


def shapes(cell: Node) -> list[dict[str, object]]:
    """Return the kinds of each output of a cell, with the columns and the number of rows of a table."""
    return [dict(_shape(output)) for output in cell.outputs]


def _shape(output: Node) -> Iterator[tuple[str, object]]:
    for kind, text in output.get("data", {}).items():
        yield kind, None
        if kind == "text/html":
            yield "columns", re.findall(r"<th[^>]*>([^<]+)</th>", text.partition("</thead>")[0])
            yield "rows", text.count("<tr") - 1
    if output.output_type == "stream":
        yield str(output.name), None
