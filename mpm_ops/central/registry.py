"""Companies, their databases, whose e-mail belongs where, and the installable plugins: reading and writing the rows.

Every function takes a connection to the central database; the caller decides about transactions.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import class_row

from mpm_ops.errors import AlreadyExists, UnknownCompany, UnknownPlugin
from mpm_ops.postgres.text import is_text
from mpm_ops.records import MAIN, Company, CompanyStatus, Plugin

_COMPANY = """
    SELECT c.id, c.name::text AS name, c.email::text AS email, coalesce(d.database_name, '') AS database,
           c.status, c.created_at, coalesce(d.server, 'main') AS server
    FROM companies c LEFT JOIN company_databases d ON d.company_id = c.id
"""


def _company(**row: Any) -> Company:
    return Company(**{**row, "status": CompanyStatus(row["status"])})


def companies(connection: psycopg.Connection, *, status: CompanyStatus | None = CompanyStatus.ACTIVE) -> list[Company]:
    """List the companies by id; those that are not active are hidden unless asked for. Read-only."""
    with connection.cursor(row_factory=_rows) as cursor:
        query = _COMPANY + "WHERE c.status = %(status)s OR %(status)s IS NULL ORDER BY c.id"
        return cursor.execute(query, {"status": status}).fetchall()


def with_ids(connection: psycopg.Connection, ids: Collection[int]) -> list[Company]:
    """List the active companies among those with these ids, by id. Read-only."""
    with connection.cursor(row_factory=_rows) as cursor:
        query = _COMPANY + "WHERE c.status = %s AND c.id = ANY(%s) ORDER BY c.id"
        return cursor.execute(query, [CompanyStatus.ACTIVE, list(ids)]).fetchall()


def _rows(cursor: psycopg.Cursor[Any]) -> Any:
    names = [column.name for column in cursor.description or ()]
    return lambda values: _company(**dict(zip(names, values, strict=True)))


def find(connection: psycopg.Connection, term: int | str) -> Company:
    """Return the active company with this id, name, e-mail address or user's e-mail address. Read-only.

    Raises UnknownCompany with the nearest names as a hint, or with those that it may be: none is guessed.
    """
    return find_all(connection, [term])[0]


def find_all(connection: psycopg.Connection, terms: Sequence[int | str] | int | str) -> list[Company]:
    """Return the active companies that `terms` name, each once; a single term will do. Read-only.

    Raises UnknownCompany.
    """
    known = companies(connection)
    each = [terms] if isinstance(terms, int | str) else terms
    found = [_find(connection, term, known) for term in each]
    return list({company.id: company for company in found}.values())


def _find(connection: psycopg.Connection, term: int | str, known: Sequence[Company]) -> Company:
    text = _text(term)
    owner: Company | None = None
    if text.isascii() and text.isdigit():
        matches = [company for company in known if str(company.id) == text.lstrip("0")]
    else:
        folded = text.casefold()
        matches = [c for c in known if folded in (c.name.casefold(), c.email.casefold(), c.database)]
        owner = company_of_user(connection, text) if "@" in text else None
        matches += [owner] if owner and owner not in matches else []
    if len(matches) > 1:
        # Straße and STRASSE; or a company that took another's address for its name.
        matches = [c for c in matches if c == owner or text in (c.name, c.email, c.database)] or matches
    if not matches:
        raise UnknownCompany(f"there is no company {shortened(text)!r}", hint=_near_misses(text, known))
    if len(matches) > 1:
        which = ", ".join(f"{company.name} (id {company.id})" for company in matches[:3])
        raise UnknownCompany(f"{shortened(text)!r} may be one of several companies", hint=f"Give the id of {which}.")
    return matches[0]


def _text(term: int | str) -> str:
    """Return a term as names are written; no id has more digits than Python writes."""
    if isinstance(term, int) and abs(term) >= 10**18:
        return hex(term)
    return unicodedata.normalize("NFC", str(term)).strip()


def _near_misses(text: str, known: Collection[Company]) -> str:
    by_fold = {name.casefold(): company for company in known for name in (company.name, company.email)}
    close = difflib.get_close_matches(text.casefold(), by_fold, n=3, cutoff=0.5)
    close += [fold for fold in by_fold if len(text) > 2 and text.casefold() in fold and fold not in close][:3]
    if close:
        found = dict.fromkeys(f"{by_fold[fold].name} (id {by_fold[fold].id})" for fold in close)
        return f"Did you mean {', '.join(list(found)[:3])}?"
    return "`mpm-ops companies` lists them." if known else "No company is registered yet: `mpm-ops register`."


def shortened(text: str, width: int = 60) -> str:
    """Cut a long text for a message."""
    return text if len(text) <= width else text[: width - 1] + "…"


def company_of_user(connection: psycopg.Connection, email: str) -> Company | None:
    """Return the active company that a user's e-mail address belongs to. Read-only."""
    if not is_text(email):
        return None
    with connection.cursor(row_factory=_rows) as cursor:
        query = (
            _COMPANY
            + "JOIN database_proxies p ON p.fk_company_id = c.id WHERE p.email = %s::citext AND c.status = 'active'"
        )
        return cursor.execute(query, [email]).fetchone()


def refuse_duplicates(connection: psycopg.Connection, *, name: str, email: str, user_email: str) -> None:
    """Raise AlreadyExists when the company or the user's e-mail address is registered. Read-only."""
    row = connection.execute(
        """
        SELECT EXISTS (SELECT FROM companies WHERE name = %(name)s::citext),
               EXISTS (SELECT FROM companies WHERE email = %(email)s::citext),
               EXISTS (SELECT FROM database_proxies WHERE email = %(user_email)s::citext)
        """,
        {"name": name, "email": email, "user_email": user_email},
    ).fetchone()
    for taken, what in zip(
        row or (), (f"company {shortened(name)!r}", f"e-mail {email}", f"e-mail {user_email}"), strict=True
    ):
        if taken:
            raise AlreadyExists(f"{what} is registered already", hint="`mpm-ops companies` lists what there is.")


def next_id(connection: psycopg.Connection) -> int:
    """Take the next company id; one that was taken is never given again, whatever becomes of it."""
    row = connection.execute("SELECT nextval(pg_get_serial_sequence('companies', 'id'))").fetchone()
    return int(row[0]) if row else 0


def insert(
    connection: psycopg.Connection,
    *,
    company_id: int,
    name: str,
    address: str,
    phone: str,
    email: str,
    country_id: int | None,
) -> None:
    """Insert a company with status `provisioning`."""
    try:
        connection.execute(
            "INSERT INTO companies (id, name, address, phone, email, country_id) VALUES (%s, %s, %s, %s, %s, %s)",
            [company_id, name, address, phone, email, country_id],
        )
    except errors.UniqueViolation as exc:
        # Somebody registered it between the check and here.
        raise AlreadyExists(f"company {shortened(name)!r} is registered already") from exc


def insert_database(connection: psycopg.Connection, company_id: int, database: str, *, server: str) -> None:
    """Record which database belongs to a company, and which server it is on."""
    connection.execute(
        "INSERT INTO company_databases (company_id, database_name, server) VALUES (%s, %s, %s)",
        [company_id, database, server],
    )


def server_of(connection: psycopg.Connection, company_id: int) -> str:
    """Return the name of the server that a company's database is on, whatever its status is. Read-only."""
    row = connection.execute("SELECT server FROM company_databases WHERE company_id = %s", [company_id]).fetchone()
    return str(row[0]) if row else MAIN


def insert_proxy(connection: psycopg.Connection, company_id: int, email: str) -> None:
    """Record that a user's e-mail address belongs to a company."""
    try:
        connection.execute(
            """
            INSERT INTO database_proxies (email, fk_company_id, fk_company_database_id)
            SELECT %s, company_id, id FROM company_databases WHERE company_id = %s
            """,
            [email, company_id],
        )
    except errors.UniqueViolation as exc:
        raise AlreadyExists(f"e-mail {email} is registered already", hint="One e-mail belongs to one company.") from exc


def activate(connection: psycopg.Connection, company_id: int) -> None:
    """Let a company be listed and migrated."""
    connection.execute("UPDATE companies SET status = 'active', updated_at = now() WHERE id = %s", [company_id])


def remove(connection: psycopg.Connection, company_id: int) -> None:
    """Delete a company's central rows; proxies and database rows go with it. Its id is never used again."""
    connection.execute("DELETE FROM companies WHERE id = %s", [company_id])


def plugins(connection: psycopg.Connection) -> list[Plugin]:
    """List the installable plugins by id. Read-only."""
    with connection.cursor(row_factory=class_row(Plugin)) as cursor:
        return cursor.execute("SELECT id, name, usage_type, description FROM mpm_plugins ORDER BY id").fetchall()


def find_plugin(connection: psycopg.Connection, term: int | str) -> Plugin:
    """Return the plugin with this id or name. Raises UnknownPlugin with near misses as its hint. Read-only."""
    known = plugins(connection)
    text = str(term).strip()
    for plugin in known:
        if text.casefold() == plugin.name.casefold() or text == str(plugin.id):
            return plugin
    names = {plugin.name.casefold(): plugin.name for plugin in known}
    near = [names[one] for one in difflib.get_close_matches(text.casefold(), names, n=3)]
    raise UnknownPlugin(
        f"there is no plugin {text[:80]!r}",
        hint=f"Is it {', '.join(near)}?" if near else "`mpm-ops plugins` lists them.",
    )


def add_plugin(connection: psycopg.Connection, name: str, usage_type: str, description: str) -> Plugin:
    """Enter a plugin of another package, unless it is there; its id is above those that MPM gives out."""
    with connection.transaction():
        connection.execute("LOCK TABLE mpm_plugins IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(
            """
            INSERT INTO mpm_plugins (id, name, usage_type, description)
            SELECT greatest(max(id), 999) + 1, %(name)s, %(usage)s, %(description)s FROM mpm_plugins
            ON CONFLICT (name) DO NOTHING
            """,
            {"name": name, "usage": usage_type, "description": description},
        )
    return find_plugin(connection, name)


def chosen_plugins(connection: psycopg.Connection, ids: Collection[int]) -> list[Plugin]:
    """Return the plugins with these ids. Raises UnknownPlugin for one that does not exist. Read-only."""
    if not ids:
        return []
    known = {plugin.id: plugin for plugin in plugins(connection)}
    for plugin_id in ids:
        if plugin_id not in known:
            raise UnknownPlugin(
                f"there is no plugin {plugin_id}",
                hint=f"Plugins have the ids {min(known)} to {max(known)}: `mpm-ops plugins`.",
            )
    return [known[plugin_id] for plugin_id in sorted(set(ids))]
