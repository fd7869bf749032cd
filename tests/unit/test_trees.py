"""A migration tree on disk: heads, new files, and what a broken one says. No server is needed."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mpm_ops.errors import AlreadyExists, InvalidInput, RevisionError, UnknownState
from mpm_ops.schema.folders import Folders
from mpm_ops.schema.plan import Step
from mpm_ops.schema.trees import Tree
from mpm_ops.shipped import shipped

REVISION = '''"""{name}"""
import sqlalchemy as sa
from alembic import op
revision = "{id}"
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}
def upgrade() -> None:
    {up}
def downgrade() -> None:
    {down_sql}
'''


def write(
    folder: Path,
    id: str,  # noqa: A002 Alembic's word for it
    down: str | None,
    *,
    up: str = "pass",
    down_sql: str = "pass",
    labels: tuple[str, ...] | None = None,
    depends: str | None = None,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"2026_12_01_0000_{id}.py"
    text = REVISION.format(name=id, id=id, down=down, labels=labels, depends=depends, up=up, down_sql=down_sql)
    path.write_text(text)
    return path


def tenant_tree(own: Path) -> Tree:
    return Tree(shipped("tenant_migrations"), own=own)


def bare(folder: Path) -> Path:
    """Make the folder of a tree that has no revision yet, and return it."""
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (folder / name).write_text((shipped("tenant_migrations") / name).read_text())
    return folder


def rendered(own: Path, revision: str) -> Step:
    return next(step for step in tenant_tree(own).upgrade_plan(()).steps if step.revision == revision)


def test_the_shipped_tree_has_one_head_and_begins_with_the_core_branch(tmp_path: Path) -> None:
    tree = tenant_tree(tmp_path)
    assert len(tree.heads()) == 1
    assert {revision.branch for revision in tree.revisions_for(())} == {"core"}
    assert tree.pending(tree.heads()) == []


def test_a_plan_is_rendered_once_and_ends_at_the_heads(tmp_path: Path) -> None:
    tree = tenant_tree(tmp_path)
    plan = tree.upgrade_plan(())
    assert plan is tree.upgrade_plan(())
    assert plan.after == tree.heads()
    assert [step.revision for step in plan.steps] == [revision.id for revision in tree.revisions_for(())]
    assert plan.steps[0].creates


def test_own_revisions_stand_on_the_shipped_ones(tmp_path: Path) -> None:
    tree = tenant_tree(tmp_path / "own")
    core = tree.heads()
    first = tree.new_revision("add phase", own=True)
    second = tree.new_revision("add colour", own=True)
    assert Path(first.path).parent == tmp_path / "own"
    assert second.down == (first.id,)
    # Alembic keeps only effective heads: the own head stands for the core head that it depends on.
    assert tree.heads() == (second.id,)
    assert [step.revision for step in tree.upgrade_plan(core).steps] == [first.id, second.id]
    assert tree.downgrade_plan((second.id,), [second.id, first.id]).after == core


def test_an_own_branch_does_not_stop_the_core_from_growing(tmp_path: Path) -> None:
    own, shipped_later = tmp_path / "own", tmp_path / "tree"
    (shipped_later / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (shipped_later / name).write_text((shipped("tenant_migrations") / name).read_text())
    write(shipped_later / "versions", "c1", None, labels=("core",))
    write(own, "o1", None, labels=("own",), depends="c1")
    assert Tree(shipped_later, own=own).heads() == ("o1",)
    write(shipped_later / "versions", "c2", "c1")
    grown = Tree(shipped_later, own=own)
    assert grown.heads() == ("c2", "o1")
    assert grown.upgrade_plan(("o1",)).after == ("c2", "o1")
    assert grown.upgrade_plan(("c1",)).after == ("c2", "o1")


def test_two_heads_on_one_branch_are_refused(tmp_path: Path) -> None:
    tree = tenant_tree(tmp_path)
    head = tree.heads()[0]
    write(tmp_path, "aaa", head)
    write(tmp_path, "bbb", head)
    with pytest.raises(RevisionError, match="two heads") as caught:
        tenant_tree(tmp_path).upgrade_plan(())
    assert "down_revision" in caught.value.hint


def test_a_file_that_does_not_compile_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "aaa", None).write_text("def upgrade(:\n")
    with pytest.raises(RevisionError, match=r"2026_12_01_0000_aaa\.py, line 1"):
        tenant_tree(tmp_path).heads()


def test_a_file_that_raises_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "aaa", None, labels=("own",), up="1 / 0")
    with pytest.raises(RevisionError, match=r"2026_12_01_0000_aaa\.py, line 9: ZeroDivisionError"):
        tenant_tree(tmp_path).upgrade_plan(())


def test_a_revision_that_reads_rows_is_refused_with_a_hint(tmp_path: Path) -> None:
    up = "op.get_bind().execute(sa.text('SELECT 1')).scalar()"
    write(tmp_path, "aaa", None, labels=("own",), up=up)
    with pytest.raises(RevisionError) as caught:
        tenant_tree(tmp_path).upgrade_plan(())
    assert "live = True" in caught.value.hint


def test_an_unknown_state_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UnknownState, match="deadbeef"):
        tenant_tree(tmp_path).pending(("deadbeef",))


def test_statements_outside_a_transaction_are_parts_of_their_own(tmp_path: Path) -> None:
    up = (
        "op.execute('SELECT 1')\n"
        "    with op.get_context().autocommit_block():\n"
        "        op.execute('CREATE INDEX CONCURRENTLY i ON people (name)')"
    )
    write(tmp_path, "aaa", None, labels=("own",), up=up)
    step = rendered(tmp_path, "aaa")
    assert [part.transactional for part in step.parts] == [True, False, True]
    assert "CONCURRENTLY" in step.parts[1].statements[0]
    assert "alembic_version" in step.parts[2].statements[0]


def test_percent_signs_and_colons_reach_the_server_as_written(tmp_path: Path) -> None:
    write(tmp_path, "aaa", None, labels=("own",), up="op.execute(\"SELECT '100%' LIKE '%0\\\\%'\")")
    text = rendered(tmp_path, "aaa").sql
    assert "SELECT '100%' LIKE '%0\\%'" in text


@pytest.mark.parametrize("name", ["", "../../etc/passwd", 'a"""\nimport os', "x" * 81, "naïve", "a\0b", "-x", "a;b"])
def test_a_hostile_migration_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        tenant_tree(tmp_path / "own").new_revision(name, own=True)


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    tree = tenant_tree(tmp_path)
    tree.new_revision("add phase", own=True)
    with pytest.raises(AlreadyExists, match="add_phase"):
        tree.new_revision("Add-Phase", own=True)


@hypothesis_settings(deadline=None)
@given(name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_ -]{0,79}", fullmatch=True))
def test_any_accepted_name_makes_a_file_that_compiles(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = bare(tmp_path_factory.mktemp("site") / "tree")
    write(folder / "versions", "c1", None, labels=("core",))
    made = Tree(folder, own=folder.with_name("own")).new_revision(name, own=True)
    compile(Path(made.path).read_text(), made.path, "exec")


def test_a_revision_mended_within_the_second_in_as_many_letters_is_read_anew(tmp_path: Path) -> None:
    for up in ("op.execute('ALTER TABEL x')", "op.execute('ALTER TABLE x')"):
        path = write(tmp_path, "aa", None, up=up)
        os.utime(path, (1_800_000_000, 1_800_000_000))
        step = rendered(tmp_path, "aa")
        assert f"{up[12:-2]};" in [statement for part in step.parts for statement in part.statements]


def test_the_same_statements_from_another_state_are_another_plan(tmp_path: Path) -> None:
    plan = tenant_tree(tmp_path).upgrade_plan(())
    assert plan.hash != dataclasses.replace(plan, before=("another",)).hash
    elsewhere = Folders(shipped=Path("a"), own=Path("b"))
    assert plan.hash == dataclasses.replace(plan, folders=elsewhere).hash
