"""What is offered while somebody types, in a real kernel and in the terminal's shell; and that it disturbs nobody."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from psycopg import sql

import mpm_ops
from mpm_ops import Company, Ops
from mpm_ops.notebook import extension
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server
from tests.notebooks.kernels import Kernel, fleet, kernel, owner

pytestmark = pytest.mark.filterwarnings("default")  # Jupyter's own

NAMES = ("Acme Power", "Ziwa Umeme Ltd", "हिमाल ऊर्जा प्रा. लि.", "O'Brien Solar")


@pytest.fixture(scope="module")
def installed(
    dsn: str, server: Server, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Ops, list[Company]]]:
    with fleet(dsn, server, template, tmp_path_factory.mktemp("completion"), *NAMES) as (ops, companies):
        with owner(ops, companies[0]) as connection:
            group = sql.Identifier(roles.read_group(companies[0].database))
            connection.execute('CREATE TABLE "Odd Table" (id int, "order" int, "Größe" int, "a""b" int)')
            connection.execute(sql.SQL('GRANT SELECT ON "Odd Table" TO {}').format(group))
        yield ops, companies


@pytest.fixture(scope="module")
def notebook(installed: tuple[Ops, list[Company]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with kernel(installed[0].settings, tmp_path_factory.mktemp("home")) as started:
        assert started.run("%load_ext mpm_ops\n%company 1").status == "ok"
        yield started


@pytest.fixture(params=[True, False], ids=["jedi", "no jedi"])
def shell(request: pytest.FixtureRequest, installed: tuple[Ops, list[Company]]) -> Iterator[InteractiveShell]:
    """The shell of a terminal, with and without jedi."""
    shell = InteractiveShell()
    shell.Completer.use_jedi = request.param
    extension.load(shell, lambda: installed[0])
    shell.run_line_magic("company", "1")
    yield shell
    # The installation is not the shell's to close.
    shell.magics_manager.registry["MpmMagics"].choice._own = None
    extension.unload(shell)


def offered(shell: InteractiveShell, code: str) -> list[str]:
    """Return what a terminal offers at the sign `|`, as the whole cell would read then."""
    before, _, after = code.partition("|")
    with provisionalcompleter():
        found = list(shell.Completer.completions(before + after, len(before)))
    return [f"{before[: one.start]}{one.text}{(before + after)[one.end :]}" for one in found]


CASES = [
    ("%company |", [f"%company {name}" for name in NAMES]),
    ("%company zi|", ["%company Ziwa Umeme Ltd"]),
    ("%company Ziwa Um|", ["%company Ziwa Umeme Ltd"]),
    ("acme = %company Ac|", ["acme = %company Acme Power"]),
    ("%company हि|", ["%company हिमाल ऊर्जा प्रा. लि."]),
    ("x = 1\n%company Zi|", ["x = 1\n%company Ziwa Umeme Ltd"]),
    ("%%mpm --company |\nSELECT 1", [f'%%mpm --company "{name}"\nSELECT 1' for name in NAMES]),
    ("%%mpm --company Zi|\nSELECT 1", ['%%mpm --company "Ziwa Umeme Ltd"\nSELECT 1']),
    ('%%mpm --company "Ziwa U|\nSELECT 1', ['%%mpm --company "Ziwa Umeme Ltd"\nSELECT 1']),
    ("%%mpm --company=Zi|\nSELECT 1", ['%%mpm --company="Ziwa Umeme Ltd"\nSELECT 1']),
    ("%%mpm --p|\nSELECT 1", ["%%mpm --params\nSELECT 1", "%%mpm --personal-data\nSELECT 1"]),
    ("%mpm |", ["%mpm columns", "%mpm companies", "%mpm tables"]),
    ("%mpm t|", ["%mpm tables"]),
    ("%mpm columns met|", [f"%mpm columns {x}" for x in ("meter_consumptions", "meter_types", "meters")]),
    ("%mpm columns Odd|", ['%mpm columns "Odd Table"']),
    ("%%mpm\nSELECT seri| FROM meters", ["%%mpm\nSELECT serial_number FROM meters"]),
    ("%%mpm\nSELECT 1\nFROM peop|", ["%%mpm\nSELECT 1\nFROM people"]),
    ("%%mpm\nSELECT 1\nFROM PEOP|", ["%%mpm\nSELECT 1\nFROM people"]),
    ("%%mpm\nSELECT p.surn| FROM people AS p", ["%%mpm\nSELECT p.surname FROM people AS p"]),
    ("%%mpm\nSELECT people.surn| FROM people", ["%%mpm\nSELECT people.surname FROM people"]),
    ("%%mpm\nSELECT m.surn| FROM people p JOIN meters m ON true", []),
    ("%%mpm\nSELECT 1 FROM Odd|", ['%%mpm\nSELECT 1 FROM "Odd Table"']),
    ('%%mpm\nSELECT 1 FROM "Od|', ['%%mpm\nSELECT 1 FROM "Odd Table"']),
    ('%%mpm\nSELECT 1 FROM "Od|"', ['%%mpm\nSELECT 1 FROM "Odd Table"']),
    ('%%mpm\nSELECT 1 FROM "peop|"', ['%%mpm\nSELECT 1 FROM "people"']),
    (
        '%%mpm\nSELECT t.| FROM "Odd Table" t',
        [f'%%mpm\nSELECT t.{x} FROM "Odd Table" t' for x in ('"Größe"', '"a""b"', "id", '"order"')],
    ),
    ('%%mpm\nSELECT "Odd Table".ord| FROM "Odd Table"', ['%%mpm\nSELECT "Odd Table"."order" FROM "Odd Table"']),
    ('%%mpm\nSELECT t."ord|" FROM "Odd Table" t', ['%%mpm\nSELECT t."order" FROM "Odd Table" t']),
    ("%%mpm\nSELECT extract(year FROM birth_d|)", ["%%mpm\nSELECT extract(year FROM birth_date)"]),
    ('%%mpm\nSELECT 1 AS "it\'s" FROM peop|', ['%%mpm\nSELECT 1 AS "it\'s" FROM people']),
    ("%%mpm\nSELECT 'from meters', surn| -- '", ["%%mpm\nSELECT 'from meters', surname -- '"]),
    ("%%mpm\nSELECT 'peop|'", []),
    ("%%mpm\nSELECT 1 -- peop|", []),
]  # fmt: skip


@pytest.mark.parametrize(("code", "wanted"), CASES, ids=[code for code, _ in CASES])
def test_in_a_notebook(notebook: Kernel, code: str, wanted: list[str]) -> None:
    assert ours(notebook.offered(code), wanted) == wanted


@pytest.mark.parametrize(("code", "wanted"), CASES, ids=[code for code, _ in CASES])
def test_in_a_terminal(shell: InteractiveShell, code: str, wanted: list[str]) -> None:
    assert ours(offered(shell, code), wanted) == wanted


def ours(found: list[str], wanted: list[str]) -> list[str]:
    """Return what was offered; where nothing of ours fits, without what IPython makes of it as Python."""
    return found if wanted else [one for one in found if "surname" in one or "people" in one]


def test_tables_come_first_behind_from_and_columns_elsewhere(notebook: Kernel) -> None:
    tables = [one.removeprefix("%%mpm\nSELECT 1 FROM ") for one in notebook.offered("%%mpm\nSELECT 1 FROM |")]
    assert {"people", "meters", '"Odd Table"'} <= set(tables)
    assert "surname" not in tables
    assert "%%mpm\nSELECT 1 FROM\npeople" in notebook.offered("%%mpm\nSELECT 1 FROM\n|")
    after = [
        one.removeprefix("%%mpm\nSELECT 1 FROM people, ") for one in notebook.offered("%%mpm\nSELECT 1 FROM people, |")
    ]
    assert after == tables
    mixed = [one.split()[2] for one in notebook.offered("%%mpm\nSELECT | FROM people")]
    assert mixed.index("surname") < mixed.index("meters") < mixed.index("serial_number")


def test_another_companys_tables(notebook: Kernel) -> None:
    assert notebook.offered("%%mpm --company 2\nSELECT 1 FROM Od|") == []
    assert notebook.offered("%%mpm --company 'Acme Power' -o x\nSELECT 1 FROM Od|") != []


def test_variables_behind_a_colon(notebook: Kernel) -> None:
    notebook.run("least = 1\nlevel = 2\n_hidden = 3")
    found = notebook.offered("%%mpm\nSELECT * FROM people WHERE id > :le|")
    assert [one.rpartition(":")[2] for one in found] == ["least", "level"]
    assert "%%mpm\nSELECT :least" in notebook.offered("%%mpm\nSELECT :|")


def test_python_is_completed_as_before(notebook: Kernel) -> None:
    notebook.run("companies_of_mine = 1")
    assert notebook.offered("companies_of_m|") == ["companies_of_mine"]
    assert "import mpm_ops" in notebook.offered("import mpm_|")


def test_one_question_serves_many_keys(installed: tuple[Ops, list[Company]], shell: InteractiveShell) -> None:
    ops, _ = installed
    before = len(ops.audit_log(1, limit=1000))
    for typed in ("p", "pe", "peo", "peop"):
        assert offered(shell, f"%%mpm\nSELECT 1 FROM {typed}|")
    assert len(ops.audit_log(1, limit=1000)) == before + 1
    shell.run_line_magic("company", "1")
    assert offered(shell, "%%mpm\nSELECT 1 FROM p|")
    assert len(ops.audit_log(1, limit=1000)) == before + 2


def test_a_server_that_does_not_answer_delays_nobody(
    shell: InteractiveShell, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://x:y@127.0.0.1:{mute.getsockname()[1]}/x"
        with mpm_ops.Ops(mpm_ops.Settings.model_validate({"database_url": url})) as away:
            shell.user_ns["ops"] = away
            began = time.monotonic()
            for _ in range(5):
                assert offered(shell, "%company Ac|") == []
            assert time.monotonic() - began < 4
    written = capfd.readouterr()
    assert "Traceback" not in written.out + written.err


def test_settings_that_cannot_be_meant_are_told_by_cells_only(
    shell: InteractiveShell, capfd: pytest.CaptureFixture[str]
) -> None:
    extension.unload(shell)

    def refuse() -> Ops:
        raise mpm_ops.MpmOpsError("no settings")

    extension.load(shell, refuse)
    assert offered(shell, "%company Ac|") == []
    assert "Traceback" not in "".join(capfd.readouterr())
    with pytest.raises(mpm_ops.MpmOpsError, match="no settings"):
        shell.run_line_magic("company", "1")
