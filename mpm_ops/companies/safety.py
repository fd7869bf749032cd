"""Safety of the databases: what lets somebody do more than was granted, and closing it on every server (D6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from mpm_ops.central import registry
from mpm_ops.companies.installation import Installation
from mpm_ops.errors import MpmOpsError
from mpm_ops.postgres import databases, hardening
from mpm_ops.postgres import doctor as symptoms
from mpm_ops.postgres.doctor import Names
from mpm_ops.postgres.server import translated
from mpm_ops.records import MAIN, Deviation, Hardened, Hardening

#: What comes with every server, and lets everybody in.
_SHARED = ("postgres", "template1")


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A database of this installation."""

    server: str
    database: str
    company: str = ""


def doctor(installation: Installation) -> list[Deviation]:
    """Look at every server and database for what lets an analyst do more than read what was granted. Read-only.

    What cannot be looked at is a deviation too.
    """
    found: list[Deviation] = []
    for server in (MAIN, *installation.settings.servers):
        found += _looked(installation, _Place(server=server, database=""), _server)
    with ThreadPoolExecutor(installation.settings.workers) as pool:
        for deviations in pool.map(lambda place: _looked(installation, place, _database), _places(installation)):
            found += deviations
    return found


def harden(installation: Installation, level: Hardening) -> list[Hardened]:
    """Close every database of this installation to those who were granted nothing, as far as `level` says.

    Raises ServerError when the login may not; a database that cannot be closed does not stop the others.
    """
    for server in (MAIN, *installation.settings.servers):
        with installation.maintenance(server) as connection:
            hardening.check(connection, level)
            for name in _SHARED:
                # Whoever deploys is a member of the owner, and goes through `postgres`.
                databases.close_to_public(connection, name, admit=[installation.settings.owner_role])
    with ThreadPoolExecutor(installation.settings.workers) as pool:
        return list(pool.map(partial(_hardened, installation, level), _places(installation)))


def _places(installation: Installation) -> Sequence[_Place]:
    """Return the central database and those of all companies, the half registered ones too."""
    with installation.central() as connection:
        companies = registry.companies(connection, status=None)
    ours = [_Place(server=one.server, database=one.database, company=one.name) for one in companies if one.database]
    return [_Place(server=MAIN, database=installation.settings.central_database), *ours]


def _hardened(installation: Installation, level: Hardening, place: _Place) -> Hardened:
    error, owner = "", installation.settings.owner_role
    try:
        with installation.server_named(place.server).connect(place.database) as connection:
            hardening.harden(connection, level, owner=owner)
            if place.company:
                hardening.let_application(connection, owner=owner, database=place.database)
    except MpmOpsError as exc:
        error = str(exc)
    return Hardened(server=place.server, database=place.database, company=place.company, error=error)


_Look = Callable[[Installation, _Place], Iterator[symptoms.Symptom]]


def _looked(installation: Installation, place: _Place, look: _Look) -> list[Deviation]:
    try:
        with translated():
            seen = list(look(installation, place))
    except MpmOpsError as exc:
        seen = [symptoms.Symptom(subject="", what=f"could not be looked at: {exc}", fix=exc.hint)]
    harden_all = f"mpm-ops harden --level {installation.settings.level}"
    return [
        Deviation(
            server=place.server,
            database=place.database,
            company=place.company,
            subject=one.subject,
            what=one.what,
            fix=one.fix or harden_all,
        )
        for one in seen
    ]


def _server(installation: Installation, place: _Place) -> Iterator[symptoms.Symptom]:
    with installation.maintenance(place.server) as connection:
        yield from symptoms.of_server(connection, _names(installation))


def _database(installation: Installation, place: _Place) -> Iterator[symptoms.Symptom]:
    level = installation.settings.level
    reading = installation.reading
    readable = reading.readable if place.company else {}
    with installation.server_named(place.server).connect(place.database) as connection:
        yield from symptoms.of_database(
            connection, _names(installation), level, readable=readable, masked=tuple(reading.personal)
        )


def _names(installation: Installation) -> Names:
    settings = installation.settings
    return Names(prefix=settings.prefix, central=settings.central_database, owner=settings.owner_role)
