"""A tree with branches of plugins: what is newest, pending and undone follows from a database's own state."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mpm_ops.errors import InvalidInput, MigrationError, RevisionError, UnknownState
from mpm_ops.schema.trees import Tree
from tests.unit.test_trees import bare, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree with two core revisions, and the plugins P (two revisions) and Q (one)."""
    folder = bare(tmp_path / "tree")
    write(folder / "versions", "c1", None, labels=("core",))
    write(folder / "versions", "c2", "c1")
    write(folder / "plugins" / "P", "p1", None, labels=("P",), depends="c2", up=table("p"), down_sql=drop("p"))
    write(folder / "plugins" / "P", "p2", "p1")
    write(folder / "plugins" / "Q", "q1", None, labels=("Q",), depends="c1", up=table("q"), down_sql=drop("q"))
    return folder


def table(name: str) -> str:
    return f"op.create_table('{name}', sa.Column('id', sa.BigInteger(), primary_key=True))"


def drop(name: str) -> str:
    return f"op.drop_table('{name}')"


@pytest.fixture
def tree(folder: Path, tmp_path: Path) -> Tree:
    return Tree(folder, own=tmp_path / "own")


def steps(tree: Tree, before: tuple[str, ...], *plugins: str) -> list[str]:
    return [step.revision for step in tree.upgrade_plan(before, plugins=plugins).steps]


def test_a_new_database_gets_no_plugin(tree: Tree) -> None:
    assert tree.heads() == ("c2",)
    assert steps(tree, ()) == ["c1", "c2"]
    assert tree.upgrade_plan(()).after == ("c2",)
    assert [revision.id for revision in tree.revisions_for(())] == ["c1", "c2"]


def test_a_database_without_the_plugin_is_current_whatever_heads_the_tree_has(tree: Tree) -> None:
    assert tree.pending(("c2",)) == []
    assert tree.upgrade_plan(("c2",)).steps == ()


def test_a_database_with_a_plugin_gets_that_plugins_revisions_only(tree: Tree) -> None:
    # Alembic keeps no row for c2, which p1 depends on.
    assert tree.plugins(("p1",)) == ["P"]
    assert tree.heads(("p1",)) == ("p2",)
    assert steps(tree, ("p1",)) == ["p2"]
    assert tree.upgrade_plan(("p1",)).after == ("p2",)
    assert tree.heads(("p1", "q1")) == ("p2", "q1")
    assert steps(tree, ("c2", "q1")) == []


def test_the_core_grows_under_every_set_of_plugins(folder: Path, tree: Tree) -> None:
    write(folder / "versions", "c3", "c2")
    grown = Tree(folder, own=folder / "own")
    assert grown.upgrade_plan(("p2",)).after == ("c3", "p2")
    assert grown.upgrade_plan(("p2", "q1")).after == ("c3", "p2", "q1")
    assert grown.upgrade_plan(("c2", "q1")).after == ("c3", "q1")
    assert grown.downgrade_plan(("c3", "p2", "q1"), ["c3"]).after == ("p2", "q1")


def test_own_revisions_go_to_everybody_and_stand_on_no_plugin(tree: Tree) -> None:
    made = tree.new_revision("add phase", own=True)
    assert made.down == ("c2",)
    assert tree.heads() == (made.id,)
    assert tree.upgrade_plan(("p2",)).after == tuple(sorted((made.id, "p2")))


def test_installing_brings_the_branch_and_what_it_stands_on_and_nothing_else(tree: Tree) -> None:
    assert [step.revision for step in tree.plugin_plan(("c1",), "Q").steps] == ["q1"]
    assert tree.plugin_plan(("c1",), "Q").after == ("q1",)
    assert [step.revision for step in tree.plugin_plan(("c1",), "P").steps] == ["c2", "p1", "p2"]
    assert tree.plugin_plan(("p2",), "P").steps == ()
    assert tree.plugin_plan(("c2",), "R").steps == ()


def test_uninstalling_leaves_the_core_and_the_other_plugins(tree: Tree) -> None:
    down = tree.without_plugin_plan(("p2", "q1"), "P")
    assert [(step.revision, step.direction) for step in down.steps] == [("p2", "downgrade"), ("p1", "downgrade")]
    assert down.after == ("c2", "q1")
    assert tree.without_plugin_plan(("p2",), "P").after == ("c2",)
    assert tree.without_plugin_plan(("c2",), "P").steps == ()


def test_what_a_plugin_stands_on_is_not_undone_under_it(tree: Tree) -> None:
    with pytest.raises(MigrationError, match="p1") as caught:
        tree.downgrade_plan(("p2",), ["c2"])
    assert not isinstance(caught.value, RevisionError)
    assert "uninstall" in caught.value.hint
    everything = [revision.id for revision in reversed(tree.applied(("p2", "q1")))]
    assert tree.downgrade_plan(("p2", "q1"), everything).after == ()


def test_a_plan_to_a_set_of_heads_ends_exactly_there(tree: Tree) -> None:
    for heads in ((), ("c1",), ("c1", "q1")[1:], ("p1",), ("c2", "q1"), ("p2", "q1")):
        assert tree.plan_to(heads).after == heads


def test_the_order_of_steps_is_that_of_the_files_whatever_the_order_of_folders(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    path = write(other, "a1", None, labels=("A",), depends="c2")
    path.rename(path.with_name("2026_11_01_0000_a1.py"))
    tree = Tree(folder, own=tmp_path / "own", plugins={"A": other})
    assert steps(tree, (), "P", "Q", "A") == ["c1", "c2", "a1", "p1", "p2", "q1"]


def test_a_rebuilt_database_is_as_a_new_one(tree: Tree) -> None:
    plan = tree.rebuild_plan(("p2", "q1"))
    assert plan.after == ("c2",)
    assert {step.revision for step in plan.steps} == {"c1", "c2", "p1", "p2", "q1"}


def test_a_plugin_of_another_package_is_a_branch_like_the_shipped_ones(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    write(other, "a1", None, labels=("Acme",), depends="c2")
    tree = Tree(folder, own=tmp_path / "own", plugins={"Acme": other})
    assert tree.heads() == ("c2",)
    assert tree.plugin_plan(("c2",), "Acme").after == ("a1",)
    with pytest.raises(UnknownState, match="a1") as caught:
        Tree(folder, own=tmp_path / "own").pending(("a1",))
    assert "plugin" in caught.value.hint


@pytest.mark.parametrize("labels", [None, ("Other",), ("R", "Other")])
def test_a_revision_in_a_plugins_folder_is_on_that_plugins_branch(
    folder: Path, tree: Tree, labels: tuple[str, ...] | None
) -> None:
    write(folder / "plugins" / "R", "r1", None, labels=labels, depends="c2")
    with pytest.raises(RevisionError, match="folder of the plugin R") as caught:
        Tree(folder, own=folder / "own").upgrade_plan(())
    assert "branch_labels" in caught.value.hint


def test_two_heads_on_a_plugins_branch_are_refused(folder: Path) -> None:
    write(folder / "plugins" / "P", "p3", "p1")
    with pytest.raises(RevisionError, match=r"two heads on the branch P: p2 and p3"):
        Tree(folder, own=folder / "own").heads()


def test_a_new_revision_of_a_plugin_goes_on_its_branch(folder: Path, tree: Tree) -> None:
    made = tree.new_revision("add colour", own=False, plugin="P")
    assert Path(made.path).parent == folder / "plugins" / "P"
    assert {revision.id: revision.branch for revision in tree.revisions()}[made.id] == "P"
    assert made.down == ("p2",)
    assert steps(tree, ("p2",)) == [made.id]
    assert steps(tree, ("c2",)) == []


def test_the_first_revision_of_a_plugin_begins_its_branch_on_the_core(folder: Path, tree: Tree) -> None:
    (folder / "plugins" / "New").mkdir()
    made = tree.new_revision("begin", own=False, plugin="New")
    assert (made.down, made.branch) == (("c2",), "New")
    assert {revision.id: revision.branch for revision in tree.revisions()}[made.id] == "New"
    assert tree.begins_plugin(made.id)
    assert not tree.begins_plugin("p2")
    assert tree.heads() == ("c2",)
    assert tree.plugin_plan(("c2",), "New").after == (made.id,)


def test_a_core_revision_is_made_beside_the_plugins(tree: Tree) -> None:
    assert tree.new_revision("more", own=False).down == ("c2",)


def test_a_name_that_a_revision_of_a_plugin_has_is_taken(tree: Tree) -> None:
    with pytest.raises(InvalidInput):
        tree.check_name("../p")


@pytest.fixture
def crossed(folder: Path, tmp_path: Path) -> Tree:
    """The tree with revisions that build on several others."""
    write(folder / "versions", "c3", "c2")
    write(folder / "plugins" / "P", "p3", "p2", depends="q1")
    write(folder / "plugins" / "Q", "q2", "q1", depends="c3")
    write(tmp_path / "own", "o1", None, labels=("own",), depends="c2")
    write(tmp_path / "own", "o2", "o1", depends="c3")
    return Tree(folder, own=tmp_path / "own")


_HASHES = """
import sys
from pathlib import Path
from mpm_ops.schema.trees import Tree
tree = Tree(Path(sys.argv[1]), own=Path(sys.argv[2]))
print(tree.upgrade_plan(("c3", "o1", "p2", "q1")).hash, tree.downgrade_plan(("o2", "p3"), ["o2"]).hash)
"""


def test_a_plan_has_the_same_hash_in_every_process(crossed: Tree) -> None:
    def hashes(seed: int) -> str:
        command = [sys.executable, "-c", _HASHES, str(crossed.folders.shipped), str(crossed.folders.own)]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    # Of these some would have Alembic take another row than the others.
    assert len({hashes(seed) for seed in (0, 4, 5, 9)}) == 1


def test_plans_that_are_put_together_are_those_that_alembic_renders(crossed: Tree) -> None:
    builds_on = {"c2": {"c1"}, "c3": {"c2"}, "p1": {"c2"}, "p2": {"p1"}, "p3": {"p2", "q1"}, "q1": {"c1"}}
    builds_on |= {"q2": {"q1", "c3"}, "o1": {"c2"}, "o2": {"o1", "c3"}}
    branches = [["c1", "c2", "c3"], ["p1", "p2", "p3"], ["q1", "q2"], ["o1", "o2"]]
    states = set()
    for lengths in itertools.product(*(range(len(branch) + 1) for branch in branches)):
        has = {one for branch, length in zip(branches, lengths, strict=True) for one in branch[:length]}
        if all(builds_on.get(one, set()) <= has for one in has):
            covered = set().union(*(builds_on.get(one, set()) for one in has))
            states.add(tuple(sorted(has - covered)))
    assert len(states) > 40
    hashes: dict[str, set[str]] = {}
    for state in sorted(states):
        alone = Tree(crossed.folders.shipped, own=crossed.folders.own)
        for plugins in ((), ("P",), ("Q", "P")):
            made = crossed.upgrade_plan(state, plugins=plugins)
            assert made == alone.upgrade_plan(state, plugins=plugins)
            assert made.after == alone.heads(state, plugins=plugins)
        for step in made.steps:
            hashes.setdefault(step.revision, set()).add(step.hash)
        last = [one.id for one in alone.applied(state)][::-1]
        for undone in [[head] for head in state] + [last]:
            assert crossed.downgrade_plan(state, undone) == alone.downgrade_plan(state, undone)
    # A revision is the same one wherever it is applied.
    assert {revision: len(found) for revision, found in hashes.items()} == dict.fromkeys(hashes, 1)
