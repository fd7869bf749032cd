"""lint-migrations, and where else its findings show: after a new revision is written, and in a dry run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mpm_ops import Company, Ops, Settings
from mpm_ops.cli.demo import _new_migration
from mpm_ops.tenant.base import Base
from tests.cli.conftest import Run
from tests.unit.test_trees import write

Register = Callable[..., Company]
INDEX = "op.create_index('ix_meters_in_use', 'meters', ['in_use'])"
UNDO = "op.drop_index('ix_meters_in_use')"
MISSING = "op.execute('SELECT 1')"

#: The revisions of the core, one for each plugin with tables, and the one of the installation's own.
EVERY = 16 + 30 + 1


def own(settings: Settings, name: str, down: str | None, up: str, down_sql: str = UNDO) -> Path:
    labels, depends = (None, None) if down else (("own",), "04bc7f5ad834")
    folder = settings.own_tenant_migrations
    return write(folder, name, down, labels=labels, depends=depends, up=up, down_sql=down_sql)


def test_findings_are_told_with_place_statement_reason_and_what_to_write(run: Run, settings: Settings) -> None:
    path = own(settings, "aaa", None, INDEX)
    told = run("lint-migrations", str(path))
    assert told.code == 1
    assert told.out.splitlines()[:2] == [
        f"{path}:9: error require-concurrent-index-creation",
        "    CREATE INDEX ix_meters_in_use ON meters (in_use)",
    ]
    assert "    why: " in told.out
    assert "    instead: In a revision of its own: with op.get_context().autocommit_block()" in told.out
    assert told.err == "1 error and 0 warnings in 1 revision.\n"
    (finding,) = run("lint-migrations", "aaa", "--json").json["findings"]
    assert (finding["line"], finding["level"], finding["revision"]) == (9, "error", "aaa")


def test_warnings_are_exit_code_1_only_when_it_is_strict(run: Run, settings: Settings) -> None:
    own(settings, "aaa", None, MISSING, "pass")
    assert run("lint-migrations", "aaa").code == 0
    strict = run("lint-migrations", "aaa", "--strict")
    assert strict.code == 1
    assert "warning downgrade-missing" in strict.out
    own(settings, "aaa", None, MISSING, MISSING)
    assert run("lint-migrations", "aaa", "--strict").code == 0


def test_it_needs_a_server_only_to_know_what_is_pending(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(settings, "aaa", None, INDEX)
    monkeypatch.setenv("MPM_OPS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/")
    assert run("lint-migrations", "aaa").code == 1
    assert len(run("lint-migrations", "--all", "--json").json["revisions"]) == EVERY
    alone = run("lint-migrations")
    assert alone.code == 1
    assert "Without a server: mpm-ops lint-migrations --all" in alone.err
    assert run("lint-migrations", "nonsense").code == 2


def test_by_default_it_is_about_what_some_company_has_yet_to_get(
    run: Run, ops: Ops, settings: Settings, register: Register
) -> None:
    own(settings, "aaa", None, INDEX)
    assert len(run("lint-migrations", "--json").json["revisions"]) == EVERY
    register("Acme Power")
    done = run("lint-migrations", "--json").json
    assert (done["revisions"], done["findings"]) == ([], [])
    own(settings, "bbb", "aaa", "op.drop_table('meters')", "raise NotImplementedError('gone')")
    pending = run("lint-migrations", "--json").json
    assert pending["revisions"] == ["bbb"]
    assert [finding["rule"] for finding in pending["findings"]] == ["ban-drop-table"]


def test_a_company_without_a_database_is_left_out_and_told(
    run: Run, ops: Ops, settings: Settings, register: Register
) -> None:
    own(settings, "aaa", None, INDEX)
    gone = register("Acme Power")
    register("Beta Power")
    with ops._installation.central() as connection:
        connection.execute(f"DROP DATABASE {gone.database} WITH (FORCE)".encode())
    told = run("lint-migrations")
    assert told.code == 0
    assert "Acme Power (1) is left out: " in told.err
    assert "0 revisions" in told.err


def test_a_dry_run_tells_it_too(run: Run, settings: Settings, register: Register) -> None:
    register()
    path = own(settings, "aaa", None, INDEX)
    assert f"-- Note: {path}:9: error require-concurrent-index-creation: " in run("migrate-tenant", "--dry-run").out


def test_a_new_revision_is_linted_when_it_is_filled(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run("make-migration-tenant", "add_meter_phase", "--own")
    revision = Path(plain.out.strip()).read_text().split('revision = "')[1].split('"')[0]
    assert f"mpm-ops lint-migrations {revision}" in plain.err
    gone = Base.metadata.tables["meters"]
    monkeypatch.setattr(Base.metadata, "tables", {k: v for k, v in Base.metadata.tables.items() if v is not gone})
    made = run("make-migration-tenant", "anything_new", "--own", "--autogenerate")
    assert made.code == 0, made.err
    assert made.out.count("\n") == 1
    assert "ban-drop-table" in made.err
    assert "DROP TABLE meters" in made.err


def test_a_new_revision_is_there_even_if_it_cannot_be_linted(
    run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    made = run("make-migration-tenant", "anything_new", "--own", "--autogenerate")
    assert made.code == 0, made.err
    assert Path(made.out.strip()).exists()
    assert "Not linted: " in made.err
    assert "pip install 'mpm-ops[lint]'" in made.err
    assert run("lint-migrations", "--all").code == 2


def test_the_revision_of_the_demo_is_clean(run: Run, ops: Ops, register: Register) -> None:
    company = register()
    made = _new_migration(ops, [])
    told = run("lint-migrations", made.id, "--strict")
    assert (told.code, told.out) == (0, "")
    assert ops.migrate_tenant().ok
    assert ops.rollback_tenant([company.id]).ok
