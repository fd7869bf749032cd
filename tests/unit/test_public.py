"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import mpm_ops


def test_public_names() -> None:
    assert mpm_ops.__all__ == [
        "Company",
        "CompanyReader",
        "CompanyState",
        "FleetReport",
        "Hooks",
        "MpmOpsError",
        "Ops",
        "Outcome",
        "Plugin",
        "Policy",
        "Result",
        "Revision",
        "Session",
        "Settings",
        "Status",
        "Truncated",
        "Unanswered",
        "connect",
        "login",
    ]
    assert all(hasattr(mpm_ops, name) for name in mpm_ops.__all__)
    assert dir(mpm_ops) == mpm_ops.__all__ == list(mpm_ops._PLACES)
    assert not hasattr(mpm_ops, "nothing")


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, mpm_ops, mpm_ops.cli;"
        "heavy = {'pandas', 'pyarrow', 'prefect', 'alembic', 'IPython'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
