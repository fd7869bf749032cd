"""What is in the lake is what the databases have, whatever happened to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpm_ops import Company, CompanyReader, Ops
from mpm_ops.lake import company, months, shapes
from mpm_ops.postgres import roles
from tests.conftest import effort
from tests.integration.lakes import MONTHS, PAYMENTS, Edit, Scenes, files, paths, same
from tests.integration.lakes import acme as acme
from tests.integration.lakes import edit as edit
from tests.integration.lakes import lake as lake
from tests.integration.lakes import scenes as scenes
from tests.integration.lakes import sun as sun
from tests.integration.test_fleet import column

CHANGES = [
    ("SELECT 1", [], 0),
    ("UPDATE transactions SET amount = 7, updated_at = now() WHERE id = 3", ["2026-01"], 0),
    # As somebody's who began before others and committed after them.
    ("UPDATE transactions SET amount = 7, updated_at = '2020-01-01' WHERE id = 30", ["2026-02"], 0),
    ("UPDATE transactions SET updated_at = NULL WHERE id = 30", ["2026-02"], 0),
    ("DELETE FROM transactions WHERE id = 100", ["2026-04"], 0),
    ("DELETE FROM transactions WHERE created_at < '2026-02-01'", [], 1),
    ("DELETE FROM transactions", [], 4),
    ("UPDATE transactions SET created_at = '2026-03-03', updated_at = now() WHERE id = 3", ["2026-01", "2026-03"], 0),
    ("UPDATE transactions SET created_at = '2025-12-31 23:59:59.999999Z' WHERE id = 3", ["2025-12", "2026-01"], 0),
    ("UPDATE transactions SET created_at = NULL WHERE id = 3", ["2026-01", "__HIVE_DEFAULT_PARTITION__"], 0),
    (PAYMENTS, MONTHS, 0),
]


def test_only_what_differs_is_written(scenes: Scenes) -> None:
    for (statement, written, removed), scene in zip(CHANGES, scenes, strict=False):
        scene.ops.export(["transactions"], to=scene.lake)
        before = paths(scene.lake)
        scene.edit(statement)
        account = scene.ops.export(["transactions"], to=scene.lake)
        after = paths(scene.lake)
        changed = [Path(path).parts[2].removeprefix("month=") for path in after if after[path] != before.get(path)]
        assert changed == written, statement
        assert files(account) == (len(written), len(after) - len(written), removed), statement
        assert same(scene.lake, "transactions", scene.ops.company(scene.company.id)), statement


def test_the_server_sorts_a_portion_at_a_time(
    ops: Ops, acme: Company, lake: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(months, "SORTED", 55)
    edit(acme, "UPDATE transactions SET created_at = NULL WHERE id > 90")
    edit(acme, "CREATE TABLE large AS SELECT n AS id FROM generate_series(1, 60) n")
    edit(acme, f"GRANT SELECT ON large TO {roles.read_group(acme.database)}")
    assert files(ops.export(["transactions", "large"], to=lake)) == (5, 0, 0)
    asked = [
        one.statement
        for one in ops.audit_log(acme.id)
        if one.statement.startswith("SELECT") and " AS lake_row" in one.statement
    ]
    assert ["ORDER BY" in one for one in asked] == [False, True, True]
    assert same(lake, "transactions", ops.company(acme.id))
    assert same(lake, "large", ops.company(acme.id))


def test_a_second_change_within_a_second_is_seen(ops: Ops, acme: Company, lake: Path, edit: Edit) -> None:
    """Laravel's stamps have whole seconds."""
    edit(acme, "UPDATE transactions SET updated_at = date_trunc('second', now()) WHERE id = 3")
    ops.export(["transactions"], to=lake)
    edit(acme, "UPDATE transactions SET amount = 7 WHERE id = 3")
    assert files(ops.export(["transactions"], to=lake)) == (1, 3, 0)
    assert same(lake, "transactions", ops.company(acme.id))
    # Nothing is left of the month.
    edit(acme, "UPDATE transactions SET updated_at = now() + interval '1 hour' WHERE id = 3")
    ops.export(["transactions"], to=lake)
    edit(acme, "DELETE FROM transactions WHERE created_at < '2026-02-01'")
    assert files(ops.export(["transactions"], to=lake)) == (0, 3, 1)
    # After a while a stamp is trusted, and its month is kept.
    edit(acme, "UPDATE transactions SET updated_at = now() - interval '3 seconds' WHERE id = 30")
    assert [files(ops.export(["transactions"], to=lake)) for _ in range(2)] == [(1, 2, 0), (0, 3, 0)]


def test_a_row_that_moves_while_a_large_month_is_read_takes_none_with_it(
    ops: Ops, acme: Company, lake: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a month that is too large to be sorted come in any order, and so would those of another one."""
    monkeypatch.setattr(months, "SORTED", 50)
    edit(acme, "UPDATE transactions SET created_at = '2026-01-15'")
    asked = company.CompanyExport._asked

    def moved(self: company.CompanyExport, wanted: dict[str, shapes.Shape]) -> object:
        found = asked(self, wanted)
        edit(acme, "UPDATE transactions SET created_at = '2026-02-01' WHERE id = 50")
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(company.CompanyExport, "_asked", moved)
        assert [(one.written, one.rows) for one in ops.export(["transactions"], to=lake).tables] == [(1, 99)]
    assert files(ops.export(["transactions"], to=lake)) == (1, 1, 0)
    assert same(lake, "transactions", ops.company(acme.id))


def test_a_month_that_comes_apart_replaces_no_file(
    ops: Ops, acme: Company, lake: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = months.rows_question
    monkeypatch.setattr(months, "rows_question", lambda *given, **more: question(*given, **more | {"sort": False}))
    edit(acme, "UPDATE transactions SET created_at = '2026-02-01' WHERE id % 2 = 0")
    account = ops.export(["transactions"], to=lake, errors="collect")
    assert "came apart" in account.errors["Acme Power"]
    monkeypatch.undo()
    assert ops.export(["transactions"], to=lake).ok
    assert same(lake, "transactions", ops.company(acme.id))


def test_updated_at_is_trusted_from_one_migration_to_the_next(ops: Ops, acme: Company, lake: Path, edit: Edit) -> None:
    query = "SELECT id, amount, created_at, updated_at FROM transactions"
    what = {"transactions": None, "amounts": query}
    ops.export(what, to=lake)
    edit(acme, "UPDATE transactions SET amount = 1000000 WHERE id = 3")
    # Of a query's rows nobody knows what updated_at is about, so they are compared whole.
    assert [(one.table, one.written) for one in ops.export(what, to=lake).tables] == [
        ("transactions", 0),
        ("amounts", 1),
    ]
    column(ops, "o1", None)
    assert ops.migrate_tenant().ok
    account = ops.export(what, to=lake)
    assert [(one.table, one.written) for one in account.tables] == [("transactions", 4), ("amounts", 0)]
    assert same(lake, "transactions", ops.company(acme.id))
    said = json.loads((lake / f"transactions/company={acme.id}/_manifest.json").read_text())
    assert tuple(said["revision"]["heads"]) == ops.tenant_states([acme.id])[0].heads
    # A rollback and the same migration again leave the heads as they were.
    edit(acme, "UPDATE transactions SET amount = 1500000 WHERE id = 3")
    assert ops.rollback_tenant(step=1).ok
    assert ops.migrate_tenant().ok
    assert files(ops.export(["transactions"], to=lake)) == (4, 0, 0)
    assert same(lake, "transactions", ops.company(acme.id))
    assert ops.migrate_tenant().ok
    assert files(ops.export(["transactions"], to=lake)) == (0, 4, 0)
    edit(acme, "UPDATE transactions SET amount = 2000000 WHERE id = 3")
    assert files(ops.export(["transactions"], to=lake, full=True)) == (4, 0, 0)
    assert same(lake, "transactions", ops.company(acme.id))


@pytest.mark.slow
@effort(25, deep=500)
@given(data=st.data())
def test_the_lake_is_as_the_database_whatever_happens(scenes: Scenes, data: st.DataObject) -> None:
    scene = next(scenes)
    for _ in range(data.draw(st.integers(1, 4), label="exports")):
        edits = data.draw(st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=4), label="edits")
        for name in edits:
            id_, day, other = (data.draw(st.integers(1, most), label=name) for most in (120, 200, 200))
            scene.edit(EDITS[name].format(id=id_, day=day, other=other))
        if data.draw(st.booleans(), label="damage"):
            found = sorted(scene.lake.rglob("*.parquet"))
            for path in found[:: data.draw(st.integers(1, 3), label="every")]:
                path.unlink()
        scene.ops.export(["transactions"], [scene.company.id], to=scene.lake, full=data.draw(st.booleans()))
        assert same(scene.lake, "transactions", scene.ops.company(scene.company.id))


EDITS = {
    "insert": "INSERT INTO transactions (original_transaction_id, original_transaction_type, amount, sender, message, "
    "created_at, updated_at) VALUES ({id}, 'x', 1, 's', 'm', timestamptz '2026-01-01' + {day} * interval '1 day', "
    "timestamptz '2026-01-01' + {other} * interval '1 day')",
    "update": "UPDATE transactions SET amount = {other}, updated_at = clock_timestamp() WHERE id = {id}",
    "late": "UPDATE transactions SET amount = -{other}, updated_at = updated_at - interval '{day} days 1 s' "
    "WHERE id BETWEEN {id} AND {other}",
    "delete": "DELETE FROM transactions WHERE id BETWEEN {id} AND {id} + 3",
    "delete month": "DELETE FROM transactions WHERE date_trunc('month', created_at) = (SELECT date_trunc('month', "
    "created_at) FROM transactions ORDER BY id OFFSET {id} % 100 LIMIT 1)",
    "move": "UPDATE transactions SET created_at = timestamptz '2026-01-01' + {day} * interval '1 day' WHERE id = {id}",
    "forget": "UPDATE transactions SET created_at = NULL, updated_at = NULL WHERE id = {id}",
}


def test_a_table_that_a_question_does_not_see_for_a_moment_stays(
    ops: Ops, acme: Company, lake: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is with a masked table while a migration makes its view anew."""
    asked = []

    def blink(reader: CompanyReader) -> dict[str, shapes.Shape]:
        asked.append(shapes.shapes(reader))
        return {name: one for name, one in asked[-1].items() if name != "transactions" or len(asked) % 2 == 0}

    ops.export(["transactions", "countries"], to=lake)
    before = paths(lake)
    monkeypatch.setattr(company, "shapes", blink)
    for what in (["countries"], ["transactions"], None):
        asked.clear()
        assert ops.export(what, to=lake).ok
        assert before.items() <= paths(lake).items(), what
        assert len(asked) == (1 if what == ["countries"] else 2)
    edit(acme, f"REVOKE SELECT ON masked.transactions FROM {roles.read_group(acme.database)}")
    account = ops.export(["countries", "transactions"], to=lake)
    assert [(one.removed, one.skipped) for one in account.tables] == [
        (0, ""),
        (4, "there is no such table that may be read"),
    ]
