"""The wheel carries what a checkout has beside the package, so that an installed mpm-ops can migrate and deploy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, built in this process: no installer, no package index."""
    builder = WheelBuilder(str(CHECKOUT))
    return Path(next(builder.build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])))


@pytest.fixture(scope="module")
def names(wheel: Path) -> frozenset[str]:
    with ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


def in_checkout(folder: str, pattern: str = "**/*.py") -> list[str]:
    return sorted(path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / folder).glob(pattern))


@pytest.mark.parametrize("tree", ["migrations", "tenant_migrations"])
def test_the_wheel_carries_both_migration_trees(names: frozenset[str], tree: str) -> None:
    revisions = in_checkout(tree, "versions/**/*.py")
    assert revisions
    wanted = [*revisions, f"{tree}/env.py", f"{tree}/script.py.mako"]
    assert {f"mpm_ops/_shipped/{name}" for name in wanted} <= names


def test_the_wheel_carries_the_flows_and_their_deployments(names: frozenset[str]) -> None:
    flows = in_checkout("flows")
    assert flows
    wanted = [*flows, "prefect.yaml", "notebooks/04_revenue_report.ipynb"]
    assert {f"mpm_ops/_shipped/{name}" for name in wanted} <= names


def test_the_wheel_carries_every_module_and_the_typing_marker(names: frozenset[str]) -> None:
    assert {*in_checkout("mpm_ops"), "mpm_ops/py.typed"} <= names


def test_the_wheel_carries_every_file_of_sql(names: frozenset[str]) -> None:
    found = in_checkout("mpm_ops", "**/*.sql")
    assert "mpm_ops/figures/sql/revenue.sql" in found
    assert set(found) <= names


@pytest.mark.parametrize(
    "unwanted",
    [
        pytest.param(lambda name: name.startswith(("tests/", "notebooks/", ".ci/", ".venv/")), id="other folders"),
        pytest.param(lambda name: "__pycache__" in name or name.endswith(".pyc"), id="compiled modules"),
        pytest.param(lambda name: name.rpartition("/")[2].startswith(".env"), id="settings of this machine"),
    ],
)
def test_the_wheel_carries_nothing_else(names: frozenset[str], unwanted: Callable[[str], bool]) -> None:
    assert not list(filter(unwanted, names))


def test_the_wheel_installs_the_command(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        [entry_points] = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        assert "mpm-ops = mpm_ops.__main__:main" in archive.read(entry_points).decode()
