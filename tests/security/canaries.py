"""Canaries: values that must show nowhere, and the places where they are looked for."""

from __future__ import annotations

import base64
import gc
import os
import pickle
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from tblib import pickling_support  # type: ignore[import-untyped]  # it has none

from mpm_ops.errors import MpmOpsError
from mpm_ops.postgres import databases
from mpm_ops.postgres.server import Server
from mpm_ops.records import NewLogin


class Canaries:
    """The planted values by what they are."""

    def __init__(self) -> None:
        self._planted: dict[str, str] = {}

    def plant(self, what: str) -> str:
        """Return a new value, and look for it from now on."""
        return self.watch(what, f"canary{secrets.token_hex(8)}")

    def watch(self, what: str, value: str) -> str:
        """Look for a value that was made elsewhere."""
        assert len(value) > 12, f"{what} would be found by chance"
        self._planted[what] = value
        return value

    def in_login(self, what: str, login: NewLogin) -> NewLogin:
        """Look for the password of a login that was just made."""
        self.watch(what, str(urlsplit(login.url).password))
        return login

    def found_in(self, *texts: object) -> list[str]:
        """Return which of them stand in one of these, as they are or in base64."""
        data = b"\0".join(one if isinstance(one, bytes) else str(one).encode(errors="replace") for one in texts)
        return [
            what for what, value in self._planted.items() if any(form in data for form in (value.encode(), *_64(value)))
        ]

    def found_under(self, folder: Path) -> dict[str, list[str]]:
        """Return in which files below a folder which of them stand."""
        found = {}
        for path in folder.rglob("*"):
            with suppress(OSError):  # a socket, or a file that the server has just removed
                if path.is_file() and (here := self.found_in(path.read_bytes(), path)):
                    found[str(path.relative_to(folder))] = here
        return found


def _64(value: str) -> Iterator[bytes]:
    """Yield what a value is in base64, wherever in the encoded text it begins."""
    for before, spoilt in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * before + value.encode())
        yield encoded[spoilt : (before + len(value)) * 8 // 6]


def living(package: str) -> Iterator[object]:
    """Yield every object of a package's classes that there is, and what it shows of itself.

    Not an answer that nobody has looked at: another test's may ask an installation that is gone.
    """
    for thing in gc.get_objects():
        if str(type(thing).__module__).partition(".")[0] == package:
            shown = "" if getattr(thing, "is_asked", True) is False else str(thing)
            yield f"{type(thing).__name__}: {thing!r} {shown}"


def all_of(error: BaseException) -> Iterator[object]:
    """Yield everything that an error carries, and those that it came from."""
    found: BaseException | None = error
    while found is not None:
        yield from (repr(found), str(found), found.args, vars(found), getattr(found, "__notes__", ""))
        # As another process gets it where Dask is, which has pickles take along what an error came from.
        pickling_support.install(found)
        with suppress(TypeError, AttributeError, pickle.PicklingError):  # the driver's do not all pickle
            yield pickle.dumps(found)
        found = found.__cause__


#: What PostgreSQL tells of itself: statements under way, settings, comments, verifiers of passwords.
SHARED = (
    "SELECT pg_stat_activity::text FROM pg_stat_activity",
    "SELECT pg_db_role_setting::text FROM pg_db_role_setting",
    "SELECT pg_shdescription::text FROM pg_shdescription",
    "SELECT pg_authid::text FROM pg_authid",
    "SELECT pg_settings::text FROM pg_settings",
)
TABLES = """
    SELECT format('SELECT t::text FROM %I.%I AS t', schemaname, tablename) FROM pg_tables
    WHERE schemaname !~ '^pg_|information_schema'
"""


def stored(server: Server, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield all rows of all databases whose names begin with `prefix`, and of the catalogs that they share."""
    with server.connect("postgres") as connection:
        names = databases.names(connection, prefix)
        yield "shared", _rows(connection, SHARED)
    for name in names:
        with suppress(MpmOpsError), server.connect(name) as connection:
            yield name, _rows(connection, [query for (query,) in connection.execute(TABLES.encode())])


def _rows(connection: psycopg.Connection, queries: list[str] | tuple[str, ...]) -> str:
    return "\n".join(str(row[0]) for query in queries for row in connection.execute(query.encode()))


@contextmanager
def command_lines() -> Iterator[set[bytes]]:
    """Watch the command lines of all processes for a block, as anybody on the machine can."""
    seen: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.001):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(process.read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def log_of(dsn: str) -> Path | None:
    """Return the log of the embedded server that a connection string is of; None of another server."""
    passfile = psycopg.conninfo.conninfo_to_dict(dsn).get("passfile")
    log = Path(os.fspath(str(passfile))).with_name("log") if passfile else None
    return log if log is not None and log.is_file() else None
