"""The notebooks run from top to bottom on the demo's companies, and define no functions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from mpm_ops import Ops, Settings
from mpm_ops.cli.demo import _registration
from mpm_ops.demo.profiles import PROFILES
from tests.integration.test_register import environment

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
pytestmark = pytest.mark.filterwarnings("default")  # Jupyter's own


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, ops: Ops, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(settings).items():
        if name.startswith("MPM_OPS_"):
            monkeypatch.setenv(name, value)
    for profile in PROFILES[:2]:
        ops.fill_demo(ops.register(**_registration(profile)), profile, until=dt.date(2026, 11, 23))
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    assert not any("def " in cell.source for cell in notebook.cells if cell.cell_type == "code")
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert len(shown) == sum(cell.cell_type == "code" for cell in notebook.cells) - 1  # the last one closes
