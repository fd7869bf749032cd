"""Analysts: a login of their own on each server, member of the groups of what they were granted (D6).

The central rows say who may read what. `settle` makes the servers agree with them, so that a process that was killed
between the two leaves nothing that the next one does not put right.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from mpm_ops.central import analysts as rows
from mpm_ops.central import registry
from mpm_ops.companies.installation import Installation
from mpm_ops.errors import InvalidInput, MpmOpsError, ServerError, UsageError
from mpm_ops.postgres import reached, roles, scram
from mpm_ops.records import MAIN, Analyst, NewLogin
from mpm_ops.settings import operator

_NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")
#: What the name of a token has behind that of its analyst.
_TOKEN = re.compile(r"_[0-9a-f]{6}\Z")
#: Sessions that one analyst may have at a time.
_CONNECTIONS = 16
#: Hours that a token works at most: a year.
_LONGEST = 24 * 366
#: Beyond it a time may be one that Python cannot hold, in another zone.
_LAST = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


def add(installation: Installation, name: str) -> NewLogin:
    """Add an analyst, who may read nothing yet; return the login with its password, which is kept nowhere.

    Raises InvalidInput, AlreadyExists.
    """
    _check(name)
    return _made(installation, name, until=None)


def token(installation: Installation, name: str, terms: Sequence[int | str], *, hours: float) -> NewLogin:
    """Make a login that reads these companies and ends after so many hours. Raises InvalidInput, UnknownCompany."""
    _check(name)
    if not 0 < hours <= _LONGEST:
        raise InvalidInput(f"{hours:g} hours is no time for a token", hint="Give up to a year: 8 hours, 7 * 24.")
    with installation.central() as connection:
        registry.find_all(connection, terms)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)
    made = _made(installation, f"{name}_{secrets.token_hex(3)}", until=until)
    try:
        grant(installation, made.name, terms)
    except BaseException:
        with suppress(MpmOpsError):  # what a server keeps of it ends by itself
            remove(installation, made.name)
        raise
    return made


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:60]!r} is no name for an analyst", hint="Use up to 24 letters, digits and _: a letter first."
        )


def _check_until(until: dt.datetime | None) -> None:
    if until is None:
        return
    if until.utcoffset() is None:
        raise InvalidInput(f"{until:%Y-%m-%d %H:%M} has no time zone", hint="Give one: until.astimezone()")
    if until <= dt.datetime.now(dt.UTC):
        raise InvalidInput(f"{until:%Y-%m-%d %H:%M} is over", hint="Give a day to come: --until 2027-01-31")
    if until >= _LAST:
        raise InvalidInput(f"{until:%Y-%m-%d} is too far away", hint="A grant without an end has no --until.")


def _made(installation: Installation, name: str, *, until: dt.datetime | None) -> NewLogin:
    """Make the row and the logins, or nothing: nobody would know the password of what is left half done."""
    login = f"{installation.settings.prefix}analyst_{name}"
    password = scram.generated_password()
    with installation.central() as connection:
        rows.add(connection, name=name, login=login, until=until, by=operator())
        try:
            for server in (MAIN, *installation.settings.servers):
                with installation.maintenance(server) as maintenance:
                    # Of one that was removed while this server was away.
                    roles.drop(installation.server_named(server), maintenance, login)
                    with maintenance.transaction():
                        roles.create_login(maintenance, login, until=until, connections=_CONNECTIONS, password=password)
            _open_central(installation, connection, login)
        except BaseException:
            with suppress(MpmOpsError, psycopg.Error):
                _drop(installation, [login])
            rows.remove(connection, name)
            raise
        url = reached.url(connection, login, password)
    return NewLogin(name=name, login=login, url=url)


def grant(
    installation: Installation,
    name: str,
    terms: Sequence[int | str] | int | str | None,
    *,
    personal_data: bool = False,
    until: dt.datetime | None = None,
) -> Analyst:
    """Let an analyst read these companies, None for all, those to come too. Raises UnknownAnalyst, UnknownCompany."""
    _check_until(until)
    with installation.central() as connection:
        rows.find(connection, name)
        ids = [None] if terms is None else [one.id for one in registry.find_all(connection, terms)]
        rows.grant(connection, name, ids, personal_data=personal_data, until=until, by=operator())
    settle(installation)
    return found(installation, name)


def revoke(installation: Installation, name: str, terms: Sequence[int | str] | int | str | None) -> Analyst:
    """Take grants of these companies away, None for all; what the analyst does there ends.

    Raises UnknownAnalyst, UnknownCompany; UsageError when an analyst of all companies shall lose some.
    """
    with installation.central() as connection:
        analyst = rows.find(connection, name)
        ids = None if terms is None else [one.id for one in registry.find_all(connection, terms)]
        if ids is not None and any(one.company_id is None for one in analyst.grants):
            raise UsageError(
                f"{name} may read all companies, those to come too",
                hint=f"Revoke that, and grant what is to stay: mpm-ops analyst revoke {name} --all",
            )
        rows.revoke(connection, name, ids)
    settle(installation)
    return found(installation, name)


def remove(installation: Installation, name: str) -> None:
    """Remove an analyst and the tokens of that name: sessions end, logins are dropped. Raises UnknownAnalyst."""
    with installation.central() as connection:
        tokens = [one for one in rows.listed(connection) if one.until and _TOKEN.sub("", one.name) == name]
        going = [rows.find(connection, name), *tokens]
        _drop(installation, [one.login for one in going])
        # Last, so that one that a server kept is still known.
        for one in going:
            rows.remove(connection, one.name)


def found(installation: Installation, name: str) -> Analyst:
    """Return an analyst. Raises UnknownAnalyst. Read-only."""
    with installation.central() as connection:
        return rows.find(connection, name)


def listed(installation: Installation) -> Sequence[Analyst]:
    """List the analysts by name. Read-only."""
    with installation.central() as connection:
        return rows.listed(connection)


def sweep(installation: Installation) -> Sequence[str]:
    """End what is over: grants with the sessions that used them, tokens with their logins; return what was ended."""
    with installation.central() as connection:
        logins = rows.ended(connection)
        try:
            lost = settle(installation)
        finally:
            # Where a server does not answer, the others go on.
            _drop(installation, logins)
        # Last, so that what a server kept is still known.
        rows.drop_ended(connection, logins)
    return [*logins, *lost]


def over(installation: Installation) -> Sequence[str]:
    """List what `sweep` would end. Read-only."""
    lost: list[str] = []
    with installation.central() as connection:
        logins = [analyst.login for analyst in rows.listed(connection)]
        ended = rows.ended(connection)

        def work(server: str, maintenance: psycopg.Connection) -> None:
            wanted = _wanted(connection, server)
            have = roles.members(maintenance, _groups(installation), logins)
            lost.extend(f"{login}: {group}" for login, group in sorted(have - wanted))

        _on_each(installation, work)
    return [*ended, *lost]


@contextmanager
def kept(connection: psycopg.Connection, *, alone: bool = False) -> Iterator[None]:
    """Keep the grants as they are for a block, in which servers are made to agree with them.

    It comes before any transaction on a server: one that waited for this with roles locked would hang, for whoever is
    `alone` waits for those, and no server sees both.
    """
    with connection.transaction():
        rows.keep(connection, alone=alone)
        yield


def admit(connection: psycopg.Connection, maintenance: psycopg.Connection, database: str, *, server: str) -> None:
    """Let those who may read all companies, those to come too, read a new one. Run it in a block of `kept`."""
    for (login, name), personal in rows.wanted(connection, server).items():
        # A login is missing on a server that was added after it.
        if name == database and roles.exists(maintenance, login):
            group = roles.personal_group(database) if personal else roles.read_group(database)
            maintenance.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(login)))


def settle(installation: Installation) -> list[str]:
    """Make the members of the readers' groups those that the rows say; return who lost what, as text.

    A server that does not answer raises ServerUnavailable once the others are in order; the next sweep settles it.
    """
    lost: list[str] = []
    # What another process takes away meanwhile would be given again.
    with installation.central() as connection, kept(connection, alone=True):
        logins = [analyst.login for analyst in rows.listed(connection)]

        def work(server: str, maintenance: psycopg.Connection) -> None:
            wanted = _wanted(connection, server)
            lost.extend(_settled(maintenance, _groups(installation), logins, wanted))

        _on_each(installation, work)
    return lost


def _wanted(connection: psycopg.Connection, server: str) -> set[tuple[str, str]]:
    """Return who is to be in which group of a server, as the rows say. Read-only."""
    return {
        (login, roles.personal_group(database) if personal else roles.read_group(database))
        for (login, database), personal in rows.wanted(connection, server).items()
    }


def _groups(installation: Installation) -> str:
    """Return what the readers' groups of this installation match."""
    return f"^{installation.settings.prefix}company_"


def _settled(
    connection: psycopg.Connection, groups: str, logins: Sequence[str], wanted: set[tuple[str, str]]
) -> list[str]:
    have = roles.members(connection, groups, logins)
    # First: what is taken away does not wait for what is given.
    for login, group in sorted(have - wanted):
        connection.execute(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(group), sql.Identifier(login)))
        roles.end_sessions(connection, login, _database_of(group))
    for login, group in sorted(wanted - have):
        # A login is missing on a server that was added after it. Without a personal group, nothing has been masked
        # for the other one yet.
        needed = (login, group, roles.personal_group(_database_of(group)))
        if all(roles.exists(connection, one) for one in needed):
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(login)))
    return [f"{login}: {group}" for login, group in sorted(have - wanted)]


def _database_of(group: str) -> str:
    """Name the database whose readers a group has."""
    return group.rpartition("_")[0]


def _drop(installation: Installation, logins: Sequence[str]) -> None:
    def work(server: str, connection: psycopg.Connection) -> None:
        for login in logins:
            roles.drop(installation.server_named(server), connection, login)

    _on_each(installation, work)


def _on_each(installation: Installation, work: Callable[[str, psycopg.Connection], None]) -> None:
    """Do something on every server; one that does not answer is told once the others are done."""
    away: ServerError | None = None
    for server in (MAIN, *installation.settings.servers):
        try:
            with installation.maintenance(server) as connection:
                work(server, connection)
        except ServerError as exc:
            away = away or exc
    if away is not None:
        raise away


def _open_central(installation: Installation, connection: psycopg.Connection, login: str) -> None:
    """Let an analyst into the central database, to the views that show each their own."""
    group = installation.settings.analysts_role
    roles.ensure_group(connection, group)
    names = {"group": group, "login": login, "central": installation.settings.central_database}
    connection.execute(
        sql.SQL(
            """
            GRANT CONNECT ON DATABASE {central} TO {group};
            GRANT USAGE ON SCHEMA granted, public TO {group};
            GRANT SELECT ON granted.companies, granted.company_databases, granted.mpm_plugins,
                granted.database_proxies TO {group};
            GRANT INSERT ON granted.questions TO {group};
            GRANT {group} TO {login}
            """
        ).format(**{name: sql.Identifier(value) for name, value in names.items()})
    )
