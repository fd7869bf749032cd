"""Revision files that are read once for a process, and again when they were changed. No server is needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mpm_ops.errors import RevisionError
from mpm_ops.schema import kept
from mpm_ops.schema.trees import Tree
from mpm_ops.shipped import shipped
from tests.unit.test_trees import tenant_tree, write


@pytest.fixture
def own(tmp_path: Path) -> Path:
    write(tmp_path, "o1", None, up="op.execute('SELECT 1')", labels=("own",), depends=tenant_tree(tmp_path).heads()[0])
    return tmp_path


def sql(tree: Tree) -> str:
    return tree.upgrade_plan(()).steps[-1].sql


def test_a_second_tree_of_the_same_files_reads_nothing(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tenant_tree(own)
    first.heads()
    monkeypatch.setattr(Tree, "_read", lambda _: pytest.fail("the files were read again"))
    assert tenant_tree(own).heads() == first.heads()


def test_an_edited_file_is_read_again_whatever_its_size_and_time_say(own: Path) -> None:
    assert "SELECT 1" in sql(tenant_tree(own))
    (path,) = own.glob("*.py")
    before = path.stat()
    path.write_text(path.read_text().replace("SELECT 1", "SELECT 2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "SELECT 2" in sql(tenant_tree(own))
    path.unlink()
    assert "SELECT 2" not in sql(tenant_tree(own))


def test_what_a_file_takes_from_elsewhere_is_read_again_once_it_is_forgotten(own: Path) -> None:
    (path,) = own.glob("*.py")
    text = own / "text.sql"
    text.write_text("SELECT 1")
    path.write_text(f"from pathlib import Path\nTEXT = Path({str(text)!r}).read_text()\n" + path.read_text())
    path.write_text(path.read_text().replace("'SELECT 1'", "TEXT"))
    assert "SELECT 1" in sql(tenant_tree(own))
    text.write_text("SELECT 2")
    assert "SELECT 1" in sql(tenant_tree(own))
    kept.forget()
    assert "SELECT 2" in sql(tenant_tree(own))


def test_a_broken_file_is_told_each_time(own: Path) -> None:
    (path,) = own.glob("*.py")
    path.write_text("def :")
    for _ in range(2):
        with pytest.raises(RevisionError):
            tenant_tree(own).heads()


def test_the_oldest_makes_room(tmp_path: Path) -> None:
    for number in range(9):
        write(tmp_path / str(number), f"o{number}", None, labels=("own",))
        Tree(shipped("migrations"), own=tmp_path / str(number)).heads()
    assert len(kept._kept) == kept._MOST
