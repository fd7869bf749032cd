"""Where the files beside the package are: in a checkout next to it, in an installed wheel inside it."""

from __future__ import annotations

from pathlib import Path

from mpm_ops.errors import MpmOpsError


def shipped(name: str) -> Path:
    """Return the path of a top-level folder or file: migrations, tenant_migrations, flows, notebooks, prefect.yaml."""
    package = Path(__file__).parent
    for place in (package / "_shipped" / name, package.parent / name):
        if place.exists():
            return place
    raise MpmOpsError(f"{name} is not part of this installation", hint="Install mpm-ops again.")


def is_checkout() -> bool:
    """Whether the package runs from a checkout, whose trees may be written to."""
    return not (Path(__file__).parent / "_shipped").exists()
