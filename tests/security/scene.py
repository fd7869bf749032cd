"""Where attacks and accidents happen: two companies, an analyst of the first, and all that must stay as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from mpm_ops import Company, Ops
from mpm_ops.analysis.guard import Limits
from mpm_ops.analysis.reader import CompanyReader
from mpm_ops.errors import MpmOpsError
from tests.conftest import PREFIX

#: What must never be seen: names and rows of the other company, personal data, secrets, the centre's own.
CANARIES = ("Sun Hill", "sunhill@", "Bea Canary", "Ada Canary", "canary-token", "$2b$", "SCRAM-SHA-256")
#: What is asked at random takes little.
LIMITS = Limits(rows=100, statement=2_000, bytes=1_000_000)
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
CATALOG = """
    SELECT 'relation', to_jsonb(c) - ARRAY['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid',
                                           'relminmxid'] FROM pg_class c
    UNION ALL SELECT 'function', to_jsonb(p) FROM pg_proc p WHERE p.oid >= 16384 OR p.proacl IS NOT NULL
    UNION ALL SELECT 'schema', to_jsonb(n) FROM pg_namespace n WHERE n.nspname !~ '^pg_(temp|toast)'
    UNION ALL SELECT 'type', to_jsonb(t.typname) FROM pg_type t
    UNION ALL SELECT 'large object', to_jsonb(l) FROM pg_largeobject_metadata l
    UNION ALL SELECT 'extension', to_jsonb(e) FROM pg_extension e
    UNION ALL SELECT 'comment', to_jsonb(d) FROM pg_description d WHERE d.objoid >= 16384
    UNION ALL SELECT 'default', to_jsonb(d) FROM pg_default_acl d
"""
STATE = f"""
    {CATALOG}
    UNION ALL SELECT 'rows', to_jsonb(x) FROM people x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM meters x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM users x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM alembic_version x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM masked.key x
    UNION ALL SELECT 'sequence', to_jsonb(last_value) FROM people_id_seq
"""
#: Of the central database; not the questions, which are noted there.
CENTRAL_STATE = f"""
    {CATALOG}
    UNION ALL SELECT 'rows', to_jsonb(x) FROM companies x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM company_databases x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM database_proxies x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM mpm_plugins x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM ops.analysts x
    UNION ALL SELECT 'rows', to_jsonb(x) FROM ops.analyst_grants x
"""
HASH = """SELECT md5(string_agg(x::text, ' ' ORDER BY x::text COLLATE "C")) FROM ({}) AS x"""


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
        found: list[str] = []
        server = self.ops._installation.server
        queries = [("postgres", SERVER_STATE), (self.ops.settings.central_database, CENTRAL_STATE)]
        queries += [(one.database, STATE) for one in (self.company, self.other)]
        for database, query in queries:
            with server.connect(database) as connection:
                row = connection.execute(HASH.format(query).encode(), {"prefix": f"^{PREFIX}"}).fetchone()
                found += row or ()
        return " ".join(found)


def registered(ops: Ops, name: str, person: str) -> Company:
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


def seen(found: object) -> list[str]:
    text = f"{found} {found!r} {getattr(found, 'hint', '')}"
    return [canary for canary in CANARIES if canary in text]


def told(attack: Callable[[], object]) -> object:
    """Return what an attack got: its answer, or the error, whose words may tell too much as well."""
    try:
        return attack()
    except (MpmOpsError, psycopg.Error) as exc:
        return exc


def is_well(reader: CompanyReader) -> bool:
    """Whether the session is as it was, and works."""
    query = "SELECT current_user, current_setting('transaction_read_only'), current_setting('search_path'), 1"
    [(login, *rest)] = reader.ask(query).rows
    return login.endswith("analyst_mallory") and rest == ["on", "masked, public, pg_catalog", 1]
