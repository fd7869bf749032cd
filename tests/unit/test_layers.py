"""The layers of the house (CONTRIBUTING.md): imports point down, and nobody but flows/ knows Prefect."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import mpm_ops

PACKAGE = Path(mpm_ops.__file__).parent

#: From the ground up; a layer may import those before it, and itself.
LAYERS = [
    ["harmless"],
    ["errors"],
    ["settings", "records", "shipped", "atomic"],
    ["pictures", "reports"],
    ["postgres"],
    ["central", "tenant"],
    ["schema"],
    ["fleet"],
    ["companies", "demo"],
    ["figures"],
    ["analysis"],
    ["lake"],
    ["notebook"],
    ["ops"],
    ["__init__"],
    ["cli"],
    ["__main__"],
]
#: Siblings within a layer that may import each other.
ALLOWED_SIBLINGS = {("settings", "errors"), ("settings", "records"), ("shipped", "errors")}
#: Who may import what is heavy or drives something outside.
ONLY = {
    "alembic": {"schema"},
    "prefect": set[str](),
    "IPython": {"notebook"},
    "ipywidgets": {"notebook"},
    "traitlets": {"notebook"},
    "pandas": {"analysis", "notebook", "ops", "cli", "pictures"},
    "matplotlib": {"pictures", "analysis"},  # there the type of what Result.plot returns
    "tqdm": {"analysis"},
    "duckdb": set[str](),
    "dask": set[str](),
    "papermill": {"notebook"},
    "nbclient": {"notebook"},
    "nbconvert": {"notebook"},
    "typer": {"cli"},
    "rich": {"cli"},
}


def rank(part: str) -> int:
    return next(index for index, layer in enumerate(LAYERS) if part in layer)


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "mpm_ops":
        return None
    if len(parts) == 1:
        return "__init__"
    known = {name for layer in LAYERS for name in layer}
    return parts[1] if parts[1] in known else "__init__"


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_shipped" not in path.parts)


def test_every_module_has_a_layer() -> None:
    known = {name for layer in LAYERS for name in layer}
    assert {part_of(path) for path in modules()} <= known


def test_imports_point_down() -> None:
    upward = []
    for path in modules():
        here = part_of(path)
        for module in imports(path):
            there = ours(module)
            # `from mpm_ops import x` names a layer as well as the package.
            if (
                there is None
                or there == here
                or (there == "__init__" and module == "mpm_ops" and here not in {"cli", "__main__"})
            ):
                continue
            if rank(there) >= rank(here) and (here, there) not in ALLOWED_SIBLINGS:
                upward.append(f"{path.relative_to(PACKAGE)} imports {module}")
    assert not upward


def test_no_circles_between_modules() -> None:
    graph = {}
    names = {".".join(("mpm_ops", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in modules()}
    for name, path in names.items():
        graph[name] = {module for module in imports(path) if module in names and module != name}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for found in graph[name]:
                visit(found, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_heavy_libraries_stay_in_their_place() -> None:
    strayed = [
        f"{path.relative_to(PACKAGE)} imports {library}"
        for path in modules()
        for library, places in ONLY.items()
        if any(module.split(".")[0] == library for module in imports(path)) and part_of(path) not in places
    ]
    assert not strayed


def test_only_the_command_line_prints() -> None:
    printing = [
        str(path.relative_to(PACKAGE))
        for path in modules()
        if part_of(path) != "cli"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing


#: What a flow may know of us: what anybody may who uses the package, and the terminal to print on.
FOR_FLOWS = {
    "mpm_ops",
    "mpm_ops.cli.terminal",
    "mpm_ops.errors",
    "mpm_ops.harmless",
    "mpm_ops.records",
    "mpm_ops.reports",
}


def test_flows_use_the_public_names_only() -> None:
    for path in sorted((PACKAGE.parent / "flows").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            found = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            found += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            strangers = {one for one in found if one.split(".")[0] == "mpm_ops"} - FOR_FLOWS
            assert not strangers, f"{path.name} knows {strangers}"
            assert not {"sqlalchemy", "psycopg", "alembic"} & {one.split(".")[0] for one in found}, path.name
