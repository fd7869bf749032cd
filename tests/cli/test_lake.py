"""Exports on the command line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import psycopg

from mpm_ops.postgres import databases
from tests.cli.conftest import Run
from tests.integration.test_migrations import Register


def test_tables_and_queries_are_exported_and_told(run: Run, register: Register, tmp_path: Path) -> None:
    companies = [register(name) for name in ("Acme Power", "Sun :smile: [red]Hill")]
    lake, query = tmp_path / "lake", tmp_path / "grids.sql"
    query.write_text("SELECT count(*) AS n FROM countries;\n")
    done = run("export", str(lake), "--table", "countries", "--query", f"many={query}")
    assert done.code == 0, done.err
    assert "Sun :smile: [red]Hill" in done.out
    assert "4 files written, 0 kept, 0 removed; 492 rows" in done.out
    assert sorted(path.name for path in lake.iterdir()) == ["_lock", "countries", "many"]
    assert pd.read_parquet(lake / "many")["n"].tolist() == [245, 245]
    account = run("export", str(lake), "--table", "countries", "--company", "1", "--json").json
    (one,) = account["tables"]
    assert (one["company_id"], one["written"], one["kept"], one["rows"]) == (companies[0].id, 0, 1, 245)
    assert run("export", str(lake), "--table", "countries", "--full", "--json").json["tables"][0]["written"] == 1


def test_what_is_wrong_is_told_with_an_exit_code(
    run: Run, register: Register, tmp_path: Path, maintenance: psycopg.Connection
) -> None:
    register("Acme Power")
    lake = str(tmp_path / "lake")
    wrong = run("export", lake, "--table", "countrys")
    assert (wrong.code, "Did you mean countries?" in wrong.err) == (2, True)
    for given, told in (
        ("x", "names no file"),
        (f"x={tmp_path}/none.sql", "cannot be read"),
        ("X=/dev/null", "folder"),
    ):
        wrong = run("export", lake, "--query", given)
        assert wrong.code == 2
        assert told in wrong.err
    query = tmp_path / "n.sql"
    query.write_text("SELECT 1 AS n")
    twice = run("export", lake, "--table", "countries", "--query", f"countries={query}")
    assert (twice.code, "'countries' is given twice" in twice.err) == (2, True)
    nameless = run("export", "", "--table", "countries")
    assert (nameless.code, "has no name" in nameless.err) == (2, True)
    databases.drop(maintenance, register("Sun Hill").database)
    failed = run("export", lake, "--table", "countries")
    assert failed.code == 1
    assert "1 company failed" in failed.out
    assert "does not exist" in failed.out
