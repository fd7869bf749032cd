"""The linter: what fires, what does not, where it points, and what silences it. No server is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpm_ops import Ops, Settings
from mpm_ops.companies.installation import Installation
from mpm_ops.companies.lint import notes
from mpm_ops.errors import InvalidInput, LinterMissing
from mpm_ops.records import Finding
from mpm_ops.schema import lint
from mpm_ops.schema.commands import commands
from mpm_ops.schema.trees import Tree
from mpm_ops.shipped import shipped
from mpm_ops.tenant.readable import HIDDEN, READABLE
from tests.unit.test_trees import tenant_tree, write

OUTSIDE = "with op.get_context().autocommit_block():\n        "
NEW_TABLE = "op.create_table('phases', sa.Column('id', sa.BigInteger()))\n    "
CONCURRENTLY = "op.create_index('i', 'meters', ['in_use'], postgresql_concurrently=True, if_not_exists=True)"


def sql(*statements: str) -> str:
    """Return the body of a revision that executes these."""
    return "\n    ".join(f"op.execute({statement!r})" for statement in statements)


def outside(*statements: str) -> str:
    return OUTSIDE + "\n        ".join(f"op.execute({statement!r})" for statement in statements)


def found(own: Path, up: str, down: str = "pass") -> list[Finding]:
    """Return what is said against a revision with this upgrade and downgrade."""
    write(own, "aaa", None, labels=("own",), up=up, down_sql=down)
    return linted(own, ["aaa"])


def linted(own: Path, revisions: Sequence[str]) -> list[Finding]:
    tree = own_tree(own)
    way = [step for step in tree.upgrade_plan(()).steps if step.revision in revisions]
    return lint.lint(tree, [way], listed=())


def own_tree(own: Path) -> Tree:
    """Return a tree without the shipped revisions, which take a while to render and would tell nothing here."""
    shipped_folder = own / "shipped"
    (shipped_folder / "versions").mkdir(parents=True, exist_ok=True)
    (shipped_folder / "env.py").write_text((shipped("tenant_migrations") / "env.py").read_text())
    return Tree(shipped_folder, own=own)


def rules(findings: Sequence[Finding]) -> set[str]:
    """Return the rules that fired, but for the one about a missing downgrade, which most cases here have."""
    return {finding.rule for finding in findings} - {"downgrade-missing"}


def ops_of(own: Path) -> Ops:
    return Ops(Settings.model_validate({"home": own, "tenant_migrations": own}))


@pytest.mark.parametrize(
    ("up", "rule"),
    [
        ("op.create_index('i', 'meters', ['in_use'])", "require-concurrent-index-creation"),
        ("op.add_column('meters', sa.Column('phase', sa.Text(), nullable=False))", "adding-required-field"),
        ("op.add_column('meters', sa.Column('k', sa.Uuid(), server_default=sa.text('gen_random_uuid()')))", "adding-"),
        ("op.alter_column('meters', 'in_use', type_=sa.Text())", "changing-column-type"),
        ("op.alter_column('meters', 'in_use', nullable=False)", "adding-not-nullable-field"),
        ("op.create_foreign_key('f', 'meters', 'people', ['person_id'], ['id'])", "adding-foreign-key-constraint"),
        ("op.create_check_constraint('c', 'meters', 'in_use > 0')", "constraint-missing-not-valid"),
        ("op.create_unique_constraint('u', 'meters', ['serial_number'])", "disallowed-unique-constraint"),
        ("op.drop_column('meters', 'in_use')", "ban-drop-column"),
        ("op.drop_table('meters')", "ban-drop-table"),
        ("op.alter_column('meters', 'in_use', new_column_name='used')", "renaming-column"),
        ("op.rename_table('meters', 'counters')", "renaming-table"),
        (CONCURRENTLY, "ban-concurrent-index-creation-in-transaction"),
        (outside("CREATE INDEX CONCURRENTLY i ON meters (in_use)"), "prefer-robust-stmts"),
        (sql("ALTER TABLE meters DROP COLUMNS x"), "syntax-error"),
        (sql("ALTER TABLE meters ADD COLUMN number bigserial"), "table-rewrite"),
        (sql('alter table public."meters"\n  set unlogged'), "table-rewrite"),
        (outside("VACUUM (ANALYZE, FULL) meters"), "table-rewrite"),
        (sql("VACUUM meters"), "not-in-transaction"),
        (sql("DROP INDEX CONCURRENTLY i"), "not-in-transaction"),
        (sql("SELECT 1; COMMIT"), "transaction-control"),
        (sql("COMMIT", "ALTER TYPE kind ADD VALUE IF NOT EXISTS 'x'"), "transaction-control"),
        (outside("START TRANSACTION"), "transaction-control"),
        (sql("ALTER TABLE meters ADD COLUMN phase text", "UPDATE meters SET phase = 'L1'"), "rows-with-ddl"),
        (sql("ALTER TABLE meters ADD COLUMN phase text; DELETE FROM tokens"), "rows-with-ddl"),
        (sql("SELECT 1") + "\n    " + OUTSIDE + CONCURRENTLY, "half-way"),
        (outside("ALTER TABLE meters ADD COLUMN IF NOT EXISTS phase text"), "no-lock-timeout"),
        (outside("SET lock_timeout = 0", "DROP TABLE IF EXISTS meters"), "no-lock-timeout"),
        (sql("SET LOCAL lock_timeout = '1h'"), "lock-timeout-changed"),
        (sql("RESET lock_timeout"), "lock-timeout-changed"),
    ],
)
def test_what_stops_users_breaks_code_or_fails_is_told(tmp_path: Path, up: str, rule: str) -> None:
    said = [finding for finding in found(tmp_path, up) if finding.rule.startswith(rule)]
    assert said
    assert said[0].revision == "aaa"
    assert said[0].path.endswith("_aaa.py")
    assert said[0].statement
    assert said[0].hint or rule == "syntax-error"


@pytest.mark.parametrize(
    "up",
    [
        "op.add_column('meters', sa.Column('phase', sa.Text()))",
        "op.add_column('meters', sa.Column('phase', sa.Text(), server_default='L1', nullable=False))",
        "op.create_check_constraint('c', 'meters', 'in_use > 0', postgresql_not_valid=True)",
        "op.create_foreign_key('f', 'meters', 'people', ['x'], ['id'], postgresql_not_valid=True)",
        OUTSIDE + CONCURRENTLY,
        sql("ALTER TABLE meters VALIDATE CONSTRAINT c"),
        sql("ALTER TABLE meters ADD CONSTRAINT u UNIQUE USING INDEX i"),
        "op.drop_index('i')",
        # Rows by themselves, and rows before the change of schema, are written without its lock.
        sql("UPDATE meters SET phase = 'L1'"),
        sql("UPDATE meters SET phase = 'L1'", "ALTER TABLE meters ADD COLUMN q text"),
        sql("INSERT INTO countries (name) VALUES ('A; DELETE FROM meters') ON CONFLICT DO NOTHING"),
        sql("ALTER TABLE meters ADD COLUMN q text /* ; COMMIT; VACUUM */ -- ; VACUUM"),
        sql("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $x$ BEGIN DELETE FROM meters; END $x$"),
        sql("SAVEPOINT a", "ROLLBACK TO a"),
        outside("SET lock_timeout = '2s'", "ALTER TABLE IF EXISTS meters ADD COLUMN IF NOT EXISTS phase text"),
        outside("VACUUM meters"),
        outside("REINDEX TABLE CONCURRENTLY meters"),
        # What comes after the block is one transaction with the stamp, and the block may run twice.
        OUTSIDE + CONCURRENTLY + "\n    " + sql("SELECT 1"),
        # What our engine or our models have settled.
        "op.create_table('phases', sa.Column('id', sa.BigInteger()), sa.Column('n', sa.Integer()))",
    ],
)
def test_what_harms_nobody_is_not_told(tmp_path: Path, up: str) -> None:
    assert rules(found(tmp_path, up)) == set()


@pytest.mark.parametrize(
    "then",
    [
        "op.create_index('i', 'phases', ['id'])",
        "op.add_column('phases', sa.Column('name', sa.Text(), nullable=False))",
        "op.create_foreign_key('f', 'phases', 'people', ['id'], ['id'])",
        "op.create_unique_constraint('u', 'phases', ['id'])",
        "op.alter_column('phases', 'id', type_=sa.Text())",
        "op.drop_column('phases', 'id')",
        "op.rename_table('phases', 'phase')",
        sql("ALTER TABLE ONLY public.phases ADD number serial", "UPDATE phases SET id = 1"),
        sql('CREATE UNIQUE INDEX "I" ON "phases" (id)', 'DROP TABLE IF EXISTS "public"."phases"'),
    ],
)
def test_a_table_that_is_new_on_the_way_may_have_anything(tmp_path: Path, then: str) -> None:
    harmless = {"prefer-identity"}
    assert rules(found(tmp_path / "one", NEW_TABLE + then)) <= harmless
    two = tmp_path / "two"
    write(two, "aaa", None, labels=("own",), up=NEW_TABLE)
    write(two, "bbb", "aaa", up=then)
    assert rules(linted(two, ["aaa", "bbb"])) <= harmless
    # By itself, the second one meets companies that have rows in the table.
    assert rules(linted(two, ["bbb"])) - harmless


def test_what_fails_on_a_new_table_is_told_all_the_same(tmp_path: Path) -> None:
    up = NEW_TABLE + "op.create_index('i', 'phases', ['id'], postgresql_concurrently=True)"
    assert "ban-concurrent-index-creation-in-transaction" in rules(found(tmp_path, up))


def test_a_company_that_has_the_table_already_counts(tmp_path: Path) -> None:
    write(tmp_path, "aaa", None, labels=("own",), up=NEW_TABLE)
    write(tmp_path, "bbb", "aaa", up="op.create_index('i', 'phases', ['id'])")
    tree = tenant_tree(tmp_path)
    far, near = tree.upgrade_plan(()).steps, tree.upgrade_plan((*tenant_tree(tmp_path / "no").heads(), "aaa")).steps
    assert [step.revision for step in near] == ["bbb"]
    assert "require-concurrent-index-creation" not in rules(lint.lint(tree, [far], listed={*READABLE, *HIDDEN}))
    both = lint.lint(tree, [far, near], listed={*READABLE, *HIDDEN})
    assert [finding.rule for finding in both].count("require-concurrent-index-creation") == 1


def test_a_constraint_is_told_once(tmp_path: Path) -> None:
    up = "op.create_foreign_key('f', 'meters', 'people', ['person_id'], ['id'])"
    assert rules(found(tmp_path, up)) == {"adding-foreign-key-constraint"}


def test_rows_with_a_condition_are_a_warning_and_all_rows_an_error(tmp_path: Path) -> None:
    change = "ALTER TABLE meters ADD COLUMN phase text"
    (some,) = [
        one for one in found(tmp_path, sql(change, "UPDATE meters SET x = 1 WHERE id = 1")) if "rows" in one.rule
    ]
    (every,) = [one for one in found(tmp_path, sql(change, "UPDATE meters SET x = 1")) if "rows" in one.rule]
    assert (some.level, every.level) == ("warning", "error")


def test_a_finding_points_at_the_line_and_the_command(tmp_path: Path) -> None:
    up = sql("SELECT 1", "SELECT 'é;é'\n;ALTER TABLE meters\n  DROP COLUMN in_use; SELECT 2")
    (finding,) = [one for one in found(tmp_path, up) if one.rule == "ban-drop-column"]
    assert "DROP COLUMN" in Path(finding.path).read_text().splitlines()[finding.line - 1]
    assert finding.statement == "ALTER TABLE meters\n  DROP COLUMN in_use"
    assert str(finding).startswith(f"{finding.path}:{finding.line}: error ban-drop-column: ")


def test_a_live_revision_is_told_to_be_unchecked(tmp_path: Path) -> None:
    path = write(tmp_path, "aaa", None, labels=("own",), up="op.get_bind().execute(sa.text('SELECT 1')).one()")
    path.write_text(path.read_text().replace("def upgrade", "live = True\ndef upgrade"))
    assert {finding.rule for finding in linted(tmp_path, ["aaa"])} == {"live-unchecked"}


@pytest.mark.parametrize(
    ("up", "down", "rule"),
    [
        (NEW_TABLE, "pass", "downgrade-missing"),
        (NEW_TABLE, "1 / 0", "downgrade-broken"),
        (NEW_TABLE, "op.drop_table('meters')", "downgrade-drops-data"),
        (NEW_TABLE, "op.drop_column('meters', 'in_use')", "downgrade-drops-data"),
        (sql("INSERT INTO countries (name) VALUES ('X')"), sql("DELETE FROM countries"), "downgrade-drops-data"),
        (sql("INSERT INTO countries (name) VALUES ('X')"), sql("TRUNCATE countries"), "downgrade-drops-data"),
    ],
)
def test_a_downgrade_that_does_not_undo_is_told(tmp_path: Path, up: str, down: str, rule: str) -> None:
    assert rule in {finding.rule for finding in found(tmp_path, up, down)}


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("pass", "pass"),
        (NEW_TABLE, "op.drop_table('phases')"),
        (NEW_TABLE, 'raise NotImplementedError("the rows are gone")'),
        ("op.add_column('meters', sa.Column('phase', sa.Text()))", "op.drop_column('meters', 'phase')"),
        (
            sql('ALTER TABLE "meters" ADD COLUMN IF NOT EXISTS a text'),
            sql("alter table meters drop column if exists A"),
        ),
        (sql("INSERT INTO countries (name) VALUES ('X')"), sql("DELETE FROM countries WHERE name = 'X'")),
    ],
)
def test_a_downgrade_that_undoes_or_refuses_is_fine(tmp_path: Path, up: str, down: str) -> None:
    assert [finding for finding in found(tmp_path, up, down) if finding.rule.startswith("downgrade")] == []


def test_a_shipped_table_is_settled_and_an_own_one_cannot_be(tmp_path: Path) -> None:
    tree = tenant_tree(tmp_path)
    settled = {*READABLE, *HIDDEN} - {"meters"}
    shipped_ones = lint.lint(tree, [tree.upgrade_plan(()).steps], listed=settled)
    assert [(one.rule, one.level) for one in shipped_ones] == [("unlisted-table", "warning")]
    assert "meters" in shipped_ones[0].message
    assert "unlisted-table" not in {one.rule for one in found(tmp_path, NEW_TABLE)}


def test_the_shipped_tree_is_clean(tmp_path: Path) -> None:
    with ops_of(tmp_path) as ops:
        linted = ops.lint_migrations(every=True)
        assert list(linted.revisions) == [revision.id for revision in tenant_tree(tmp_path / "no").revisions()]
    assert list(map(str, linted.findings)) == []


def test_a_comment_with_a_reason_silences_a_rule_in_its_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        "aaa",
        None,
        labels=("own",),
        up="# mpm-ops: ignore ban-drop-column, downgrade-missing: not read since 1.4\n    "
        "op.drop_column('meters', 'in_use')",
    )
    write(tmp_path, "bbb", "aaa", up="op.drop_column('meters', 'in_use')", down_sql=sql("SELECT 1"))
    assert linted(tmp_path, ["aaa"]) == []
    assert {(one.revision, one.rule) for one in linted(tmp_path, ["aaa", "bbb"])} == {("bbb", "ban-drop-column")}


@pytest.mark.parametrize("comment", ["# mpm-ops: ignore ban-drop-column", "#mpm-ops:ignore ban-drop-column:  "])
def test_a_comment_without_a_reason_silences_nothing(tmp_path: Path, comment: str) -> None:
    said = found(tmp_path, f"{comment}\n    op.drop_column('meters', 'in_use')")
    assert rules(said) == {"ban-drop-column", "ignore-without-reason"}
    (blank,) = [one for one in said if one.rule == "ignore-without-reason"]
    assert comment in Path(blank.path).read_text().splitlines()[blank.line - 1]


def test_squawks_own_comment_is_heard(tmp_path: Path) -> None:
    up = sql("-- squawk-ignore ban-drop-column\nALTER TABLE meters DROP COLUMN in_use")
    assert rules(found(tmp_path, up)) == set()


def test_revisions_are_named_by_id_beginning_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "aaa111", None, labels=("own",))
    write(tmp_path, "aab222", "aaa111")
    monkeypatch.chdir(tmp_path)
    with ops_of(tmp_path) as ops:
        for term in ("aaa111", "aaa", str(path), path.name):
            assert ops.lint_migrations([term]).revisions == ["aaa111"]
        assert ops.lint_migrations(["aab", "aaa"]).revisions == ["aaa111", "aab222"]
        for wrong in ("aa", "zzz", "", "env.py"):
            with pytest.raises(InvalidInput, match="revisions are named"):
                ops.lint_migrations([wrong])
        with pytest.raises(InvalidInput, match="all are asked for"):
            ops.lint_migrations(["aaa"], every=True)


def test_a_relative_folder_of_revisions_has_lines_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "own", "aaa", None, labels=("own",), up="op.drop_table('meters')")
    monkeypatch.chdir(tmp_path)
    assert "ban-drop-table" in rules(linted(Path("own"), ["aaa"]))


def test_without_squawk_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with ops_of(tmp_path) as ops, pytest.raises(LinterMissing, match="not installed") as caught:
        ops.lint_migrations(every=True)
    assert "pip install 'mpm-ops[lint]'" in caught.value.hint
    assert caught.value.exit_code == 2
    (note,) = notes(Installation(ops.settings), [])
    assert note.startswith("not linted: ")


def test_a_setup_of_squawk_nearby_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["ban-drop-table"]')
    monkeypatch.chdir(tmp_path)
    assert "ban-drop-table" in rules(found(tmp_path / "own", "op.drop_table('meters')"))


@given(
    st.lists(
        st.sampled_from(["DELETE FROM a", "SELECT ';'", "SELECT $a$;$a$", "SELECT 1 /* ; */", "SELECT E'\\';'", '";"'])
    )
)
def test_text_is_read_command_by_command(texts: list[str]) -> None:
    statement = ";\n".join(texts)
    read = commands(statement)
    assert [command.text for command in read] == texts
    assert all(statement[command.start : command.end].strip() == command.text for command in read)
