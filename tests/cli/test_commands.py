"""The commands: data on stdout, talk on stderr, an exit code that tells."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import typer.main
from rich.console import Console
from typer.testing import CliRunner

from mpm_ops import Company
from mpm_ops.cli import app, output
from mpm_ops.cli.commands import COMMANDS
from tests.cli.conftest import Run

REGISTER = ("register", "Acme Power", "--email", "info@acme.example.com", "--admin-email", "ada@acme.example.com")
Register = Callable[..., Company]


def commands() -> list[str]:
    group = typer.main.get_command(app)
    names = list(group.commands)  # type: ignore[attr-defined]  # Click's group
    servers = list(group.commands["server"].commands)  # type: ignore[attr-defined]  # the same
    analysts = list(group.commands["analyst"].commands)  # type: ignore[attr-defined]  # the same
    plugins = list(group.commands["plugin"].commands)  # type: ignore[attr-defined]  # the same
    alone = [name for name in names if name not in ("server", "analyst", "plugin")]
    groups = {"server": servers, "analyst": analysts, "plugin": plugins}
    return alone + [f"{name} {command}" for name, its in groups.items() for command in its]


def test_the_overview_says_what_the_commands_say() -> None:
    group = typer.main.get_command(app)
    for section in COMMANDS.values():
        for name, (_, text) in section.items():
            told = " ".join(str(group.commands[name].help).split("\n\n")[0].split())  # type: ignore[attr-defined]  # Click's
            assert told == text or told.startswith(f"{text} "), name


def test_the_commands_of_mpm_are_there() -> None:
    assert set(commands()) == {
        "analyst add",
        "analyst grant",
        "analyst list",
        "analyst remove",
        "analyst revoke",
        "audit",
        "audit-log",
        "companies",
        "company",
        "demo",
        "demo-data",
        "doctor",
        "drift",
        "export",
        "harden",
        "history",
        "lint-migrations",
        "make-migration",
        "make-migration-tenant",
        "migrate",
        "migrate-tenant",
        "migrate-tenant-fresh",
        "migrate-tenant-refresh",
        "migrate-tenant-reset",
        "migrate-tenant-rollback",
        "migrate-tenant-status",
        "pause",
        "plugin disable",
        "plugin enable",
        "plugin install",
        "plugin list",
        "plugin snapshots",
        "plugin uninstall",
        "plugins",
        "query",
        "reap",
        "reconcile",
        "register",
        "resume",
        "rollback",
        "run",
        "runs",
        "server start",
        "server status",
        "server stop",
        "server url",
        "status",
        "sweep",
        "token",
        "usage",
    }


@pytest.mark.parametrize("command", commands())
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "Example:" in shown.output


def test_register_list_show_and_ask(run: Run) -> None:
    made = run(*REGISTER, "--plugin", "21", "--json")
    assert made.code == 0, made.err
    assert made.json["name"] == "Acme Power"
    assert "shown this once" in made.err
    assert [row["id"] for row in run("companies", "--json").json] == [made.json["id"]]
    assert "Acme Power" in run("companies").out
    assert run("company", "acme power", "--json").json == made.json
    asked = run("query", "1", "SELECT 245 = count(*) AS all_there FROM countries", "--format", "csv")
    assert (asked.code, asked.out) == (0, "all_there\nTrue\n")
    assert run("query", "1", "SELECT 1 AS a, NULL AS b", "--format", "json").json == [{"a": 1, "b": None}]
    assert "a_long_name" in run("query", "all", "SELECT 'é' AS a_long_name").out
    for company in ("1", "all"):
        names = "SELECT DISTINCT name AS n FROM users"
        (masked,), (shown,) = (
            run("query", company, names, "--format", "json", *more).json for more in ((), ("--personal-data",))
        )
        assert (len(masked["n"]), shown["n"]) == (16, "Admin")


def test_a_password_comes_in_on_standard_input_and_never_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("planted-canary\n"))
    made = run(*REGISTER, "--password-stdin")
    assert made.code == 0
    assert "planted-canary" not in made.out + made.err


def test_parquet_is_what_pandas_reads(run: Run, register: Register, tmp_path: Path) -> None:
    register()
    path = tmp_path / "a.parquet"
    assert run("query", "1", "SELECT 1.50::numeric(4,2) AS a", "--format", "parquet", "-o", str(path)).code == 0
    assert str(pd.read_parquet(path)["a"].iloc[0]) == "1.50"


def test_files_hold_every_value_whole(run: Run, register: Register) -> None:
    register()
    query = """
        SELECT 0.12345678901234566::float8 AS f, '2026-01-02 03:04:05.678901Z'::timestamptz AS t, '\\xff'::bytea AS b,
            interval '1 day' AS i, array_agg(n) AS a FROM generate_series(1, 2000) n
    """
    found = run("query", "1", query, "--format", "json").json
    numbers = list(range(1, 2001))
    expected = {"f": 0.12345678901234566, "t": "2026-01-02T03:04:05.678901Z", "b": "\\xff", "i": "P1DT0H0M0S"}
    assert found == [expected | {"a": numbers}]
    (row,) = csv.DictReader(io.StringIO(run("query", "1", query, "--format", "csv").out))
    assert json.loads(row["a"]) == numbers
    assert (row["f"], row["b"]) == ("0.12345678901234566", "\\xff")
    assert "[1, 2]" in run("query", "1", "SELECT ARRAY[1, 2]").out


def test_without_a_command_there_is_the_overview(run: Run) -> None:
    shown = run()
    assert shown.code == 2
    assert "Usage: mpm-ops" in shown.out
    assert "migrate-tenant" in shown.out


def test_a_cut_answer_is_told(run: Run, register: Register) -> None:
    register()
    shown = run("query", "1", "SELECT generate_series(1, 5) AS n", "--limit", "3", "--format", "csv")
    assert shown.out.split() == ["n", "1", "2", "3"]
    assert "--limit 0" in shown.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("company", "Acme Powr"), 2, "Did you mean Acme Power (id 1)?"),
        (("company", "99"), 2, "there is no company '99'"),
        (("query", "1", "SELECT nme FROM people"), 1, "         ^"),
        (("query", "1", "SELECT nme FROM people"), 1, "Did you mean name, surname?"),
        (("query", "1", "DELETE FROM people"), 1, "only a question can be asked here"),
        (("query", "1", "SELECT 1; SELECT 2"), 1, "Acme Power: only one statement can be asked at a time\n"),
        (("query", "1", "SELEC 1"), 1, 'syntax error at or near "SELEC"'),
        ((*REGISTER, "--plugin", "99"), 2, "registered already"),
        (("register", "X", "--email", "no", "--admin-email", "a@example.com"), 2, "email: "),
        (
            ("register", "X", "--email", "x@example.com", "--admin-email", "y@example.com", "--plugin", "99"),
            2,
            "no plugin 99",
        ),
        (("register", "x" * 5_000, "--email", "x@example.com", "--admin-email", "y@example.com"), 2, "255"),
        (("make-migration-tenant", "../x"), 2, "is not a name for a migration"),
        (("migrate-tenant", "nobody"), 2, "there is no company"),
        (("migrate-tenant-reset",), 2, "refused, because nobody is there to ask: Roll everything back"),
        (("migrate-tenant-fresh", "1"), 2, "lose every row and hand-made table of 1 company: Acme Power"),
        (("migrate-tenant", "--rehearse", "1", "--resume", "1"), 2, "--rehearse and --resume do not go together"),
        (("server", "start"), 2, "Unset it"),
        (("nonsense",), 2, "No such command"),
        (("query", "1"), 2, "Missing argument"),
    ],
)
def test_bad_input_gets_one_line_a_hint_and_an_exit_code(
    run: Run, register: Register, arguments: tuple[str, ...], code: int, said: str
) -> None:
    register("Acme Power", email="info@acme.example.com", admin_email="ada@acme.example.com")
    done = run(*arguments)
    assert done.code == code, done.err
    assert done.out == ""
    assert said in done.err
    assert "Traceback" not in done.err
    assert [row["name"] for row in run("companies", "--json").json] == ["Acme Power"]


def test_migrations_are_made_applied_shown_and_undone(run: Run, register: Register) -> None:
    register()
    made = run("make-migration-tenant", "add_meter_phase", "--own")
    assert made.code == 0, made.err
    path = Path(made.out.strip())
    assert path.name.endswith("_add_meter_phase.py")
    path.write_text(path.read_text().replace("pass", 'op.add_column("meters", sa.Column("phase", sa.Text()))', 1))
    behind = run("migrate-tenant-status", "--json")
    assert (behind.code, behind.json[0]["state"]) == (1, "behind")
    assert "pending" in run("migrate-tenant-status", "1").out
    report = run("migrate-tenant", "--json")
    assert (report.code, report.json["outcomes"][0]["status"]) == (0, "done")
    assert run("migrate-tenant-status").code == 0
    assert run("migrate-tenant-rollback", "--step", "1", "--force").code == 0
    assert run("migrate-tenant-status").code == 1


def test_a_failed_company_is_exit_code_1_with_its_name_and_statement(run: Run, register: Register) -> None:
    register("Acme Power")
    path = Path(run("make-migration-tenant", "broken", "--own").out.strip())
    path.write_text(path.read_text().replace("pass", 'op.execute("SELECT 1 / 0")', 1))
    done = run("migrate-tenant")
    assert done.code == 1
    assert "Acme Power" in done.err
    assert "division by zero" in done.err
    assert "22012" in done.out


def test_a_rehearsal_shows_a_table_per_clone_and_what_it_means_for_all(run: Run, register: Register) -> None:
    for name in ("Acme [Power]", "Beta", "Gamma"):
        register(name)
    assert run("migrate-tenant", "--rehearse", "2").out == "rehearsal: nothing to migrate\n"
    path = Path(run("make-migration-tenant", "add_phase", "--own").out.strip())
    path.write_text(path.read_text().replace("pass", 'op.add_column("meters", sa.Column("phase", sa.Text()))', 1))
    shown = run("migrate-tenant", "--rehearse", "2")
    assert shown.code == 0, shown.err
    assert "Acme [Power] (1): no. " in shown.out
    assert shown.out.count("meters: ACCESS EXCLUSIVE") == 2
    assert shown.out.count("meters: ACCESS EXCLUSIVE (longest)") == 1
    assert "rehearsal: 2 of 2 clones migrated; at their pace the run over 3 companies is" in shown.out
    found = run("migrate-tenant", "--rehearse", "1", "--json")
    assert (found.code, found.json["ok"], found.json["companies"]) == (0, True, 3)
    assert found.json["clones"][0]["steps"][0]["locks"][0]["mode"] == "ACCESS EXCLUSIVE"
    path.write_text(path.read_text().replace("op.add_column", 'op.execute("SELECT 1 / 0"); op.add_column', 1))
    failed = run("migrate-tenant", "--rehearse", "1")
    assert failed.code == 1
    assert "failed in revision" in failed.out
    assert "SELECT 1 / 0" in failed.out
    assert run("runs", "--json").json == []


def test_a_run_without_companies_says_why_and_is_none(run: Run, register: Register) -> None:
    register()
    fits = run("migrate-tenant", "--match", "Zzz*")
    assert (fits.code, fits.out) == (0, "migrate-tenant: no company fits --match Zzz*\n")
    assert run("runs", "--json").json == []
    assert run("migrate-tenant").code == 0
    left = run("migrate-tenant", "--resume", "1")
    assert (left.code, left.out) == (0, "migrate-tenant: nothing is left of run 1\n")
    assert [one["id"] for one in run("runs", "--json").json] == [1]
    unknown = run("migrate-tenant", "--match", "server=west")
    assert unknown.code == 2
    assert "the settings have no server 'west'" in unknown.err
    assert "They have main." in unknown.err


def test_autogenerate_finds_nothing_to_do(run: Run) -> None:
    made = run("make-migration-tenant", "anything_new", "--own", "--autogenerate")
    assert made.code == 0, made.err
    assert Path(made.out.strip()).read_text().count("pass") == 2


def test_making_a_migration_needs_no_server(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPM_OPS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/")
    assert run("make-migration-tenant", "add_meter_phase", "--own").code == 0
    assert run("make-migration", "add_website", "--own").code == 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://nobody:planted@127.0.0.1:1/", "server status"),
        ("nonsense with planted in it", "MPM_OPS_DATABASE_URL is not a connection string"),
    ],
)
def test_a_server_that_is_down_is_told_without_the_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("MPM_OPS_DATABASE_URL", url)
    done = run("companies")
    assert done.code != 0
    assert said in done.err
    assert "planted" not in done.out + done.err


def test_a_central_database_that_is_missing_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPM_OPS_CENTRAL_DATABASE", "no_such_central")
    done = run("companies")
    assert done.code == 1
    assert "mpm-ops migrate" in done.err


def test_a_bad_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPM_OPS_WORKERS", "many")
    done = run("companies")
    assert done.code == 2
    assert "MPM_OPS_WORKERS" in done.err


def test_production_asks_before_it_migrates(run: Run, register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    monkeypatch.setenv("MPM_OPS_ENV", "production")
    refused = run("migrate-tenant")
    assert refused.code == 2
    assert "Migrate the databases of all companies?" in refused.err
    assert run("migrate-tenant", "--force").code == 0
    assert "does not run in production" in run("demo").err
    assert "made-up data does not go into production" in run("demo-data", "1").err


def test_a_migration_file_that_does_not_compile_is_named(run: Run, register: Register) -> None:
    register()
    path = Path(run("make-migration-tenant", "broken", "--own").out.strip())
    path.write_text("def upgrade(:\n")
    done = run("migrate-tenant")
    assert done.code == 1
    assert f"{path.name}, line 1" in done.err


INTERRUPTED = """
import os, signal, sys
import mpm_ops.__main__

# As in a terminal; what a script starts in the background hears no Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupts:
    def find_spec(self, name, path, target=None):
        if name == "mpm_ops.cli":
            os.kill(os.getpid(), signal.SIGINT)

assert not [name for name in sys.modules if name.startswith("mpm_ops.") and name != "mpm_ops.__main__"]
sys.meta_path.insert(0, Interrupts())
mpm_ops.__main__.main()
"""


def test_ctrl_c_while_it_is_loaded_is_quiet() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_tables_cut_nothing_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system=None)
    monkeypatch.setattr(output, "data", console)
    at = dt.datetime(2026, 11, 25, 12, 30, 1, 123456, tzinfo=dt.UTC)
    row = {"what": "migrate-tenant-rollback", "from": "a5546fce9bd0", "at": at, "why": "x" * 90 + " and so on"}
    output.print_table([row], list(row))
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "…" not in shown
    assert shown.count("x") == 90
    for whole in ("migrate-tenant-rollback", "a5546fce9bd0", "2026-11-25", "12:30:01+00:00"):
        assert whole in shown
    assert "123456" not in shown


def test_the_module_is_the_command() -> None:
    shown = subprocess.run([sys.executable, "-m", "mpm_ops", "--help"], capture_output=True, text=True, check=False)
    assert shown.returncode == 0
    assert "migrate-tenant" in shown.stdout
