"""Registering a company: what it makes, what it refuses, and what it leaves behind when it fails or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import bcrypt
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import mpm_ops
from mpm_ops import Company, Ops, Settings
from mpm_ops.companies.register import STEPS
from mpm_ops.companies.registration import checked
from mpm_ops.errors import AlreadyExists, InvalidInput, MpmOpsError, ProvisionError, UnknownPlugin
from mpm_ops.postgres import databases, roles
from mpm_ops.postgres.server import Server
from tests.conftest import PREFIX

GIVEN: dict[str, Any] = {
    "name": "Acme Power",
    "email": "info@acme.example.com",
    "admin_email": "ada@acme.example.com",
    "admin_password": "correct horse",
}

type_of_rows = Callable[..., Company]


def traces(connection: psycopg.Connection, settings: Settings, server: Server) -> dict[str, list[str]]:
    """Everything that a registration may leave."""
    with server.connect(settings.central_database) as central:
        rows = central.execute(
            """
            SELECT 'company ' || id FROM companies UNION ALL SELECT 'database ' || company_id FROM company_databases
            UNION ALL SELECT 'proxy ' || email FROM database_proxies
            UNION ALL SELECT 'step ' || company_id || step FROM ops.registration_steps
            """
        ).fetchall()
    return {
        "databases": databases.names(connection, f"{PREFIX}company_"),
        "roles": roles.names(connection, f"{PREFIX}company_"),
        "rows": sorted(row for (row,) in rows),
    }


def test_a_company_gets_a_database_with_an_owner_plugins_and_settings(ops: Ops, server: Server) -> None:
    company = ops.register(**GIVEN, admin_name="Ada", usage_type="shs", plugins=(21, 13))
    assert [company] == ops.list_companies()
    with server.connect(company.database) as tenant:
        user = tenant.execute(
            """
            SELECT u.name, u.email, u.company_id, u.password, r.name
            FROM users u JOIN model_has_roles m ON m.model_type = 'users' AND m.model_id = u.id
            JOIN roles r ON r.id = m.role_id
            """
        ).fetchall()
        assert [(*row[:3], row[4]) for row in user] == [("Ada", "ada@acme.example.com", company.id, "owner")]
        assert bcrypt.checkpw(b"correct horse", user[0][3].encode())
        assert tenant.execute("SELECT company_name, usage_type FROM main_settings").fetchall() == [
            ("Acme Power", "shs")
        ]
        assert tenant.execute("SELECT mpm_plugin_id, status FROM plugins ORDER BY 1").fetchall() == [(13, 1), (21, 1)]
        tail = tenant.execute("SELECT component::text, adjusted FROM registration_tail ORDER BY id").fetchall()
        assert tail == [("Settings", False), ("SunKingSHS", False), ("DemoMeterManufacturer", False)]
    assert ops.tenant_states()[0].state == "current"
    assert ops.get_company("ADA@acme.example.com") == company


def test_the_central_database_holds_the_plugins_and_usage_types(ops: Ops, settings: Settings, server: Server) -> None:
    plugins = {plugin.id: plugin for plugin in ops.list_plugins()}
    assert sorted(plugins) == list(range(1, 33))
    assert (plugins[16].name, plugins[16].usage_type) == ("DalyBms", "e-bike")
    with server.connect(settings.central_database) as central:
        commands = central.execute("SELECT installation_command FROM mpm_plugins WHERE id IN (1, 28) ORDER BY id")
        assert commands.fetchall() == [("spark-meter:install",), ("spark-shs:install",)]
        assert central.execute("SELECT count(DISTINCT value) FROM usage_types").fetchone() == (7,)


def test_a_new_company_holds_the_reference_rows(ops: Ops, register: type_of_rows, server: Server) -> None:
    company = register()
    expected = {
        "roles": 4,
        "permissions": 15,
        "role_has_permissions": 15 + 14 + 7 + 3,
        "countries": 245,
        "sms_bodies": 17,
        "sms_variable_default_values": 16,
        "sms_resend_information_keys": 1,
        "appliance_types": 4,
        "connection_types": 1,
        "sub_connection_types": 1,
        "connection_groups": 1,
        "main_settings": 1,
        "map_settings": 1,
        "tariffs": 0,
        "clusters": 0,
    }
    with server.connect(company.database) as tenant:
        found = {table: tenant.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()[0] for table in expected}  # type: ignore[index]  # count(*) has a row
    assert found == expected


def test_the_database_is_closed_to_everybody_but_its_groups(
    register: type_of_rows, maintenance: psycopg.Connection
) -> None:
    company = register()
    acl = maintenance.execute(
        """
        SELECT coalesce(r.rolname, 'PUBLIC'), a.privilege_type
        FROM pg_database d, aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
        WHERE d.datname = %s AND r.rolname IS DISTINCT FROM pg_get_userbyid(d.datdba) ORDER BY 1
        """,
        [company.database],
    ).fetchall()
    assert acl == [(f"{company.database}_{group}", "CONNECT") for group in ("app", "personal", "read")]


@pytest.mark.parametrize(
    "name",
    [
        "شركة الطاقة",
        "北京电力有限公司",
        "हिमाल ऊर्जा प्रा. लि.",
        "O'Brien; DROP DATABASE postgres; --",
        'Quote " and \\ and %s and {x} and $1',
        "Sun ☀️ & Co 👩‍👩‍👧",
        "x" * 255,
        "<script>alert(1)</script>",
    ],
)
def test_legal_names_work_whatever_the_script(ops: Ops, name: str) -> None:
    company = ops.register(**{**GIVEN, "name": name})
    assert ops.get_company(name) == company
    assert ops.company(company.id).read_sql("SELECT company_name FROM main_settings").iloc[0, 0] == name


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "name"),
        ("name", "   ", "name"),
        ("name", "x" * 5_000, "name"),
        ("name", "a\0b", "control characters"),
        ("name", "a\nb", "control characters"),
        ("name", "\ud800", "control characters"),
        ("email", "not an address", "email"),
        ("email", "a@b", "email"),
        ("admin_email", "a" * 300 + "@example.com", "admin-email"),
        ("admin_password", "short", "8 characters"),
        ("admin_password", "ü" * 40, "72 bytes"),
        ("admin_password", "correct\0horse", "printable"),
        ("usage_type", "coal", "usage-type"),
        ("plugins", ("x",), "plugins"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(
    ops: Ops, settings: Settings, server: Server, maintenance: psycopg.Connection, field: str, value: object, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        ops.register(**{**GIVEN, field: value})
    assert "\n" not in str(caught.value)
    assert "horse" not in str(caught.value)
    assert traces(maintenance, settings, server) == {"databases": [], "roles": [], "rows": []}


def test_an_unknown_plugin_is_refused_before_anything_is_touched(
    ops: Ops, settings: Settings, server: Server, maintenance: psycopg.Connection
) -> None:
    with pytest.raises(UnknownPlugin, match="no plugin 99") as caught:
        ops.register(**GIVEN, plugins=(21, 99))
    assert "1 to 32" in caught.value.hint
    assert traces(maintenance, settings, server) == {"databases": [], "roles": [], "rows": []}


@pytest.mark.parametrize(
    "change",
    [
        {"email": "other@acme.example.com", "admin_email": "other@acme.example.com", "name": "ACME power"},
        {"name": "Other", "admin_email": "other@acme.example.com", "email": "INFO@acme.example.com"},
        {"name": "Other", "email": "other@acme.example.com", "admin_email": "ADA@Acme.Example.com"},
    ],
)
def test_a_second_of_anything_unique_is_refused(
    ops: Ops,
    settings: Settings,
    server: Server,
    maintenance: psycopg.Connection,
    change: dict[str, str],
) -> None:
    ops.register(**GIVEN)
    before = traces(maintenance, settings, server)
    with pytest.raises(AlreadyExists, match="registered already"):
        ops.register(**{**GIVEN, **change})
    assert traces(maintenance, settings, server) == before


@pytest.mark.parametrize("step", STEPS[:-1])
def test_an_error_after_any_step_undoes_all(
    ops: Ops, settings: Settings, server: Server, maintenance: psycopg.Connection, step: str
) -> None:
    def fail(done: str) -> None:
        if done == step:
            raise RuntimeError("the lights went out")

    with pytest.raises(RuntimeError, match="lights"):
        ops.register(**GIVEN, on_step=fail)
    assert traces(maintenance, settings, server) == {"databases": [], "roles": [], "rows": []}
    assert ops.register(**GIVEN).id == 2  # an id is never used twice


def test_a_database_that_is_in_the_way_is_told_and_left_alone(
    ops: Ops, settings: Settings, server: Server, maintenance: psycopg.Connection
) -> None:
    databases.create(maintenance, f"{PREFIX}company_1")
    with server.connect(f"{PREFIX}company_1") as mine:
        mine.execute("CREATE TABLE precious (id int)")
    with pytest.raises(ProvisionError, match="already has") as caught:
        ops.register(**GIVEN)
    assert caught.value.company == "Acme Power"
    with server.connect(f"{PREFIX}company_1") as mine:
        assert mine.execute("SELECT count(*) FROM precious").fetchone() == (0,)
    assert ops.list_companies() == []


SCRIPT = """
import os, signal, sys
from pathlib import Path
import mpm_ops
def die(step):
    if step == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
with mpm_ops.connect() as ops:
    ops.register(name="Acme Power", email="info@acme.example.com", admin_email="ada@acme.example.com",
                 admin_password="correct horse", on_step=die)
"""


def environment(settings: Settings) -> dict[str, str]:
    """The settings, as another process reads them."""
    assert settings.database_url is not None
    return {
        **os.environ,
        "MPM_OPS_DATABASE_URL": settings.database_url.get_secret_value(),
        "MPM_OPS_HOME": str(settings.home),
        "MPM_OPS_PREFIX": settings.prefix,
        "MPM_OPS_CENTRAL_DATABASE": settings.central_database,
        "MPM_OPS_BCRYPT_ROUNDS": "4",
        "MPM_OPS_ENV": settings.env,
    }


@pytest.mark.parametrize("step", STEPS)
def test_a_registration_killed_after_any_step_is_finished_or_undone(
    ops: Ops, settings: Settings, server: Server, maintenance: psycopg.Connection, step: str
) -> None:
    killed = subprocess.run([sys.executable, "-c", SCRIPT, step], env=environment(settings), check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [one.company_id for one in ops.reconcile()] == ([] if step == "activate" else [1])
    if step in ("data", "activate"):
        assert traces(maintenance, settings, server) == {
            "databases": [f"{PREFIX}company_1"],
            "roles": [f"{PREFIX}company_1_{group}" for group in ("app", "personal", "read")],
            "rows": ["company 1", "database 1", "proxy ada@acme.example.com"],
        }
        with ops.login("ada@acme.example.com", "correct horse") as session:
            assert session.company.id == 1
    else:
        assert traces(maintenance, settings, server) == {"databases": [], "roles": [], "rows": []}
        ops.register(**GIVEN)
    assert ops.reconcile() == []


def test_a_registration_under_way_is_left_alone(ops: Ops, settings: Settings) -> None:
    seen: list[object] = []

    def look(step: str) -> None:
        if step == "clone":
            with mpm_ops.connect(settings) as other:
                from mpm_ops.companies.reconcile import reconcile

                seen.extend(reconcile(other._installation, patience=50))
                assert other.list_companies() == []

    company = ops.register(**GIVEN, on_step=look)
    assert [(one.company_id, one.result) for one in seen] == [(1, "in progress")]  # type: ignore[attr-defined]  # the records of reconcile
    assert ops.list_companies() == [company]


@hypothesis_settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    name=st.text(max_size=300),
    email=st.one_of(st.emails(), st.text(max_size=80)),
    password=st.text(max_size=100),
)
def test_no_input_raises_anything_but_our_errors(name: str, email: str, password: str) -> None:
    values = {"name": name, "email": email, "admin_email": email, "admin_password": password}
    secret = f"{password}#planted"
    try:
        registration = checked({**values, "admin_password": secret})
    except MpmOpsError as exc:
        said = f"{exc} {exc.hint}"
    else:
        said = repr(registration)
        assert "\0" not in registration.name
    assert "#planted" not in said
