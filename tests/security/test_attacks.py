"""Every attack, raw and through the API: nothing is changed, nobody else's data is seen, nobody's session ends.

Raw is what an analyst can do with psql and the own password, on databases that are closed as `strict` says.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from mpm_ops import Company, Ops
from mpm_ops.analysis.guard import Answer, Limits
from mpm_ops.errors import MpmOpsError
from mpm_ops.postgres import roles
from mpm_ops.postgres.server import Server
from mpm_ops.records import Hardening
from tests.conftest import PREFIX, clean, make_settings, reopen
from tests.security.attacks import ATTACKS

#: Some minutes: `make test-slow`.
pytestmark = pytest.mark.slow

#: What must never be seen: names and rows of the other company, personal data, secrets, the centre's own.
CANARIES = ("Sun Hill", "sunhill@", "Bea Canary", "Ada Canary", "canary-token", "$2b$", "SCRAM-SHA-256")
#: Seconds after which the analyst has had enough: what a reaper is for, when nobody stops it.
PATIENCE = 1.5
#: All of what an attack may have changed, on the server and in a database.
SERVER_STATE = """
    SELECT 'role', to_jsonb(r) - 'rolpassword' FROM pg_roles r
    WHERE rolname ~ %(prefix)s OR rolname IN ('postgres', 'mine')
    UNION ALL SELECT 'member', to_jsonb(m) FROM pg_auth_members m
    UNION ALL SELECT 'setting', to_jsonb(s) FROM pg_db_role_setting s
    UNION ALL SELECT 'database', to_jsonb(d) - 'datfrozenxid' - 'datminmxid' FROM pg_database d
    UNION ALL SELECT 'file', to_jsonb(f) FROM pg_file_settings f
    UNION ALL SELECT 'slot', to_jsonb(r.slot_name) FROM pg_replication_slots r
    UNION ALL SELECT 'prepared', to_jsonb(p.gid) FROM pg_prepared_xacts p
"""
STATE = """
    SELECT 'relation', to_jsonb(c) - ARRAY['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid',
                                           'relminmxid'] FROM pg_class c
    UNION ALL SELECT 'function', to_jsonb(p) FROM pg_proc p WHERE p.oid >= 16384 OR p.proacl IS NOT NULL
    UNION ALL SELECT 'schema', to_jsonb(n) FROM pg_namespace n WHERE n.nspname !~ '^pg_(temp|toast)'
    UNION ALL SELECT 'type', to_jsonb(t.typname) FROM pg_type t
    UNION ALL SELECT 'large object', to_jsonb(l) FROM pg_largeobject_metadata l
    UNION ALL SELECT 'extension', to_jsonb(e) FROM pg_extension e
    UNION ALL SELECT 'comment', to_jsonb(d) FROM pg_description d WHERE d.objoid >= 16384
    UNION ALL SELECT 'default', to_jsonb(d) FROM pg_default_acl d
    UNION ALL SELECT 'rows', to_jsonb(x) FROM people x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM meters x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM users x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM alembic_version x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM masked.key x
    UNION ALL SELECT 'sequence', to_jsonb(last_value) FROM people_id_seq
"""


@dataclass(frozen=True)
class Scene:
    """A server with two companies, an analyst of the first, and somebody at work in the second."""

    ops: Ops
    analyst: Ops
    url: str
    company: Company
    other: Company
    victim: psycopg.Connection
    #: What stands in the attacks' place holders.
    words: dict[str, object]

    def state(self) -> str:
        """Return a hash of everything that an attack may have changed."""
        found = hashlib.sha256()
        server = self.ops._installation.server
        queries = [("postgres", SERVER_STATE), *((one.database, STATE) for one in (self.company, self.other))]
        for database, query in queries:
            with server.connect(database) as connection:
                rows = connection.execute(query.encode(), {"prefix": f"^{PREFIX}"}).fetchall()
                found.update("\n".join(sorted(map(str, rows))).encode())
        return found.hexdigest()


@pytest.fixture(scope="module")
def scene(dsn: str, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("attacks")
    settings = make_settings(dsn, home, central=f"{PREFIX}attacked", hardening=Hardening.STRICT)
    with Ops(settings) as ops:
        ops.migrate()
        company, other = (_registered(ops, *names) for names in (("Acme", "Ada"), ("Sun Hill", "Bea")))
        assert not [one.error for one in ops.harden() if one.error]
        login = ops.add_analyst("mallory")
        ops.grant_analyst("mallory", [company.id])
        victim = server.open(other.database, role=roles.app_group(other.database))
        victim.execute("SELECT 1")
        words = {
            "me": login.login,
            "db": company.database,
            "other": other.database,
            "owner": settings.owner_role,
            "app": roles.app_group(company.database),
            "read": roles.read_group(company.database),
            "victim": victim.info.backend_pid,
        }
        with Ops(settings.model_copy(update={"database_url": SecretStr(login.url)})) as analyst:
            yield Scene(ops, analyst, login.url, company, other, victim, words)
        victim.close()
        ops.remove_analyst("mallory")
    with server.connect("postgres") as connection:
        reopen(connection, settings)
    clean(server, f"{PREFIX}company_", f"{PREFIX}attacked")


def _registered(ops: Ops, name: str, person: str) -> Company:
    email = f"{name.replace(' ', '').lower()}@example.com"
    company = ops.register(name=name, email=email, admin_email=f"admin-{email}", admin_password="correct horse")
    with ops._installation.server.connect(company.database, role=ops.settings.owner_role) as tenant:
        tenant.execute("INSERT INTO people (name, surname) VALUES (%s, 'Canary')", [f"{person} Canary"])
        tenant.execute("INSERT INTO password_resets (email, token, created_at) VALUES ('x', 'canary-token', now())")
        tenant.execute("ANALYZE")
        tenant.execute(
            "CREATE FUNCTION by_owner() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS 'SELECT lo_create(9)::bigint'"
        )
        tenant.execute("CREATE PROCEDURE by_owner_procedure() SECURITY DEFINER LANGUAGE sql AS 'DELETE FROM people'")
    return company


@pytest.fixture
def unchanged(scene: Scene) -> Iterator[None]:
    """Compare everything before the attack with everything after it."""
    before = scene.state()
    yield
    assert scene.state() == before
    assert not list(Path("/tmp").glob("mpm_attack*"))
    assert scene.victim.execute("SELECT 1").fetchone() == (1,)


def seen(found: object) -> list[str]:
    text = f"{found} {found!r} {getattr(found, 'hint', '')}"
    return [canary for canary in CANARIES if canary in text]


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


def told(attack: Callable[[], object]) -> object:
    """Return what an attack got: its answer, or the error, whose words may tell too much as well."""
    try:
        return attack()
    except (MpmOpsError, psycopg.Error) as exc:
        return exc
