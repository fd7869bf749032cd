"""Every attack, raw and through the API: nothing is changed, nobody else's data is seen, nobody's session ends.

Raw is what an analyst can do with psql and the own password, on databases that are closed as `strict` says.
"""

from __future__ import annotations

import threading

import psycopg
import pytest

from mpm_ops.analysis.guard import Answer, Limits
from mpm_ops.errors import MpmOpsError
from tests.security.attacks import ATTACKS
from tests.security.scene import Scene, seen, told

#: Some minutes: `make test-slow`.
pytestmark = pytest.mark.slow

#: Seconds after which the analyst has had enough: what a reaper is for, when nobody stops it.
PATIENCE = 1.5


@pytest.mark.parametrize(("family", "attack"), ATTACKS)
def test_raw(scene: Scene, unchanged: None, family: str, attack: str) -> None:
    with psycopg.connect(scene.url, dbname=scene.company.database, autocommit=True) as connection:
        enough = threading.Timer(PATIENCE, connection.cancel_safe)
        enough.start()
        with connection.cursor() as cursor:
            found = told(lambda: cursor.execute(attack.format_map(scene.words).encode()))
            enough.cancel()
            enough.join()
            if not isinstance(found, Exception) and cursor.description:
                found = [cursor.description, cursor.fetchmany(10_000)]
        assert seen(found) == []


@pytest.mark.parametrize(("family", "attack"), ATTACKS)
def test_through_the_api(scene: Scene, unchanged: None, family: str, attack: str) -> None:
    reader = scene.analyst.company(scene.company.id)
    limits = Limits(rows=100, statement=1_000, bytes=1_000_000)
    found = told(lambda: reader.ask(attack.format_map(scene.words), limits=limits))
    assert isinstance(found, (Answer, MpmOpsError))
    assert seen(found) == []
    assert not isinstance(found, Answer) or len(found.rows) <= 100
    assert reader.ask("SELECT count(*) FROM meters").rows == [(0,)]


CHANGES = [
    "UPDATE people SET education = 'x'",
    "GRANT SELECT ON meters TO PUBLIC",
    "SELECT lo_create(77)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE mine ()",
    "ALTER ROLE {app} SET work_mem = '5MB'",
    "ALTER DATABASE {db} CONNECTION LIMIT 7",
    "COMMENT ON TABLE meters IS 'x'",
    "GRANT {app} TO {read}",
    "SELECT nextval('people_id_seq')",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_would_be_seen(scene: Scene, change: str) -> None:
    before = scene.state()
    with scene.ops._installation.server.connect(scene.company.database) as connection:
        connection.execute(change.format_map(scene.words).encode())
    assert scene.state() != before


def test_what_is_not_to_be_seen_is_there(scene: Scene) -> None:
    with scene.ops._installation.server.connect(scene.company.database) as connection:
        for query in ("TABLE people", "TABLE users", "TABLE password_resets"):
            assert seen(connection.execute(query.encode()).fetchall())


def test_what_grants_cannot_stop_the_reaper_ends(scene: Scene) -> None:
    with psycopg.connect(scene.url, dbname=scene.company.database, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        outcome: list[object] = []
        endless = "SELECT count(*) FROM generate_series(1, 100000000000)"
        busy = threading.Thread(target=lambda: outcome.append(told(lambda: connection.execute(endless))))
        busy.start()
        while not (ended := scene.ops.reap(seconds=0.2)):
            pass
        busy.join()
    assert [(one.login, one.database, one.what) for one in ended] == [
        (scene.words["me"], scene.company.database, "active")
    ]
    assert isinstance(outcome[0], psycopg.OperationalError)
    idle = psycopg.connect(scene.url, dbname=scene.company.database)
    idle.execute("SELECT count(*) FROM meters")  # its transaction stays open, and a migration would wait for it
    while not (ended := scene.ops.reap(seconds=0.2)):
        pass
    assert [one.what for one in ended] == ["idle in transaction"]
    with pytest.raises(psycopg.OperationalError):
        idle.execute("SELECT 1")
    idle.close()
    assert scene.victim.execute("SELECT 1").fetchone() == (1,)
