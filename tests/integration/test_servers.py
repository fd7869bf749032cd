"""Companies on two servers: each on its own, found and worked on together, and one server's end is not the other's."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from mpm_ops import Company, Ops, Policy, Settings
from mpm_ops.central import ledger
from mpm_ops.companies.register import STEPS
from mpm_ops.errors import Busy, InvalidInput, MpmOpsError, ServerUnavailable, UnknownServer
from mpm_ops.postgres import databases, locks, roles
from mpm_ops.postgres.embedded import EmbeddedServer
from mpm_ops.postgres.server import Server
from mpm_ops.schema.apply import LOCK
from mpm_ops.settings import load_settings
from tests.conftest import PREFIX, reachable_directory
from tests.integration.test_fleet import ADD_X, column, revise, statuses
from tests.integration.test_fleet_broken_off import wait_until
from tests.integration.test_fleet_killed import begun
from tests.integration.test_migrations import Register, core_head, truth
from tests.integration.test_register import GIVEN, SCRIPT, environment

#: Minutes of killed processes, stopped servers and copies: `make test-slow`.
pytestmark = pytest.mark.slow


FAST = Policy(workers=4, attempts=2, backoff=0.01, lock_timeout=300)


@pytest.fixture(scope="module")
def second() -> Iterator[tuple[EmbeddedServer, str]]:
    """Another server, and how to reach it."""
    with reachable_directory() as home:
        embedded = EmbeddedServer(home)
        yield embedded, embedded.start()
        embedded.stop()


@pytest.fixture
def west(second: tuple[EmbeddedServer, str]) -> Iterator[Server]:
    """The other server, empty again afterwards."""
    server = Server(second[0].start())
    yield server
    again = Server(second[0].start())
    with again.connect("postgres") as connection:
        for name in databases.names(connection, f"{PREFIX}company_"):
            databases.drop(connection, name)
        for name in [*roles.names(connection, f"{PREFIX}company_"), *roles.names(connection, f"{PREFIX}reader_")]:
            roles.drop(again, connection, name)


@pytest.fixture
def settings(settings: Settings, second: tuple[EmbeddedServer, str]) -> Settings:
    return settings.model_copy(update={"servers": {"west": SecretStr(second[1])}})


@pytest.fixture
def fleet(register: Register, west: Server) -> list[Company]:
    return [register(f"Company {n}", server="west" if n % 2 else "main") for n in range(4)]


def test_a_company_lives_on_the_server_that_it_was_given(
    ops: Ops, fleet: list[Company], server: Server, west: Server
) -> None:
    for where, ids in ((server, [0, 2]), (west, [1, 3])):
        with where.connect("postgres") as connection:
            assert databases.names(connection, f"{PREFIX}company_") == [fleet[n].database for n in ids]
            assert roles.names(connection, f"{PREFIX}company_") == [
                f"{fleet[n].database}_{group}" for n in ids for group in ("app", "personal", "read")
            ]
    assert [company.server for company in ops.list_companies()] == ["main", "west", "main", "west"]
    assert [state.state for state in ops.tenant_states()] == ["current"] * 4
    assert ops.read_sql("SELECT count(*) AS n FROM users")["n"].tolist() == [1] * 4
    with ops.login(*login_of(ops, fleet[1])) as session:
        assert session.read_sql("SELECT current_database() AS d")["d"].tolist() == [fleet[1].database]


def login_of(ops: Ops, company: Company) -> tuple[str, str]:
    reader = ops.company(company.id, personal_data=True)
    return str(reader.read_sql("SELECT email FROM users")["email"][0]), "correct horse"


def test_a_run_goes_over_all_servers(ops: Ops, fleet: list[Company], server: Server, west: Server) -> None:
    column(ops, "o1", None)
    report = ops.migrate_tenant(policy=FAST.model_copy(update={"match": ("server=west",)}))
    assert [(one.company_id, one.status.value) for one in report.outcomes] == [(fleet[n].id, "done") for n in (1, 3)]
    assert statuses(ops.migrate_tenant(policy=FAST)) == "dsds"
    assert {truth(west if n % 2 else server, one) for n, one in enumerate(fleet)} == {(("o1",), ("o1",))}
    assert all(one.clean for one in ops.drift())
    with west.connect(fleet[1].database) as tenant:
        tenant.execute(f"COMMENT ON DATABASE {fleet[1].database} IS 'mpm_ops heads=x'".encode())
        tenant.execute("ALTER TABLE people ADD COLUMN y text")
    assert [one.clean for one in ops.drift()] == [True, False, True, True]
    assert "put right" in ops.migrate_tenant(policy=FAST, verify=True).notes[0]
    assert statuses(ops.fresh_tenant([fleet[1].id])) == "d"
    assert all(one.clean for one in ops.drift())
    with west.connect("postgres") as connection:
        databases.drop(connection, fleet[3].database)
    assert statuses(ops.migrate_tenant(policy=FAST, create_missing=True)) == "ssss"
    assert truth(west, fleet[3]) == (("o1",), ("o1",))


@pytest.fixture
def copied(ops: Ops, fleet: list[Company], server: Server) -> list[int | str]:
    """An old copy of a western company on the main server; the ids of that company and of one that lives there."""
    column(ops, "o1", None)
    with server.connect("postgres") as connection:
        databases.create(connection, fleet[1].database)
        connection.execute(databases.stamp(fleet[1].database, ["o1"]))
    return [fleet[1].id, fleet[0].id]  # the server with the copy is asked last


def test_a_copy_on_another_server_says_nothing_of_the_company(
    ops: Ops, fleet: list[Company], west: Server, copied: list[int | str]
) -> None:
    assert [state.state for state in ops.tenant_states(copied)] == ["behind", "behind"]
    assert statuses(ops.migrate_tenant(copied, policy=FAST)) == "dd"
    assert truth(west, fleet[1]) == (("o1",), ("o1",))


def test_drift_of_a_company_is_seen_beside_its_copy(
    ops: Ops, fleet: list[Company], server: Server, west: Server, copied: list[int | str]
) -> None:
    for _ in range(2):  # the second one remembers what the counters of both were at rest
        assert [one.clean for one in ops.drift(copied)] == [True, True]
    with west.connect(fleet[1].database) as tenant:
        tenant.execute("ALTER TABLE people ADD COLUMN by_hand text")
    wait_until(lambda: at_rest(west, fleet[1]))
    assert [one.clean for one in ops.drift(copied)] == [False, True]


def at_rest(server: Server, company: Company) -> bool:
    with server.connect("postgres") as connection:
        return company.database in databases.at_rest(connection, company.database)


def test_who_is_at_a_copy_is_not_at_the_company(
    ops: Ops, fleet: list[Company], server: Server, maintenance: psycopg.Connection, copied: list[int | str]
) -> None:
    with server.connect(fleet[1].database) as other, locks.try_lock(other, LOCK):
        assert ops.status().busy == []
    name = sql.Identifier(fleet[1].database)
    maintenance.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
    assert {state.state for state in ops.status().states} == {"behind"}


def test_who_holds_a_lock_on_the_other_server_is_named(ops: Ops, fleet: list[Company], west: Server) -> None:
    revise(ops, "o1", None, *ADD_X)
    with west.connect(fleet[1].database) as other, other.transaction():
        other.execute("LOCK TABLE people")
        report = ops.migrate_tenant(policy=FAST)
        assert statuses(report) == "dfdd"
        assert f"pid {other.info.backend_pid}, " in report.failed[0].why


def test_a_server_that_is_down_costs_only_its_own_companies(
    ops: Ops, fleet: list[Company], server: Server, west: Server, second: tuple[EmbeddedServer, str]
) -> None:
    revise(ops, "o1", None, *ADD_X)
    second[0].stop()
    report = ops.migrate_tenant(policy=FAST)
    assert statuses(report) == "dfdf"
    assert {failed.failure.kind for failed in report.failed if failed.failure} == {"ServerUnavailable"}
    status = ops.status()
    assert [state.state for state in status.states] == ["current", "unreachable"] * 2
    column(ops, "o2", "o1")
    report = ops.migrate_tenant(policy=FAST, create_missing=True)
    assert statuses(report) == "dfdf"
    second[0].start()
    assert statuses(ops.resume_run(report.run_id or 0)) == "dd"
    assert {truth(west if n % 2 else server, one) for n, one in enumerate(fleet)} == {(("o2",), ("o2",))}


def test_a_killed_run_is_settled_once_no_server_works_for_it(
    ops: Ops, fleet: list[Company], server: Server, west: Server
) -> None:
    column(ops, "o1", None)
    with begun(ops, server, fleet) as take:
        killed = take(fleet[0])
    with west.connect(fleet[1].database, application=ledger.application(PREFIX, killed)):
        with pytest.raises(Busy, match="a server is still at work for it"):
            ops.resume_run(killed)
        assert ops.migrate_tenant([fleet[2].id]).notes == []
    assert statuses(ops.resume_run(killed, policy=FAST)) == "dsd"
    assert ops.run(killed).ended == "interrupted"


def test_a_server_that_the_settings_do_not_know(ops: Ops, settings: Settings, fleet: list[Company]) -> None:
    with pytest.raises(UnknownServer, match="no server 'east'"):
        ops.register(**GIVEN, server="east")
    assert len(ops.list_companies()) == 4
    revise(ops, "o1", None, *ADD_X)
    with Ops(settings.model_copy(update={"servers": {}})) as alone:
        report = alone.migrate_tenant(policy=FAST)
    assert statuses(report) == "dfdf"
    assert "no server 'west'" in report.failed[0].why
    assert report.failed[0].before == ()
    assert statuses(ops.migrate_tenant(policy=FAST)) == "sdsd"


def test_a_failed_registration_leaves_nothing_there(ops: Ops, west: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(step: str) -> None:
        if step == "data":
            raise MpmOpsError("no")

    with pytest.raises(MpmOpsError):
        ops.register(**GIVEN, server="west", on_step=fail)
    with west.connect("postgres") as connection:
        assert databases.names(connection, f"{PREFIX}company_") == []
        assert roles.names(connection, f"{PREFIX}company_") == []


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_registration_is_finished_or_undone_there(
    ops: Ops, settings: Settings, west: Server, second: tuple[EmbeddedServer, str], step: str
) -> None:
    script = SCRIPT.replace('admin_password="correct horse"', 'admin_password="correct horse", server="west"')
    variables = {**environment(settings), "MPM_OPS_SERVERS": json.dumps({"west": second[1]})}
    killed = subprocess.run([sys.executable, "-c", script, step], env=variables, check=False)
    assert killed.returncode == -signal.SIGKILL
    ops.reconcile()
    kept = step in ("data", "activate")
    assert [company.server for company in ops.list_companies()] == (["west"] if kept else [])
    with west.connect("postgres") as connection:
        assert len(databases.names(connection, f"{PREFIX}company_")) == kept
        assert len(roles.names(connection, f"{PREFIX}company_")) == 3 * kept
    assert ops.reconcile() == []


@pytest.mark.parametrize("value", ['{"main": "postgresql://h/"}', '{"W": "postgresql://h/"}', "[]", "{"])
def test_what_names_no_servers_is_refused(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "MPM_OPS_SERVERS", value)
    with pytest.raises(InvalidInput, match="MPM_OPS_SERVERS"):
        load_settings()


def test_a_dry_run_and_core_head_are_the_same_for_all(ops: Ops, fleet: list[Company]) -> None:
    revise(ops, "o1", None, *ADD_X)
    (plan,) = ops.dry_run().plans
    assert (plan.before, len(plan.companies)) == ((core_head(),), 4)


def test_an_analyst_reads_on_all_servers_and_one_that_is_away_is_swept_later(
    ops: Ops,
    settings: Settings,
    fleet: list[Company],
    server: Server,
    west: Server,
    second: tuple[EmbeddedServer, str],
) -> None:
    ops.add_analyst("ada")
    ops.grant_analyst("ada", None)
    login = f"{PREFIX}analyst_ada"
    groups = {(login, roles.read_group(company.database)) for company in fleet}

    def read(*servers: Server) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for one in servers:
            with one.connect("postgres") as connection:
                found |= roles.members(connection, f"^{PREFIX}company_", [login])
        return found

    assert read(server, west) == groups
    second[0].stop()
    with pytest.raises(MpmOpsError):
        ops.revoke_analyst("ada", None)
    assert read(server) == set()
    with pytest.raises(MpmOpsError):
        ops.remove_analyst("ada")
    assert [one.name for one in ops.analysts()] == ["ada"]
    second[0].start()
    assert len(ops.sweep()) == len(fleet) / 2
    assert read(west) == set()
    ops.remove_analyst("ada")
    assert list(ops.analysts()) == []


def test_a_token_is_known_until_every_server_has_dropped_it(
    ops: Ops, fleet: list[Company], second: tuple[EmbeddedServer, str], server: Server
) -> None:
    made = ops.token("ada", [fleet[0].id, fleet[1].id], hours=0.5 / 3600)
    wait_until(lambda: any(one.until and one.until < dt.datetime.now(dt.UTC) for one in ops.analysts()))
    second[0].stop()
    with pytest.raises(ServerUnavailable):
        ops.sweep()
    with server.connect("postgres") as connection:
        assert not roles.exists(connection, made.login)
    assert [one.login for one in ops.analysts()] == [made.login]
    with Server(second[0].start()).connect("postgres") as connection:
        assert roles.exists(connection, made.login)
        assert made.login in ops.sweep()
        assert not roles.exists(connection, made.login)
    assert ops.analysts() == []
