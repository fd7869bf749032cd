"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
        "PluginManifest",
        "Policy",
        "Result",
        "Revision",
        "RunMember",
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


HEAVY = {
    *("pandas", "pyarrow", "numpy", "matplotlib", "prefect", "alembic", "IPython", "ipywidgets", "ipykernel"),
    *("dask", "duckdb"),
}


@pytest.mark.parametrize(
    ("statement", "besides"),
    [
        ("import mpm_ops", {"sqlalchemy", "psycopg", "pydantic", "rich"}),
        ("import mpm_ops; [getattr(mpm_ops, name) for name in mpm_ops.__all__]", {"rich"}),
        (
            "import sys; sys.argv[1:] = ['--help']; from mpm_ops.cli import main; main()",
            {"psycopg", "pydantic", "rich"},
        ),
    ],
    ids=["import", "names", "help"],
)
def test_importing_loads_nothing_heavy(statement: str, besides: set[str]) -> None:
    code = f"""
import sys
try:
    exec({statement!r})
except SystemExit:
    pass
sys.stderr.write(" ".join({HEAVY | besides!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
