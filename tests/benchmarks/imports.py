"""What it costs to load us, against what we stand on."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.comparison import AtMost, Comparison, milliseconds

TURNS = 15
_BASE = "import sqlalchemy, psycopg, pydantic_settings"


def compare() -> Iterator[Comparison]:
    """Medians of whole processes, taking turns."""
    python = [sys.executable, "-c"]
    commands = {
        "import": [*python, "import mpm_ops"],
        "connect": [*python, "from mpm_ops import connect"],
        "base": [*python, _BASE],
        "help": [str(Path(sys.executable).with_name("mpm-ops")), "--help"],
        "typer": [*python, "import typer"],
    }
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(TURNS):
        for name, command in commands.items():
            took[name].append(milliseconds(partial(subprocess.run, command, check=True, capture_output=True)))
    median = {name: statistics.median(times) for name, times in took.items()}
    base = partial(Comparison, against=f"`{_BASE}`", other=median["base"])
    yield base(what="`import mpm_ops`", ours=median["import"], target=AtMost(1.2))
    yield base(what="`from mpm_ops import connect`, which loads the house", ours=median["connect"], target=AtMost())
    against = "`import typer`"
    yield Comparison(
        what="`mpm-ops --help`", against=against, ours=median["help"], other=median["typer"], target=AtMost(3)
    )
