"""JupySQL, pandas and our magics in one kernel: `%sql` works on `company.engine()`, and the server confines it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mpm_ops import Company, Ops
from mpm_ops.postgres.server import Server
from tests.notebooks.kernels import Kernel, fleet, kernel

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Jupyter's own


@pytest.fixture(scope="module")
def installed(
    dsn: str, server: Server, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Ops, list[Company]]]:
    with fleet(dsn, server, template, tmp_path_factory.mktemp("jupysql"), "Acme Power") as found:
        yield found


@pytest.fixture(scope="module", params=["%load_ext sql\n%load_ext mpm_ops", "%load_ext mpm_ops\n%load_ext sql"])
def notebook(
    request: pytest.FixtureRequest, installed: tuple[Ops, list[Company]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    """Both extensions, in either order, on one company."""
    home = tmp_path_factory.mktemp("home")
    with kernel(installed[0].settings, home) as started:
        first = started.run(f"{request.param}\nacme = %company 1\nengine = acme.engine()\n%sql engine --alias acme")
        assert first.status == "ok", first.traceback
        yield started
        started.run("%sql --close acme\nengine.dispose()")
    # Nobody was counted.
    assert not list(home.glob("**/.ploomber/stats/uid.yaml"))


def refused(notebook: Kernel, cell: str) -> str:
    ran = notebook.run(cell)
    assert ran.status == "error"
    return "\n".join(ran.traceback) + ran.printed


def test_both_magics_answer_side_by_side(notebook: Kernel) -> None:
    assert (
        notebook.run("found = %sql SELECT count(*) AS n FROM people\nlist(found)").shown[-1]["text/plain"] == "[(1,)]"
    )
    assert notebook.run("%%sql mine <<\nSELECT 2 AS two").status == "ok"
    assert notebook.run("list(mine)").text == "[(2,)]"
    assert notebook.run("%%mpm -o ours\nSELECT count(*) AS n FROM people").status == "ok"
    assert notebook.run("ours.rows").text == "[(1,)]"
    assert "sql.magic" in notebook.run("get_ipython().find_cell_magic('sql').__module__").text
    assert notebook.offered("%%mpm\nSELECT 1 FROM peop|") == ["%%mpm\nSELECT 1 FROM people"]


def test_pandas_reads(notebook: Kernel) -> None:
    notebook.run("import pandas as pd\nframe = pd.read_sql('SELECT name FROM people', engine)")
    assert notebook.run("frame.shape").text == "(1, 1)"


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO public.people (name, surname) VALUES ('x', 'y') RETURNING id", "DELETE FROM people RETURNING id"],
)
def test_writes_are_refused_by_the_server(notebook: Kernel, statement: str) -> None:
    said = "permission denied", "read-only transaction"
    for cell in (f'import pandas as pd\npd.read_sql("{statement}", engine)', f"%%sql\n{statement}"):
        told = refused(notebook, cell)
        assert any(one in told for one in said), told
        # Nor does a transaction of the session's own choosing help: the login has no right to write.
        begun = (
            "import sqlalchemy as sa\nwith engine.begin() as c:\n    c.execute(sa.text('SET TRANSACTION READ WRITE'))"
        )
        assert "permission denied" in refused(notebook, f'{begun}\n    c.execute(sa.text("{statement}"))')
    assert notebook.run("%%sql last <<\nSELECT count(*) FROM people").status == "ok"
    assert notebook.run("list(last)").text == "[(1,)]"


def test_personal_data_are_masked_and_passwords_are_nobodys(notebook: Kernel) -> None:
    notebook.run("import pandas as pd")
    notebook.run("%%sql names <<\nSELECT name FROM people")
    notebook.run("%%mpm -o ours\nSELECT name FROM people")
    same = "set(pd.read_sql('SELECT name FROM people', engine)['name'])"
    assert notebook.run(f"{{one.name for one in names}} == {same} == {{one for one, in ours.rows}}").text == "True"
    assert "Neema" not in notebook.run("print(list(names), ours)").text
    for table, told in (("users", 'column "password" does not exist'), ("public.users", "permission denied")):
        question = f"SELECT password FROM {table}"
        for cell in (f"pd.read_sql('{question}', engine)", f"%%sql\n{question}", f"%%mpm\n{question}"):
            assert told in refused(notebook, cell)


def test_no_secret_is_shown(notebook: Kernel) -> None:
    shown = notebook.run("print(engine, engine.url, acme)\n%sql --connections").text
    secret = notebook.run(
        "with engine.connect() as c:\n    print(c.connection.driver_connection.info.password)"
    ).printed.strip()
    assert len(secret) > 10
    assert secret not in shown
