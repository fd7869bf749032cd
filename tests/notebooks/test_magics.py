"""`%company`, `%%mpm` and `%mpm` in a real kernel, and what they show of errors, interrupts and hostile data."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell
from psycopg import sql

import mpm_ops
from mpm_ops import Company, Ops
from mpm_ops.notebook import completion, formatters
from mpm_ops.notebook.magics import MpmMagics
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX
from tests.notebooks.kernels import SCRIPT, Kernel, Ran, central, fleet, kernel, owner

pytestmark = pytest.mark.filterwarnings("default")  # Jupyter's own

NAMES = ("Acme Power", "Ziwa Umeme Ltd", "हिमाल ऊर्जा प्रा. लि.")


@pytest.fixture(scope="module")
def installed(
    dsn: str, server: Server, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Ops, list[Company]]]:
    with fleet(dsn, server, template, tmp_path_factory.mktemp("magics"), *NAMES) as found:
        yield found


@pytest.fixture(scope="module")
def started(installed: tuple[Ops, list[Company]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with kernel(installed[0].settings, tmp_path_factory.mktemp("home")) as kernel_:
        assert kernel_.run("%load_ext mpm_ops").status == "ok"
        yield kernel_


@pytest.fixture
def notebook(started: Kernel) -> Kernel:
    """The module's kernel, with the first company chosen and nothing configured."""
    assert started.run("%reset -f\n%company Acme Power").status == "ok"
    started.run("c = get_ipython().magics_manager.registry['MpmMagics']")
    started.run("c.max_rows, c.personal_data, c.errors = 10_000, False, 'raise'")
    return started


def lines(ran: Ran) -> list[str]:
    assert ran.status == "error"
    return ran.traceback


# Questions


def test_a_cell_asks_the_chosen_company(notebook: Kernel) -> None:
    shown = notebook.run("%%mpm\nSELECT 1 AS one, 'x' AS two")
    assert shown.text.startswith("one  two\n  1  x\n1 row, ")
    assert "Acme Power, read-only" in shown.text
    assert "<table" in shown.html
    assert notebook.run("%company").text == "<CompanyReader Acme Power (1), read-only>"


@pytest.mark.parametrize("term", ["Ziwa Umeme Ltd", '"Ziwa Umeme Ltd"', "ziwa umeme ltd", "2"])
def test_a_company_is_chosen_by_what_it_is_called(notebook: Kernel, term: str) -> None:
    assert "Ziwa Umeme Ltd (2)" in notebook.run(f"%company {term}").text
    assert notebook.run("%%mpm\nSELECT 1").text.count("Ziwa Umeme Ltd") == 1


def test_an_unknown_company_is_told_in_two_lines(notebook: Kernel) -> None:
    told = lines(notebook.run("%company Ziwa Umeme"))
    assert told == [
        "UnknownCompany: there is no company 'Ziwa Umeme'",
        "Hint: Did you mean Ziwa Umeme Ltd (id 2)?",
    ]
    assert "Acme" in notebook.run("%company").text


def test_options(notebook: Kernel) -> None:
    notebook.run("%%mpm -o found --limit 3 --company 'Ziwa Umeme Ltd'\nSELECT g FROM generate_series(1, 9) AS g")
    assert notebook.run("type(found).__name__, len(found), found.truncated, found.of").text == (
        "('Result', 3, True, 'Ziwa Umeme Ltd')"
    )
    assert notebook.run("found.df['g'].tolist()").text == "[1, 2, 3]"
    notebook.run("%%mpm --limit 0 -o found\nSELECT g FROM generate_series(1, 10001) AS g")
    assert notebook.run("len(found), found.truncated").text == "(10001, False)"
    assert "हिमाल" in notebook.run("%%mpm --company 'हिमाल ऊर्जा प्रा. लि.'\nSELECT 1").text


def test_all_companies(notebook: Kernel) -> None:
    notebook.run("%%mpm --all -o found\nSELECT count(*) AS people FROM people")
    assert notebook.run("found.rows").text == repr([(name, 1) for name in NAMES])


def test_configured(notebook: Kernel) -> None:
    notebook.run("%config MpmMagics.max_rows = 2")
    assert "2 rows, cut" in notebook.run("%%mpm\nSELECT generate_series(1, 9)").text
    assert "Neema" not in notebook.run("%%mpm\nSELECT name FROM people").text
    assert "Neema" in notebook.run("%%mpm --personal-data\nSELECT name FROM people").text
    notebook.run("%config MpmMagics.personal_data = True")
    assert "Neema" in notebook.run("%%mpm\nSELECT name FROM people").text
    assert "Neema" in notebook.run("%%mpm --all\nSELECT name FROM people").text
    assert "max_rows=<Int>" in notebook.run("%config MpmMagics").text


def test_errors_of_some_companies_are_collected(notebook: Kernel) -> None:
    question = "SELECT 1 / (count(*) - 1) FROM people WHERE current_database() LIKE '%_1'"
    assert "FleetFailed: 2 of 3" not in notebook.run(f"%%mpm --all\n{question}").text
    failing = "%%mpm --all -o found\nSELECT 1 / (CASE WHEN current_database() LIKE '%\\_1' THEN 0 ELSE 1 END) AS x"
    assert lines(notebook.run(failing))[0].startswith("FleetFailed: 1 of 3 companies did not answer: Acme Power")
    notebook.run("%config MpmMagics.errors = 'collect'")
    assert "1 did not answer" in notebook.run(failing).text
    assert notebook.run("list(found.errors)").text == "['Acme Power']"


def test_what_there_is_to_ask_about(notebook: Kernel) -> None:
    assert "meters" in notebook.run("t = %mpm tables\nset(t['table'])").text
    assert "serial_number" in notebook.run("%mpm columns meters").text
    assert "serial_number" in notebook.run("%mpm columns --company 2 'meters'").text
    assert notebook.run("c = %mpm companies\nc['name'].tolist()").text == repr(list(NAMES))
    assert lines(notebook.run("%mpm columns metres"))[1] == "Hint: Did you mean meters, meter_types?"


# Values


def test_names_are_the_notebooks_variables(notebook: Kernel) -> None:
    notebook.run('least = 3\nword = "\'; DROP TABLE people; --"\nids = [2, 4, 6]')
    query = (
        "SELECT g, :word AS w, '{x} $y :no %(no)s' AS literal, '7'::int AS cast, (ARRAY[1,2,3])[2:3] AS part\n"
        "FROM generate_series(1, 9) AS g -- :no\nWHERE g > :least AND g = ANY(:ids)"
    )
    notebook.run(f"%%mpm -o found\n{query}")
    assert eval(notebook.run("found.rows").text) == (
        [(g, "'; DROP TABLE people; --", "{x} $y :no %(no)s", 7, [2, 3]) for g in (4, 6)]
    )


def test_a_slice_stays_one_beside_a_variable_of_that_name(notebook: Kernel) -> None:
    notebook.run("n = 1")
    notebook.run("%%mpm -o found\nSELECT a[:n] AS part FROM (VALUES (ARRAY[1,2,3], 2)) AS v (a, n)")
    assert notebook.run("found.rows").text == "[([1, 2],)]"


def test_given_values_go_before_variables(notebook: Kernel) -> None:
    notebook.run("a = 1\nb = 2")
    notebook.run("%%mpm -o found --params a=b+40 c='x y' b\nSELECT :a AS a, :b AS b, :c AS c")
    assert notebook.run("found.rows").text == "[(42, 2, 'x y')]"


VALUES = {
    "np.int64(7)": "7",
    "np.uint8(7)": "7",
    "np.float64(1.5)": "1.5",
    "np.bool_(True)": "True",
    "np.str_('é')": "'é'",
    "np.datetime64('2026-02-03T04:05:06.789123456')": "datetime.datetime(2026, 2, 3, 4, 5, 6, 789123)",
    "np.datetime64('2026-02-03')": "datetime.date(2026, 2, 3)",
    "np.datetime64('NaT')": "None",
    "np.timedelta64(90, 's')": "datetime.timedelta(seconds=90)",
    "pd.Timestamp('2026-02-03 04:05:06.789123456')": "datetime.datetime(2026, 2, 3, 4, 5, 6, 789123)",
    "pd.Timestamp('2026-02-03', tz='Africa/Nairobi').tz_convert('UTC')": (
        "datetime.datetime(2026, 2, 2, 21, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC'))"
    ),
    "pd.Timedelta('90s')": "datetime.timedelta(seconds=90)",
    "pd.NaT": "None",
    "pd.NA": "None",
    "None": "None",
    "pd.Series([1, pd.NA, 3], dtype='Int64')": "[1, None, 3]",
    "pd.Series([1, 3], dtype='int64[pyarrow]')": "[1, 3]",
    "pd.Series(pd.to_datetime(['2026-02-03']))": "[datetime.datetime(2026, 2, 3, 0, 0)]",
    "pd.Index(['a', 'b'])": "'{a,b}'",  # a list of texts without a cast, as PostgreSQL has it
    "np.array([1, 2])": "[1, 2]",
    "np.array(['2026-02-03'], dtype='datetime64[ns]')": "[datetime.datetime(2026, 2, 3, 0, 0)]",
    "np.array(5)": "5",
    "[np.int64(1), np.int64(2)]": "[1, 2]",
    "(1, 2)": "[1, 2]",
    "pa.scalar(5)": "5",
    "pa.array([1, None])": "[1, None]",
    "pl.Series([1, 2])": "[1, 2]",
    "decimal.Decimal('1.10')": "Decimal('1.10')",
}


def test_values_of_the_libraries_go_as_pythons(notebook: Kernel) -> None:
    notebook.run("import datetime, decimal, numpy as np, pandas as pd, polars as pl, pyarrow as pa")
    asked = "".join(
        f"v = {value}\nfound.append(get_ipython().run_cell_magic('mpm', '', 'SELECT :v AS v').rows[0][0])\n"
        for value in VALUES
    )
    ran = notebook.run(f"found = []\n{asked}list(map(repr, found))")
    assert ran.status == "ok", ran.traceback
    assert eval(ran.text) == list(VALUES.values())


# Errors


def test_a_typo_takes_four_lines_and_the_caret_is_under_it(notebook: Kernel) -> None:
    told = lines(notebook.run("%%mpm -o found --limit 5\n-- the meters\nSELECT id,\n       seriel_number\nFROM meters"))
    assert told == [
        'QueryError: Acme Power: column "seriel_number" does not exist [42703]',
        "         seriel_number",
        "         ^",
        "Hint: Did you mean serial_number, user_name?",
    ]


def test_the_caret_is_right_behind_values(notebook: Kernel) -> None:
    notebook.run("a = 1\nb = 2")
    told = lines(notebook.run("%%mpm\nSELECT :a AS a, :b AS b\nFROM people WHERE id = :a AND nme = :b"))
    assert 3 <= len(told) <= 6
    assert told[1] == "  FROM people WHERE id = :a AND nme = :b"
    assert told[2].index("^") == told[1].index("nme")


def test_a_name_that_is_no_variable_is_told_at_its_place(notebook: Kernel) -> None:
    notebook.run("least = 3")
    told = lines(notebook.run("%%mpm\nSELECT 1\nWHERE 1 > :leest"))
    assert told == [
        "QueryError: there is no variable leest",
        "  WHERE 1 > :leest",
        "            ^",
        "Hint: Did you mean least?",
    ]
    assert (
        lines(notebook.run("%%mpm --params x=1\nSELECT 1"))[0]
        == "QueryError: Acme Power: the statement has no place for x"
    )


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("%%mpm --nonsense\nSELECT 1", "UsageError: unrecognized arguments: --nonsense"),
        ("%%mpm --limit x\nSELECT 1", "UsageError: argument --limit: invalid int value: 'x'"),
        ("%%mpm --limit -5\nSELECT 1", "UsageError: max_rows is -5"),
        ("%%mpm -o 1x\nSELECT 1", "UsageError: '1x' is no name of a variable"),
        ("%%mpm --all --company 1\nSELECT 1", "UsageError: --all and --company exclude each other"),
        ("%%mpm --params a=1/0\nSELECT :a", "UsageError: --params a=1/0: ZeroDivisionError: division by zero"),
        ("%%mpm --params 1a=1\nSELECT 1", "UsageError: '1a' is no name of a variable"),
        ("%%mpm --company 'x\nSELECT 1", "UsageError: a quote is not closed: '"),
        ("%%mpm SELECT 1\nFROM people", "UsageError: the question goes into the lines below %%mpm"),
        ("%%mpm\n\n", "UsageError: the question goes into the lines below %%mpm"),
        ("%mpm SELECT 1", "UsageError: there is no %mpm SELECT 1"),
        ("%mpm columns", "UsageError: there is no %mpm columns"),
        ("%%mpm\nDELETE FROM meters", "NotReadOnly: Acme Power: "),
    ],
)
def test_a_wrong_use_takes_few_lines(notebook: Kernel, cell: str, told: str) -> None:
    found = lines(notebook.run(cell))
    assert found[0].startswith(told)
    assert len(found) <= (4 if "DELETE" in cell else 2)


@pytest.fixture
def shell(installed: tuple[Ops, list[Company]]) -> Iterator[InteractiveShell]:
    """The shell of a terminal, with the module's installation as its `ops`."""
    shell = InteractiveShell()
    mpm_ops.load_ipython_extension(shell)
    shell.user_ns["ops"] = installed[0]
    yield shell
    mpm_ops.unload_ipython_extension(shell)


def test_a_question_needs_a_company(shell: InteractiveShell) -> None:
    with pytest.raises(mpm_ops.MpmOpsError, match="no company is chosen"):
        shell.run_cell_magic("mpm", "", "SELECT 1")


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (
            "%%mpm -o x\nSELECT id,\n  seriel_number FROM meters",
            'QueryError: Acme Power: column "seriel_number" does not exist [42703]\n'
            "    seriel_number FROM meters\n"
            "    ^\n"
            "Hint: Did you mean serial_number, user_name?\n",
        ),
        (
            "%%mpm --nonsense\nSELECT 1",
            "UsageError: unrecognized arguments: --nonsense\nHint: %mpm? tells the options.\n",
        ),
    ],
)
def test_a_terminal_tells_the_same(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str, told: str
) -> None:
    shell.run_cell("c = %company 1")
    assert shell.run_cell(cell).error_in_exec is not None
    assert capsys.readouterr().out == told


def test_an_interrupt_takes_one_line_and_the_next_cell_works(notebook: Kernel, server: Server) -> None:
    running = f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND usename LIKE '{PREFIX}reader%'"
    with server.connect("postgres") as connection:

        def there() -> int:
            row = connection.execute(running.encode()).fetchone()
            assert row is not None
            return int(row[0])

        def stop() -> None:
            until(lambda: there() > 0)
            notebook.manager.interrupt_kernel()

        notebook.run("acme = %company")
        for begin, end in (("%%mpm\n", ""), ("%%mpm --all\n", ""), ("acme.read_sql('", "')")):
            bomb = f"{begin}SELECT count(*) FROM generate_series(1, 100000000000){end}"
            began = time.monotonic()
            told = lines(notebook.run(bomb, meanwhile=stop))
            assert told == ["KeyboardInterrupt: the question was broken off, and cancelled on the server"]
            assert time.monotonic() - began < 20
            until(lambda: there() == 0)
            assert notebook.run("%%mpm\nSELECT 7").status == "ok"


def until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


# Whose installation


def test_the_notebooks_own_ops_goes_first(notebook: Kernel) -> None:
    own = "get_ipython().magics_manager.registry['MpmMagics'].choice"
    assert notebook.run(f"{own}.ops is {own}._own").text == "True"
    notebook.run("import mpm_ops\nops = mpm_ops.connect()")
    assert notebook.run(f"{own}.ops is ops").text == "True"
    assert notebook.run("%%mpm\nSELECT 1").status == "ok"
    notebook.run("ops.close()\nops = mpm_ops.Ops")
    assert notebook.run(f"{own}.ops is {own}._own").text == "True"


def test_a_company_of_another_installation_is_not_asked_by_its_id(
    installed: tuple[Ops, list[Company]], shell: InteractiveShell
) -> None:
    shell.run_line_magic("company", "1")
    assert shell.run_cell_magic("mpm", "", "SELECT 1").of == "Acme Power"
    with central(installed[0]) as connection:
        connection.execute("UPDATE companies SET created_at = created_at + interval '1 s' WHERE id = 1")
    with pytest.raises(mpm_ops.MpmOpsError, match="another installation"):
        shell.run_cell_magic("mpm", "", "SELECT 1")
    shell.run_line_magic("company", "1")
    assert shell.run_cell_magic("mpm", "", "SELECT 1").of == "Acme Power"


# Loading


def test_loading_and_unloading_leave_a_shell_as_it_was(installed: tuple[Ops, list[Company]]) -> None:
    shell = InteractiveShell()
    before = state(shell)
    for _ in range(2):
        mpm_ops.load_ipython_extension(shell)
        mpm_ops.load_ipython_extension(shell)
        assert {"mpm", "company"} <= set(shell.magics_manager.magics["line"])
        assert len(shell.Completer.custom_matchers) == 1
        assert shell.find_cell_magic("sql") is None
        mpm_ops.unload_ipython_extension(shell)
        mpm_ops.unload_ipython_extension(shell)
        assert state(shell) == before


def state(shell: InteractiveShell) -> list[object]:
    assert shell.display_formatter is not None
    return [
        {kind: set(found) for kind, found in shell.magics_manager.magics.items()},
        list(shell.magics_manager.registry),
        len(shell.configurables),
        list(shell.Completer.custom_matchers),
        {mime: set(found.type_printers) for mime, found in shell.display_formatter.formatters.items()},
    ]


def test_the_login_ends_with_the_kernel(
    installed: tuple[Ops, list[Company]], server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def logins() -> set[str]:
        with server.connect("postgres") as connection:
            return set(roles.names(connection, f"{PREFIX}reader_"))

    before = logins()
    with kernel(installed[0].settings, tmp_path_factory.mktemp("home")) as other:
        other.run("%load_ext mpm_ops\n%company 1")
        other.run("%%mpm\nSELECT 1")
        assert len(logins() - before) == 1
        other.run("%unload_ext mpm_ops")
        assert logins() == before
        assert "UsageError: Cell magic `%%mpm` not found." in str(other.run("%%mpm\nSELECT 1"))
        other.run("%load_ext mpm_ops\n%company 1")
        other.run("%%mpm\nSELECT 1")
        assert len(logins() - before) == 1
    assert logins() == before


def test_the_options_that_are_offered_are_those_there_are() -> None:
    taken = set(MpmMagics.mpm.parser._option_string_actions)
    assert taken == set(completion.OPTIONS)


def test_help_tells_the_options(notebook: Kernel) -> None:
    told = notebook.run("print(get_ipython().find_cell_magic('mpm').__doc__)").printed
    assert all(option in told for option in completion.OPTIONS)


# Faces


def test_fleets_and_lists_of_records_are_shown_as_tables(notebook: Kernel) -> None:
    notebook.run("import mpm_ops\nops = mpm_ops.connect()\ndone = ops.migrate_tenant()")
    shown = notebook.run("done")
    assert "<td" in shown.html
    assert "3 skipped of 3 companies" in shown.html
    assert shown.text.startswith("FleetReport(")
    assert "3 companies" in notebook.run("ops.status()").html
    assert "Ziwa Umeme Ltd" in notebook.run("ops.list_companies()").html
    assert "20 of" in notebook.run("ops.list_plugins()").html
    assert "<td" in notebook.run("ops.history(1)").html
    assert notebook.run("[1, 2]").html == ""
    assert notebook.run("[]").html == ""
    assert notebook.run("[ops.get_company(1), 2]").html == ""
    notebook.run("ops.close()")


def test_a_login_that_was_just_made_is_no_table() -> None:
    made = mpm_ops.records.NewLogin(name="a", login="b", url="postgresql://a:secret@h/d")
    assert formatters.listed([made]) is None


@pytest.fixture
def hostile(installed: tuple[Ops, list[Company]]) -> Iterator[str]:
    """A company and a table with a name that is a script, a column too that the others lack, a function that says so.

    What is returned is the name as a question has it.
    """
    ops, companies = installed
    name = sql.Identifier(SCRIPT)
    for number, company in enumerate(companies):
        with owner(ops, company) as connection:
            columns = sql.SQL("{} int, b int" if number == 0 else "b int").format(name)
            connection.execute(sql.SQL("CREATE TABLE {} ({})").format(name, columns))
            group = sql.Identifier(roles.read_group(company.database))
            connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(name, group))
            connection.execute(
                "CREATE FUNCTION say(word text) RETURNS text LANGUAGE plpgsql AS "
                "$$BEGIN RAISE NOTICE '%', word; RAISE WARNING '%', word; RETURN word; END$$"
            )
            connection.execute("GRANT EXECUTE ON FUNCTION say TO PUBLIC")
    with central(ops) as connection:
        connection.execute("UPDATE companies SET name = %s WHERE id = 1", [SCRIPT])
    yield f'"{SCRIPT}"'
    with central(ops) as connection:
        connection.execute("UPDATE companies SET name = 'Acme Power' WHERE id = 1")
    for company in companies:
        with owner(ops, company) as connection:
            connection.execute(sql.SQL("DROP TABLE {}; DROP FUNCTION say").format(name))


def test_hostile_data_and_names_stay_text(notebook: Kernel, hostile: str) -> None:
    notebook.run(f"script = {SCRIPT!r}\nimport mpm_ops\nops = mpm_ops.connect()\nnobody = ops.migrate_tenant()")
    for cell in (
        f"%%mpm\nSELECT :script AS a, 1 AS {hostile}",
        f"%%mpm --all\nSELECT :script AS a, 1 AS {hostile}",
        f"%%mpm --all\nSELECT * FROM {hostile}",  # whose footer says who lacks the column
        "%%mpm\nSELECT say(:script)",
        *("%mpm companies", "%mpm tables", f"%mpm columns {hostile}"),
        *("ops.list_companies()", "nobody", "ops.tenant_states()", "ops.audit_log(1)"),
    ):
        ran = notebook.run(cell)
        assert ran.status == "ok", ran.traceback
        assert "<script" not in ran.html
        assert "<img" not in ran.html
        assert html.escape("<script>alert(1)", quote=False) in ran.html, cell
        assert ran.printed == ""
    notebook.run("ops.close()")


def test_hostile_words_in_errors_have_no_other_face(notebook: Kernel, hostile: str) -> None:
    notebook.run(f"script = {SCRIPT!r}")
    for cell in (
        f"%%mpm\nSELECT {hostile.replace('b', 'c')} FROM people",
        f"%%mpm --all\nSELECT {hostile}.x FROM {hostile}",
        "%%mpm\nSELECT say(:script)::int",
        f"%company {SCRIPT}x",
        f"%mpm {SCRIPT}",
        f"%%mpm {SCRIPT}\nSELECT 1",
    ):
        ran = notebook.run(cell)
        # Every front end shows them as text.
        assert 1 <= len(lines(ran)) <= 6
        assert ran.shown == []
        assert ran.printed == ""


@pytest.mark.parametrize("escape", ["\x1b[31mred", "\x1b]0;title\x07", "\x9b31m"])
def test_no_escape_sequence_reaches_a_terminal(notebook: Kernel, escape: str) -> None:
    notebook.run(f"word = {escape!r}")
    for ran in (
        notebook.run("%%mpm\nSELECT :word AS w"),
        notebook.run("%%mpm\nSELECT (:word)::int"),
        notebook.run(f"%company {escape}"),
        notebook.run(f"%mpm {escape}"),
        notebook.run(f"%%mpm {escape}\nSELECT 1"),
    ):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "".join([ran.text, *ran.traceback]))
