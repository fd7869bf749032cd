"""Runs the notebooks anew, on an installation of their own, and writes their outputs into them: `make notebooks`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mpm_ops import Ops, Settings
from mpm_ops.postgres.embedded import EmbeddedServer
from tests.conftest import reachable_directory
from tests.notebooks import books
from tests.notebooks.scene import fill


def main(names: list[str]) -> None:
    """Run the notebooks of these names, or all of them."""
    # The defaults are what readers have, not what somebody's shell says.
    for name in [name for name in os.environ if name.startswith("MPM_OPS_")]:
        del os.environ[name]
    with reachable_directory() as home:
        os.environ["MPM_OPS_HOME"] = str(home)
        try:
            with Ops(Settings(home=home)) as ops:
                fill(ops)
            for path in sorted(books.FOLDER.glob("*.ipynb")):
                if not names or path.stem in names:
                    refresh(path, folder=home)
        finally:
            EmbeddedServer(home).stop()


def refresh(path: Path, *, folder: Path) -> None:
    """Run one notebook, and write it where something is new."""
    old, new = books.read(path), books.read(path)
    books.run(new, environment=os.environ, folder=folder)
    books.write(books.keep(old, new), path)
    sys.stdout.write(f"{path.name}: {len(new.cells)} cells\n")


if __name__ == "__main__":
    main(sys.argv[1:])
